// The hold's last minutes: warns politely with time to act, keeps the hold for longer in place, says what became of it.
import { serverNow } from "./clock.js";
import { countDown } from "./countdown.js";

const PATIENCE = 10_000; // for an answer
const AGAIN = 5000; // after none came

const place = () => document.getElementById("hold-timer");
let timers = [];
let warned = "";

function say(words) {
  document.getElementById("hold-news").textContent = words;
}

function warn() {
  const warning = place()?.querySelector("[data-warn-at]");
  if (!warning) return;
  const left = Date.parse(place().dataset.until) - serverNow();
  warning.hidden = Date.parse(warning.dataset.warnAt) > serverNow() || left <= 0;
  if (warning.hidden || warned === place().dataset.until) return;
  warned = place().dataset.until;
  say(warning.textContent.replace(/\s+/g, " ").trim());
}

// Takes what the server says of the hold now; false when its answer has no such place.
function take(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("hold-timer");
  if (!fresh || !place()) return false;
  place().replaceWith(document.importNode(fresh, true));
  watchHold();
  say(place().dataset.said);
  return true;
}

// Until the page is there: it is asked for when the time is up, and that is told once.
async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) return take(await answer.text());
  } catch {
    // nobody answered
  }
  setTimeout(refresh, AGAIN * (0.5 + Math.random()));
}

async function keep(button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // not `disabled`: the focus would be lost
  const address = button.getAttribute("formaction") || button.form.action;
  try {
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams(new FormData(button.form)), signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok || !take(await answer.text())) return button.form.requestSubmit(button);
    place().focus();
  } catch {
    button.removeAttribute("aria-disabled");
    say("The network swallowed the answer. Press again.");
  }
}

export function watchHold() {
  timers.forEach(clearInterval);
  if (!place()) return;
  const root = place().closest("[data-server-now]") || document;
  timers = [countDown(root, () => setTimeout(refresh, 1500)), setInterval(warn, 1000)];
  warn();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-keep]");
  if (!button || event.defaultPrevented) return;
  event.preventDefault();
  keep(button);
});
