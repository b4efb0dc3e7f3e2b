// The checkout page: makes the card token, sends the order once, and mends the page in place when something is to be agreed anew.
import { serverNow, setServerTime } from "./clock.js";
import { watchHold } from "./hold.js";
import { keepWhatIsNewer } from "./meanwhile.js";
import { makeNote } from "./note.js";
import { attempt, forget, keep, waits } from "./outbox.js";
import { GONE, dismiss, queued, watch } from "./outbox_panel.js";
import { CardProblem, busy, cardToken, config, mountCard, soon } from "./payment_form.js";
import { askForTotal, totalFollows, totalIsThere, watchTotal } from "./total.js";

const form = document.getElementById("checkout-form");
const settings = config("pay-config");
const NO_TOKEN = { id: "", ends: 0 };
let card = null;
let coming = null; // settled once the card form is there, or stays away
let working = false;
let restsFor = ""; // the key of the order whose news stands in the form's place

form.noValidate = true;
setServerTime(document.getElementById("checkout").dataset.serverNow);
const button = () => document.getElementById("place");

function openOrderOnWideScreens() {
  const wide = matchMedia("(min-width: 900px)");
  const set = () => wide.matches && (document.querySelector("[data-open-wide]").open = true);
  wide.addEventListener("change", set);
  set();
}

// --- what is wrong, at the field and above --------------------------------------------------------------------------
function say(input, message) {
  const line = document.getElementById(`${input.name}-error`);
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  if (!line) return;
  line.hidden = !message;
  line.querySelector("span").textContent = message;
}

const wordsFor = (input) =>
  input.validity.valueMissing ? input.dataset.missing : input.type === "email" ? "Enter an e-mail address, like name@example.com." : input.validationMessage;

function firstFault() {
  const faults = [];
  const said = new Set();
  for (const input of form.querySelectorAll("input:not([type=hidden]):not([type=radio]),select")) {
    if (!input.name || input.closest("#payment-element")) continue;
    const fine = input.checkValidity();
    if (fine && said.has(input.name)) continue;
    if (!fine) said.add(input.name);
    say(input, fine ? "" : wordsFor(input));
    if (!fine) faults.push(input);
  }
  sumUp(faults);
  return faults[0];
}

// The same errors once more above the form, each a link to its field.
function sumUp(faults) {
  if (faults.length < 2) return document.getElementById("trouble").replaceChildren();
  const list = document.createElement("ul");
  list.setAttribute("role", "list");
  for (const input of faults) {
    const link = Object.assign(document.createElement("a"), { href: `#${input.id || input.name}`, textContent: wordsFor(input) });
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
  show(`${faults.length} things to mend`, list);
}

function cardSays(message) {
  const line = document.getElementById("payment-error");
  line.hidden = !message;
  line.querySelector("span").textContent = message;
  if (message) line.focus();
}

function show(headline, body) {
  const note = document.createElement("div");
  note.className = "note bad";
  note.tabIndex = -1;
  note.setAttribute("role", "alert");
  note.append(Object.assign(document.createElement("strong"), { textContent: headline }), body);
  document.getElementById("trouble").replaceChildren(note);
  return note;
}

// --- the card -------------------------------------------------------------------------------------------------------
function showCard() {
  if (!settings.amount) return; // nothing to pay
  coming = mountCard(settings, document.getElementById("payment-element")).then(cardCame, payLater);
}

// The amount may be another one since it was asked for.
function cardCame(mounted) {
  card = mounted;
  if (settings.amount) card.elements.update({ amount: settings.amount });
}

function payLater() {
  card = null;
  document.getElementById("payment-element").hidden = true;
  document.getElementById("pay-later").hidden = false;
}

function billing() {
  const value = (name) => form.elements[name].value.trim();
  return {
    name: value("name"), email: value("email"), phone: value("phone") || undefined,
    address: {
      line1: value("line1"), line2: value("line2") || undefined, city: value("city"), postal_code: value("postal_code"),
      state: value("region") || undefined, country: value("country"),
    },
  };
}

const paysByCard = () => settings.amount > 0 && form.elements.shipping_option?.value !== "pickup";

function showHowToPay() {
  document.getElementById("payment-element").classList.toggle("visually-hidden", !paysByCard());
}

async function token() {
  if (!paysByCard() || navigator.onLine === false) return NO_TOKEN;
  await soon(coming);
  if (!card) return NO_TOKEN;
  try {
    return await cardToken(card, settings, billing());
  } catch (error) {
    if (error instanceof CardProblem) throw error;
    payLater(); // Stripe cannot be reached: the order goes without a card, which is asked for on its page
    return NO_TOKEN;
  }
}

// --- sending --------------------------------------------------------------------------------------------------------
const key = () => form.elements.idempotency_key.value;
const isOurs = (order) => order.checkout === form.getAttribute("action");

// The first try is the form itself, as without a script: its answer may be this page again, with what is to be mended.
const byPage = {
  send: (_, signal) => fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "text/html" }, signal }),
  async read(answer) {
    if (answer.redirected) return { said: "sent", once: { location: answer.url } };
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.getElementById("checkout-form") ? { once: { page } } : null; // a token that was rotated: the door needs none
  },
  async why(answer) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector("[data-detail]")?.textContent ?? "";
  },
};

