// What the fan reads of orders that wait on this device, in one place of the page; sends them on while the page is open.
import { hour, make, makeNote } from "./note.js";
import { all, attempt, cancel, forget, lasts, pauseBefore, timeUntilDue, waits } from "./outbox.js";

export const GONE = {
  "sold-out": "Sold out before your order reached us",
  "in-other-carts": "In other carts when your order reached us",
  "hold-expired": "Your hold ended before your order reached us",
  "not-open": "The drop was not open when your order reached us",
  "limit-reached": "That is more than one person can have",
};
const UNCHARGED = "Your order was not placed, and you have not been charged.";
const timers = new Map();
const drawn = new Map();
let follow = () => {}; // the checkout page goes on by itself when its own order was answered
let closed = () => {};

// --- words ----------------------------------------------------------------------------------------------------------
const words = {
  waiting: (order) => ({
    tone: "wait",
    headline: lasts() ? "Saved on this device, sending…" : "Sending… leave this page open",
    text: `${whyItWaits(order)}${lasts() ? "" : " This device had no room to save it, so it is lost when you close this page."}`,
    acts: [act("Cancel this order", () => letGo(order.key))],
  }),
  sent: (order) => ({
    tone: "good", headline: "Your order has arrived", text: `We have your order from ${order.title}.`,
    acts: [link("See your order", order.location || order.checkout, () => forget(order.key)), close(order.key)],
  }),
  refused: (order) => (GONE[order.type] ? gone(order) : anotherLook(order)),
  cancelled: (order) => ({
    tone: "good", headline: "Cancelled",
    text: order.uncertain
      ? "It is not sent again. One try may have reached us before: then you get an e-mail, and can cancel the order on its page."
      : "Nothing was sent, and nothing is charged.",
    acts: [close(order.key)],
  }),
  expired: (order) => ({
    tone: "bad", headline: "Your order could not be sent",
    text: `For a day the shop could not be reached from here, so your order from ${order.title} was deleted from this device.`,
    acts: [link("Look at the drop", order.drop, () => forget(order.key)), close(order.key)],
  }),
};

const LONG = 60_000; // a wait that is told by the clock
const nextTry = (order) => (timeUntilDue(order) > LONG ? ` The next try is at ${hour(order.notBefore)}.` : "");
const whyItWaits = (order) => navigator.onLine === false
  ? `You are offline. Your order from ${order.title} goes as soon as you are back. Leave this page open${lasts() ? ", or come back to it later" : ""}.`
  : `${order.why || "The shop has not answered yet."} Your order from ${order.title} is sent again by itself while this page is open.${nextTry(order)} However often it goes, it counts once.`;

const WAIT_FOR = ["sold-out", "in-other-carts", "hold-expired"]; // what may come back
const gone = (order) => ({
  tone: "bad", headline: GONE[order.type], text: `${order.detail} ${UNCHARGED}`,
  acts: [
    ...(WAIT_FOR.includes(order.type) ? [link("Join the waiting list", `${order.drop}waiting/`, () => forget(order.key))] : []),
    link("See what is left", order.drop, () => forget(order.key)),
    close(order.key),
  ],
});

const anotherLook = (order) => ({
  tone: "bad", headline: "Your order needs another look", text: `${order.detail} ${UNCHARGED}`.trim(),
  acts: [link("Look at it again", order.checkout, () => forget(order.key)), close(order.key)],
});

// --- drawing --------------------------------------------------------------------------------------------------------
const act = (textContent, onclick) => make("button", { type: "button", className: "link", textContent, onclick });
const link = (textContent, href, onclick) => make("a", { className: "link", textContent, href, onclick });
const close = (key) => act("Close", () => dismiss(key));

export async function dismiss(key) {
  await forget(key);
  show(key, null);
  closed(key);
}

function place() {
  const there = document.getElementById("outbox");
  if (there) return there;
  const made = make("section", { id: "outbox", className: "outbox wrap" });
  made.setAttribute("role", "status");
  made.setAttribute("aria-label", "Your order on this device");
  document.getElementById("main").prepend(made);
  return made;
}

const draw = (order) => makeNote(words[waits(order) ? "waiting" : order.said](order));

// An unchanged note stays as it is: nobody wants it read out twice, or the focus taken from its button.
function show(key, order) {
  const look = order && JSON.stringify([waits(order), order.said, order.type, order.uncertain, order.why, order.notBefore, navigator.onLine, lasts()]);
  const before = drawn.get(key);
  if (before?.look === look) return;
  const fresh = order ? draw(order) : null;
  if (before && fresh) before.element.replaceWith(fresh);
  else if (before) before.element.remove();
  else if (fresh) place().append(fresh);
  drawn.set(key, fresh ? { look, element: fresh } : undefined);
}

// --- sending on -----------------------------------------------------------------------------------------------------
function went(key, order) {
  if (order && follow(order)) return;
  show(key, order);
  if (waits(order)) later(order);
}

function later(order, pause = pauseBefore(order)) {
  clearTimeout(timers.get(order.key));
  timers.set(order.key, setTimeout(async () => went(order.key, await attempt(order.key)), pause));
}

async function letGo(key) {
  clearTimeout(timers.get(key));
  went(key, await cancel(key));
}

// Takes up whatever waits here, and tells what became of the rest.
export async function takeUp() {
  for (const order of await all()) went(order.key, order);
}

async function soon() {
  for (const order of await all()) {
    if (!waits(order)) continue;
    show(order.key, order);
    later(order, timeUntilDue(order) + Math.random() * 1000);
  }
}

// The checkout page's own order: follows(order) says whether it took the news over; closes(key) hears that its note is gone.
export function watch(follows, closes) {
  follow = follows;
  closed = closes;
}

// After its first try. Where the browser knows how, it sends the order on even after the page is gone.
export function queued(order) {
  went(order.key, order);
  if (waits(order)) navigator.serviceWorker?.ready.then((worker) => worker.sync?.register("orders")).catch(() => {});
}

addEventListener("online", soon);
addEventListener("offline", takeUp);
document.addEventListener("visibilitychange", () => document.hidden || takeUp());
