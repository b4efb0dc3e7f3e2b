// The checkout page: makes the card token, sends the order once, and mends the page in place when something is to be agreed anew.
import { watchHold } from "./hold.js";
import { CardProblem, busy, cardToken, config, mountCard } from "./payment_form.js";

const form = document.getElementById("checkout-form");
const settings = config("pay-config");
const RETRIES = [1000, 2500, 5000]; // waits between sendings of the very same order
let card = null;
let unanswered = null; // an order whose answer was lost: it is only ever sent again as it was
let working = false;

form.noValidate = true;
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
  input.validity.valueMissing ? input.dataset.missing : input.type === "email" ? "This is not an e-mail address: name@example.com." : input.validationMessage;

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

function trouble(headline, detail) {
  show(headline, Object.assign(document.createElement("p"), { textContent: detail })).focus();
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
async function showCard() {
  try {
    card = await mountCard(settings, document.getElementById("payment-element"));
  } catch {
    payLater();
  }
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

const paysAtPickUp = () => form.elements.shipping_option.value === "pickup";

function showHowToPay() {
  document.getElementById("payment-element").classList.toggle("visually-hidden", paysAtPickUp());
}

async function token() {
  if (!card || paysAtPickUp()) return "";
  try {
    return await cardToken(card, settings, billing());
  } catch (error) {
    if (error instanceof CardProblem) throw error;
    payLater(); // Stripe cannot be reached: the order goes without a card, which is asked for on its page
    return "";
  }
}

// --- sending --------------------------------------------------------------------------------------------------------
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function post(body) {
  for (const wait of [...RETRIES, null]) {
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
      if (answer.status < 500 || wait === null) return answer;
    } catch (error) {
      if (wait === null) throw error;
    }
    await pause(wait);
  }
}

async function send() {
  let body = unanswered;
  if (!body) {
    form.elements.confirmation_token.value = await token();
    body = new URLSearchParams(new FormData(form));
  }
  unanswered = body; // from here until an answer comes, nobody knows whether the order stands
  let answer;
  try {
    answer = await post(body);
  } catch {
    return trouble("The network swallowed the answer.", "Your order may already stand. Press the button again when you are back: the same order is sent again and counts once.");
  }
  if (answer.status >= 500) return trouble("We could not place the order just now.", "Nothing is lost. Press the button again in a moment: it is sent again and counts once.");
  unanswered = null;
  if (answer.redirected) return location.assign(answer.url);
  agreeAnew(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

// The server wants something mended or agreed anew: take its words over, keep what was typed, the card too.
function agreeAnew(page) {
  if (!page.getElementById("checkout-form")) return location.reload();
  const open = document.querySelector("[data-open-wide]").open;
  for (const id of ["trouble", "order-box", "agreement", "agree", "shipping_option", "go", "hold-timer"]) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh) old.replaceWith(document.importNode(fresh, true));
  }
  document.querySelector("[data-open-wide]").open = open;
  for (const fresh of page.querySelectorAll("#checkout-form .field .error")) {
    const input = document.getElementById(fresh.id.replace("-error", ""));
    if (input) say(input, fresh.hidden ? "" : fresh.textContent.trim());
  }
  const pay = JSON.parse(page.getElementById("pay-config").textContent);
  watchHold();
  if (card && pay.amount !== settings.amount) card.elements.update({ amount: pay.amount });
  Object.assign(settings, pay);
  document.querySelector("[data-trouble]")?.focus();
}

async function submit(event) {
  if (event.submitter?.matches("[data-keep]")) return; // more time, not an order
  event.preventDefault();
  if (working) return;
  const fault = unanswered ? null : firstFault();
  if (fault) return fault.focus();
  working = true;
  cardSays("");
  busy(button(), button().dataset.busy);
  try {
    await send();
  } catch (error) {
    if (!(error instanceof CardProblem)) throw error;
    cardSays(error.message);
  } finally {
    working = false;
    busy(button(), "");
  }
}

form.addEventListener("submit", submit);
form.addEventListener("change", (event) => event.target.getAttribute("aria-invalid") && event.target.checkValidity() && say(event.target, ""));
form.addEventListener("change", (event) => event.target.name === "shipping_option" && showHowToPay());
showHowToPay();
openOrderOnWideScreens();
watchHold();
showCard();
