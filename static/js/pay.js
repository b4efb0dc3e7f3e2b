// The page that asks for a card again: the token goes into the form, the form to us.
import { countDown } from "./countdown.js";
import { CardProblem, busy, cardToken, config, mountCard } from "./payment_form.js";

const form = document.getElementById("card");
const settings = config("pay-config");
let coming = null; // the card form, or null once it stays away
let working = false;

function say(message) {
  const line = document.getElementById("payment-error");
  line.hidden = !message;
  line.querySelector("span").textContent = message;
  if (message) line.focus();
}

async function submit(event) {
  event.preventDefault();
  if (working) return;
  working = true;
  const button = form.querySelector("button");
  say("");
  busy(button, button.dataset.busy);
  try {
    const card = await coming;
    if (!card) return; // the form is gone, and the page says so
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
  document.getElementById("card-away").hidden = offered;
}

function show() {
  offerCard(true);
  coming = mountCard(settings, document.getElementById("payment-element")).catch(() => offerCard(false));
}

addEventListener("pageshow", (event) => event.persisted && location.reload());
form.addEventListener("submit", submit);
countDown();
show();
