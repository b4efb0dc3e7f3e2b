// The page that asks for a card again: the token goes into the form, the form to us.
import { countDown } from "./countdown.js";
import { CardProblem, busy, cardToken, config, mountCard } from "./payment_form.js";

const form = document.getElementById("card");
const settings = config("pay-config");
let card = null;
let working = false;

function say(message) {
  const line = document.getElementById("payment-error");
  line.hidden = !message;
  line.querySelector("span").textContent = message;
  if (message) line.focus();
}

async function submit(event) {
  event.preventDefault();
  if (working || !card) return;
  working = true;
  const button = form.querySelector("button");
  say("");
  busy(button, button.dataset.busy);
  try {
    form.elements.confirmation_token.value = (await cardToken(card, settings)).id;
    form.submit();
  } catch (error) {
    working = false;
    busy(button, "");
    say(error instanceof CardProblem ? error.message : "The payment provider does not answer. Nothing was charged; try again in a minute.");
  }
}

function offerCard(offered) {
  form.hidden = !offered;
  document.querySelector(".or").hidden = !offered;
}

async function show() {
  offerCard(true);
  try {
    card = await mountCard(settings, document.getElementById("payment-element"));
  } catch {
    offerCard(false); // the way over the provider's own page stands below
  }
}

addEventListener("pageshow", (event) => event.persisted && location.reload());
form.addEventListener("submit", submit);
countDown();
show();
