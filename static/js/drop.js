// The drop page: stock and phase follow the live news, the countdown the server's clock.
import { countDown } from "./countdown.js";
import { setServerTime } from "./clock.js";
import { follow } from "./live.js";

const PATIENCE = 10_000; // for the page
const [FIRST, LONGEST] = [3000, 30_000]; // the longest wait after none came, with full jitter
const LOST = ["TypeError", "NetworkError", "TimeoutError", "AbortError"]; // fetch's names for no answer

const decision = () => document.getElementById("decision");
let version = -1;
let timer = null;
let refreshing = false;
let tries = 0;
let again = null;
let wanted = null; // the size that was chosen, kept while there is nothing to choose

const words = ({ available, in_carts: inCarts }) =>
  available > 0 ? `${available} left` : inCarts > 0 ? "In carts, may come back" : "Sold out";
const amount = (available) => (available <= 0 ? "none" : available <= 5 ? "few" : "some");

function announce(text) {
  const region = decision().querySelector("[data-announce]");
  if (region) region.textContent = text;
}

function showStock(sku, stock) {
  const size = decision().querySelector(`[data-sku="${CSS.escape(sku)}"]`);
  if (!size || ["upcoming", "closed"].includes(decision().dataset.phase)) return;
  const place = size.querySelector("[data-stock]");
  if (place.textContent === words(stock)) return;
  place.textContent = words(stock);
  size.classList.remove("fell");
  requestAnimationFrame(() => size.classList.add("fell"));
  const before = size.dataset.left;
  size.dataset.left = amount(stock.available);
  const radio = size.querySelector("input");
  if (!radio) return;
  radio.disabled = stock.available <= 0;
  allowBuying();
  if (radio.checked && (radio.disabled || before !== size.dataset.left)) {
    announce(`${size.querySelector("b").firstChild.textContent.trim()}: ${words(stock)}`);
  }
}

// Whatever is left decides whether there is something to press. Its place stays, so that nothing below jumps.
function allowBuying() {
  const none = !decision().querySelector("[name=sku]:enabled");
  document.getElementById("picker").classList.toggle("none-left", none);
  const list = decision().querySelector(".wait-for-it");
  if (list) list.hidden = !decision().querySelector("[name=sku]:disabled");
}

function news(message) {
  if (message.version !== undefined && message.version < version) return;
  version = message.version ?? version;
  if (message.phase && message.phase !== decision().dataset.phase) return refreshSoon();
  for (const [sku, stock] of Object.entries(message.stock || {})) showStock(sku, stock);
}

// Everybody's page turns at the same second: spread the asking over a short while.
function refreshSoon() {
  if (refreshing) return;
  refreshing = true;
  setTimeout(refresh, Math.random() * 1500);
}

async function refresh() {
  refreshing = true;
  const page = await read();
  refreshing = false;
  clearTimeout(again);
  if (!page) again = setTimeout(refreshSoon, Math.random() * Math.min(LONGEST, FIRST * 2 ** tries++)); // a turn is told once
  else replace(page.getElementById("decision"));
  if (page) tries = 0;
}

async function read() {
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    const answer = await fetch(decision().dataset.page, { headers: { Accept: "text/html" }, cache: "no-store", signal });
    return answer.ok && !answer.redirected ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  } catch (error) {
    if (!LOST.includes(error.name)) throw error;
    return null;
  }
}

// Part by part: the form that somebody may be typing in stays, and so does the region that speaks.
function replace(fresh) {
  if (!fresh) return;
  if (fresh.dataset.phase === decision().dataset.phase) {
    setServerTime(fresh.dataset.serverNow);
    return fresh.querySelectorAll("[data-sku]").forEach(copyStock);
  }
  const focused = document.activeElement?.name === "sku";
  keepUnfolded(fresh);
  for (const part of fresh.querySelectorAll("[data-part]")) {
    decision().querySelector(`[data-part="${part.dataset.part}"]`).replaceWith(part);
  }
  Object.assign(decision().dataset, fresh.dataset);
  const radio = wanted && decision().querySelector(`[name=sku][value="${CSS.escape(wanted)}"]:enabled`);
  if (radio) radio.checked = true;
  if (radio && focused) radio.focus({ preventScroll: true });
  announce(decision().querySelector("[data-phase-label]").textContent.trim());
  begin();
}

// What somebody unfolded stays open, and nothing unfolds by itself: both would move what they read.
function keepUnfolded(fresh) {
  const title = (details) => details.querySelector("summary").textContent.trim();
  const before = new Map([...decision().querySelectorAll("details")].map((details) => [title(details), details.open]));
  for (const details of fresh.querySelectorAll("details")) details.open = before.get(title(details)) ?? details.open;
}

function copyStock(fresh) {
  const text = fresh.querySelector("[data-stock]").textContent.trim();
  const available = Number.parseInt(text, 10) || 0;
  showStock(fresh.dataset.sku, { available, in_carts: text.startsWith("In carts") ? 1 : 0 });
}

function choose() {
  const chosen = decision().querySelector("[name=sku]:checked");
  if (!chosen) return;
  wanted = chosen.value;
  const price = decision().querySelector("[data-chosen-price]");
  if (price) price.textContent = ` · ${chosen.dataset.price}`;
  decision().querySelectorAll("#quantity option").forEach((option) => {
    option.hidden = option.disabled = Number(option.textContent) > Number(chosen.dataset.limit);
    if (option.disabled && option.selected) decision().querySelector("#quantity").value = chosen.dataset.limit;
  });
}

function begin() {
  clearInterval(timer);
  timer = countDown(decision().parentElement, () => refreshSoon());
  choose();
}

function countPictures() {
  const gallery = document.querySelector("[data-gallery]");
  const [list, count] = [gallery?.querySelector("ul"), gallery?.querySelector(".gallery-count")];
  if (!count) return;
  const show = () => {
    count.hidden = false;
    count.textContent = `${Math.round(list.scrollLeft / list.clientWidth) + 1} / ${list.children.length}`;
  };
  list.addEventListener("scroll", show, { passive: true });
  show();
}

// A second click while the first is under way is no second wish; after it was stopped, or for long got no answer, it is one.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "picker") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
  if (!window.navigation) setTimeout(mayPress, PATIENCE); // where nobody tells that it was stopped
});
const mayPress = () => delete document.getElementById("picker")?.dataset.sent;
window.navigation?.addEventListener("navigateerror", mayPress);
addEventListener("pageshow", mayPress); // came back to it

// A form that is folded up opens for whoever is sent to it.
document.addEventListener("click", (event) => {
  if (!event.target.closest('[href="#tell-email"]')) return;
  document.getElementById("tell-me").open = true;
  if (!document.getElementById("tell-email")) document.getElementById("tell-me").scrollIntoView(); // already signed up
});

document.addEventListener("change", (event) => event.target.name === "sku" && choose());
countPictures();
begin();
if (decision().dataset.live) follow(decision().dataset.live, { news, poll: refresh });
