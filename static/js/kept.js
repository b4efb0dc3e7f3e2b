// A page that came from this device, not from the shop: says so, promises nothing old, and is loaded anew once the shop answers.
import { hour, make, makeNote } from "./note.js";

const [SOONEST, LATEST] = [2000, 20_000]; // between looks whether the shop is back, with full jitter
const QUICK = 3000; // a shop that answers slower than that would only bring the kept page again
const { kept } = document.documentElement.dataset;
let tries = 0;
let timer = null;

const why = () => (navigator.onLine === false ? "you are offline" : "the shop does not answer just now");
const shell = document.querySelector("[data-offline]"); // the page for what was never seen has its own words

function say() {
  if (shell) shell.querySelector("[data-kept-why]").textContent = navigator.onLine === false ? "You are offline" : "The shop does not answer just now";
  else document.querySelector(".kept strong").textContent = `Last seen at ${hour(kept)} · ${why()}`;
}

function showNote() {
  const note = makeNote({ tone: "wait", headline: "", text: "What is left may have changed. This page comes back to life by itself." });
  const box = make("div", { className: "kept", role: "status" }, note);
  const head = document.querySelector("#decision .decision-head");
  if (head) head.after(box);
  else document.getElementById("main").prepend(make("div", { className: "wrap" }, box));
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
  if (!kept) return;
  if (!shell) showNote();
  rest();
  say();
  lookSoon();
  addEventListener("online", () => lookSoon(Math.random() * 1000));
  addEventListener("offline", say);
}
