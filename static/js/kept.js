// A page that came from this device, not from the shop: says so, promises nothing old, and is loaded anew once the shop answers.
const [SOONEST, LATEST] = [2000, 20_000]; // between looks whether the shop is back, with full jitter
const QUICK = 3000; // a shop that answers slower than that would only bring the kept page again
const { kept } = document.documentElement.dataset;
let tries = 0;
let timer = null;

export const isKept = Boolean(kept);

const clock = (iso) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(new Date(iso));
const why = () => (navigator.onLine === false ? "you are offline" : "the shop does not answer just now");

function say() {
  const line = document.querySelector("[data-kept-why]");
  if (line) line.textContent = `${document.querySelector("[data-offline]") ? "" : `Last seen at ${clock(kept)} · `}${why()}`;
}

function note() {
  const box = Object.assign(document.createElement("div"), { className: "note wait kept" });
  box.setAttribute("role", "status");
  const words = document.createElement("strong");
  words.dataset.keptWhy = "";
  box.append(words, Object.assign(document.createElement("p"), { textContent: "What is left may have changed. This page comes back to life by itself." }));
  const head = document.querySelector("#decision .decision-head");
  if (head) return head.after(box);
  const place = Object.assign(document.createElement("div"), { className: "wrap" });
  place.append(box);
  document.getElementById("main").prepend(place);
}

// Its forms have no token, and their answer would be an error page of the browser.
function rest() {
  document.querySelectorAll("form[method=post] :is(button,input,select)").forEach((part) => (part.disabled = true));
}

function lookSoon(pause = SOONEST + Math.random() * Math.min(LATEST, SOONEST * 2 ** tries++)) {
  clearTimeout(timer);
  timer = setTimeout(look, pause);
}

async function look() {
  say();
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(QUICK) });
    if (answer.status < 500 && answer.status !== 429) return location.reload();
  } catch {
    // still away
  }
  lookSoon();
}

export function mark() {
  if (!isKept) return;
  if (!document.querySelector("[data-offline]")) note();
  rest();
  say();
  lookSoon();
  addEventListener("online", () => lookSoon(Math.random() * 1000));
  addEventListener("offline", say);
}
