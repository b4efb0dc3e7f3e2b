// The device's queue: an order is kept before it is sent, sent until it is answered, and then only a note of it is left.
// The page and the worker in the background use it alike. The same key goes with every try: it counts once, however often.
//
// What stands in the drawer: an order that waits has a `body` (no card data, no cookie, no CSRF token); a note of what became
// of one has `said` instead: sent, refused, cancelled or expired, and nothing that names a person. Its times are the server's:
// a device's clock may be hours off, so an order knows by how much (`offset`), and every answer says it again.
import { all, lasts, update } from "./outbox_store.js";

export { all, lasts };

const PATIENCE = 10_000; // for one answer
const [FIRST, LONGEST] = [1000, 30_000]; // the longest wait before the second try, and before any
const KEPT_FOR = 24 * 3600_000; // an address stays no longer on a device that is perhaps shared, and no Retry-After outlasts it
const TRY_AGAIN = [408, 425, 429]; // and every 5xx: who asks again with the same key learns what became of it
const LOST = ["TypeError", "NetworkError", "TimeoutError", "AbortError"]; // fetch's names for no answer

const offline = () => navigator.onLine === false;
export const waits = (order) => Boolean(order?.body);

const serverNow = ({ offset = 0 }) => Date.now() + offset;
export const timeUntilDue = (order) => Math.max(0, order.notBefore - serverNow(order));

// Before the first try: a tab can die at any moment from here on.
export const keep = (order) => update(order.key, () => ({ ...order, at: serverNow(order), tries: 0, notBefore: 0, uncertain: false }));
export const forget = (key) => update(key, () => null);
export const cancel = (key) => update(key, (order) => (waits(order) ? note(order, { said: "cancelled" }) : order));

const note = ({ key, title, drop, checkout, uncertain }, words) => ({ key, title, drop, checkout, uncertain, at: Date.now(), ...words });

// Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
export const pauseBefore = (order) => timeUntilDue(order) + Math.random() * Math.min(LONGEST, FIRST * 2 ** order.tries);

// One try, by one tab alone. Returns how the order stands then: it waits, or it is a note, or null when it was let go.
// What only this answer says (an order's secret address, a page) is in what is returned and stored nowhere.
export function attempt(key, way = door) {
  const once = (lock) => (lock === null ? update(key, (order) => order) : tryOnce(key, way));
  return navigator.locks ? navigator.locks.request(`order ${key}`, { ifAvailable: true }, once) : once();
}

async function tryOnce(key, { send, read, why }) {
  const order = await update(key, begun);
  if (!waits(order) || offline() || timeUntilDue(order)) return order;
  await update(key, (now) => waits(now) ? { ...now, uncertain: true } : now); // who cancels from here on cannot know
  try {
    const answer = await send(order, AbortSignal.timeout(PATIENCE));
    if (await mayComeAgain(answer)) {
      const later = answer.status === 429; // it was not looked at, and says why
      return await waitOn(key, { ...timesIn(answer, order), uncertain: order.uncertain || !later, why: later ? await why(answer) : "" });
    }
    const words = await read(answer);
    return words ? await conclude(order, words) : await waitOn(key);
  } catch (error) {
    if (!LOST.includes(error.name)) throw error;
    return waitOn(key);
  }
}

function begun(order) {
  if (!waits(order)) return order;
  if (serverNow(order) - order.at > KEPT_FOR) return note(order, { said: "expired" });
  const spent = order.token && order.tokenEnds <= serverNow(order);
  return spent ? { ...order, token: "", tokenEnds: 0 } : order; // without one the order's page asks for the card
}

const waitOn = (key, changes = {}) => update(key, (now) => waits(now) ? { ...now, tries: now.tries + 1, why: "", ...changes } : now);

// What the shop says is its last word, also of an order that was cancelled while it was on its way.
async function conclude(order, { once = {}, ...words }) {
  await update(order.key, () => (words.said ? note(order, words) : null));
  return { ...note(order, words), ...once };
}

async function mayComeAgain(answer) {
  if (answer.status >= 500 || TRY_AGAIN.includes(answer.status)) return true;
  return answer.status === 409 && (await problemOf(answer.clone())).type === "idempotency-in-flight";
}

// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after: seconds, or a date
function timesIn(answer, order) {
  const sent = Date.parse(answer.headers.get("Date"));
  const offset = Number.isNaN(sent) ? order.offset : sent - Date.now();
  const now = serverNow({ offset });
  const said = answer.headers.get("Retry-After") ?? "";
  const wait = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - now;
  return { offset, notBefore: wait > 0 ? now + Math.min(wait, KEPT_FOR) : 0 };
}

const isJson = (answer) => answer.headers.get("Content-Type")?.includes("json");
const problemOf = async (answer) => (isJson(answer) ? answer.json() : {});

// The shop's door for kept orders. It takes no cookie, so a token that was rotated meanwhile is none of its business.
const door = {
  send: ({ key, door: address, body, token }, signal) =>
    fetch(address, {
      method: "POST", credentials: "omit", signal, headers: { "Idempotency-Key": key, Accept: "application/json" },
      body: new URLSearchParams(`${body}&confirmation_token=${encodeURIComponent(token)}`),
    }),
  async read(answer) {
    if (answer.ok && !isJson(answer)) return null; // the sign-in page of a train's network is no answer of ours
    if (answer.ok) return { said: "sent", once: await answer.json() };
    const { type = "", detail = "" } = await problemOf(answer);
    return { said: "refused", type, detail };
  },
  why: async (answer) => (await problemOf(answer)).detail ?? "",
};
