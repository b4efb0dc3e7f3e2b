// The total follows from the place, the delivery and the code; htmx asks for it with each choice. What was chosen before the
// page's scripts ran, or while nobody answered, is asked for by itself; while an order is on its way nothing is.
const PATIENCE = 10_000; // for one answer
const A_MOMENT = 4000; // and for who has pressed: then the order goes, and the shop compares
const [FIRST, LONGEST] = [2000, 20_000]; // the longest wait before the second try, and before any

const answered = new WeakMap(); // by control: the choice that the total on the page follows from
const asked = new Map(); // by request: the choices it was sent with
let form = null;
let told = {};
let pressed = null; // a button whose question got no answer
let tries = 0;
let timer = null;
let waiting = [];

const isOurs = ({ detail }) => detail.requestConfig?.path.endsWith("/checkout/quote/");
const choices = () => [...form.querySelectorAll(":is(input,select)[hx-post]")];
const chosen = (control) => (control.type === "radio" ? control.checked : control.value);
const all = () => choices().map((control) => [control, chosen(control)]);
const mayComeLater = ({ status }) => !status || status === 429 || status >= 500;

// As the page came.
function first(control) {
  if (control.type === "radio") return control.defaultChecked;
  return control.options ? ([...control.options].find((each) => each.defaultSelected) ?? control.options[0]).value : control.defaultValue;
}

const isNews = (control) => chosen(control) !== (answered.get(control) ?? first(control));

export function askForTotal() {
  clearTimeout(timer);
  if (asked.size || told.mayNot()) return;
  if (pressed?.isConnected) return pressed.click();
  const news = choices().find((control) => isNews(control) && chosen(control) !== false); // of radio buttons the one that is on
  news?.dispatchEvent(new Event("change", { bubbles: true }));
}

// The total on the page follows from these choices. Radio buttons come with the total.
export function totalFollows(from = all()) {
  [pressed, tries] = [null, 0];
  for (const [control, choice] of from) if (control.type !== "radio") answered.set(control, choice);
}

// Resolves when no answer is under way. One that takes too long is not waited for: it would change what was agreed to.
export async function totalIsThere() {
  if (!asked.size) return;
  const late = setTimeout(() => window.htmx.trigger(form, "htmx:abort"), A_MOMENT);
  await new Promise((yes) => waiting.push(yes));
  clearTimeout(late);
}

function asks(event) {
  if (!isOurs(event)) return;
  const { elt, xhr } = event.detail;
  if (elt.type === "submit") pressed = elt;
  if (told.mayNot()) event.preventDefault();
  else asked.set(xhr, all());
}

function ends({ detail: { xhr } }) {
  const from = asked.get(xhr);
  if (!from) return;
  asked.delete(xhr);
  if (xhr.status === 200 && xhr.responseURL.endsWith("/checkout/quote/")) answers(from);
  else if (!mayComeLater(xhr)) told.gone();
  if (!asked.size) waiting.splice(0).forEach((goOn) => goOn());
}

function answers(from) {
  totalFollows(from);
  told.came();
}

function fails(event) {
  if (!isOurs(event) || !mayComeLater(event.detail.xhr)) return;
  told.away();
  clearTimeout(timer);
  timer = setTimeout(askForTotal, Math.random() * Math.min(LONGEST, FIRST * 2 ** tries++));
}

// came(): it is on the page. away(): nobody answered, and it is asked for again. gone(): there is nothing to order here any more.
// mayNot(): whether the total has to stay as it is.
export function watchTotal(of, tell) {
  [form, told] = [of, tell];
  if (window.htmx) window.htmx.config.timeout = PATIENCE;
  document.addEventListener("htmx:beforeRequest", asks);
  document.addEventListener("htmx:afterOnLoad", ends);
  for (const name of ["htmx:sendError", "htmx:sendAbort", "htmx:timeout"]) document.addEventListener(name, ends);
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, fails);
  document.addEventListener("DOMContentLoaded", askForTotal); // by then htmx listens, too
  addEventListener("pageshow", askForTotal); // by then the browser has put in again what was typed before one went away
  addEventListener("online", askForTotal);
}