function toKeep({ id, ends }) {
  const fields = new URLSearchParams(new FormData(form));
  for (const name of ["csrfmiddlewaretoken", "confirmation_token", "idempotency_key"]) fields.delete(name);
  const { drop: title, dropUrl: drop, keptDoor: door } = form.dataset;
  return { key: key(), title, drop, door, checkout: form.getAttribute("action"), body: fields.toString(), token: id, tokenEnds: ends, offset: serverNow() - Date.now() };
}

async function send() {
  const made = await token();
  form.elements.confirmation_token.value = made.id;
  await keep(toKeep(made));
  const order = await attempt(key(), byPage);
  working = false;
  if (order?.page) agreeAnew(order.page);
  else if (order) queued(order);
}

// News of an order that waited. True when this page goes on by itself, false when the note beside the button says it.
function follows(order) {
  if (!isOurs(order)) return false;
  if (working) return true; // its first try is on its way
  restsFor = order.key;
  rest(waits(order) || order.said === "sent" || order.type in GONE);
  if (order.said === "sent") leaveFor(order);
  if (order.said === "refused" && order.key === key() && !(order.type in GONE)) mend(order);
  return order.said === "sent";
}

function rest(resting) {
  form.querySelectorAll(".fields,.agree,#age,#payment-element").forEach((part) => (part.inert = resting));
  document.getElementById("go").hidden = resting;
}

async function leaveFor(order) {
  await forget(order.key);
  location.assign(order.location || order.checkout);
}

// The shop wants something mended or agreed anew, and its page says it best.
async function mend(order) {
  const { said, once } = (await byPage.read(await byPage.send(order, AbortSignal.timeout(10_000)))) ?? {};
  if (said) return location.assign(once.location);
  if (!once) return;
  await dismiss(order.key);
  agreeAnew(once.page);
}

// The server wants something mended or agreed anew: take its words over, keep what was typed, the card too.
function agreeAnew(page) {
  const open = document.querySelector("[data-open-wide]").open;
  const parts = ["trouble", "order-box", "agreement", "age", "agree", "shipping_option", "discount", "go", "hold-timer"];
  for (const id of parts) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh) old.replaceWith(document.importNode(fresh, true));
  }
  document.querySelector("[data-open-wide]").open = open;
  for (const fresh of page.querySelectorAll("#checkout-form .field .error")) {
    const input = document.getElementById(fresh.id.replace("-error", ""));
    if (input) say(input, fresh.hidden ? "" : fresh.textContent.trim());
  }
  window.htmx?.process(form);
  totalFollows();
  watchHold();
  payFor(JSON.parse(page.getElementById("pay-config").textContent));
  document.querySelector("[data-trouble]")?.focus();
}

// The amount is another one now.
function payFor(pay) {
  if (card && pay.amount && pay.amount !== settings.amount) card.elements.update({ amount: pay.amount });
  const wasFree = !settings.amount;
  Object.assign(settings, pay);
  showHowToPay();
  if (wasFree && !coming) showCard();
}

// htmx has put in the parts that follow from another place, delivery or code: the card form follows, and it is said.
function totalCame() {
  payFor(config("pay-config"));
  document.getElementById("total-news").textContent = `The total is ${sum()}.`;
}

const sum = () => document.getElementById("order-sum").textContent;

// Said where the total is pressed; the answer puts that part in anew.
function totalIsAway() {
  const go = document.getElementById("go");
  if (go.querySelector("[role=status]")) return;
  const headline = navigator.onLine === false ? "You are offline" : "The shop does not answer just now";
  const note = makeNote({ tone: "wait", headline, text: "This is still the total from before your last choice. The new one is asked for again by itself." });
  note.setAttribute("role", "status");
  go.prepend(note);
}

// A total that is on its way comes first. False when it is not the one that was on the button.
async function stillAgreed() {
  const agreed = form.elements.agreed_total.value;
  await totalIsThere();
  if (form.elements.agreed_total.value === agreed) return true;
  show("The total changed", Object.assign(document.createElement("p"), { textContent: `The total is ${sum()} now. Please agree to it again.` })).focus();
  return false;
}

async function submit(event) {
  if (event.submitter?.matches("[data-keep],[data-requote]")) return; // more time, or another total: not an order
  event.preventDefault();
  if (working) return;
  const fault = firstFault();
  if (fault) return fault.focus();
  working = true;
  cardSays("");
  busy(button(), button().dataset.busy);
  try {
    if (await stillAgreed()) await send();
  } catch (error) {
    if (!(error instanceof CardProblem)) throw error;
    cardSays(error.message);
  } finally {
    working = false;
    busy(button(), "");
    askForTotal(); // chosen meanwhile
  }
}

form.addEventListener("submit", submit);
form.addEventListener("change", (event) => event.target.getAttribute("aria-invalid") && event.target.checkValidity() && say(event.target, ""));
form.addEventListener("change", (event) => event.target.name === "shipping_option" && showHowToPay());
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.id !== "discount_code") return;
  event.preventDefault();
  document.getElementById("apply-discount").click();
});
keepWhatIsNewer(form);
watchTotal(form, {
  came: totalCame, away: totalIsAway, gone: () => location.assign(form.action),
  mayNot: () => working || document.getElementById("go").hidden,
});
watch(follows, (key) => key === restsFor && rest(false));
showHowToPay();
openOrderOnWideScreens();
watchHold();
showCard();
