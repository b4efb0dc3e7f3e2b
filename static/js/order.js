// The order page: says what changed, counts what is left, and runs the bank's question (3-D Secure) when there is one.
import { countDown } from "./countdown.js";
import { config, loadStripe } from "./payment_form.js";
import { keepSteady } from "./steady.js";

const asked = new Set(); // by itself the page asks each question once: a bank that cannot be reached, or said no, is not pestered
const status = () => document.getElementById("order-status");
let said = status().dataset.headline;
let timer = null;
let coming = false; // the bank's question, which is not on the screen yet

function announce() {
  if (status().dataset.headline === said) return;
  said = status().dataset.headline;
  document.getElementById("order-news").textContent = `${said} ${status().dataset.explanation}`;
  status().classList.add("turned");
}

async function ask({ client_secret: clientSecret, publishable_key: key, stripe_js: src }) {
  if (coming) return;
  coming = true;
  asked.add(clientSecret);
  try {
    const stripe = await loadStripe(src, key).finally(() => (coming = false));
    await stripe.handleNextAction({ clientSecret });
    await fetch(`${location.pathname}returned/`); // a worker looks at once, should the provider's own word be late
  } catch {
    document.getElementById("order-news").textContent = "The bank's question did not come. Press the button to be asked again.";
  }
  refresh();
}

const refresh = () => window.htmx?.ajax("GET", location.pathname, { target: "#order-status", swap: "outerHTML" });

// Always there while there is a question: a bank's window that was closed, or never came, answers nothing.
function offerToAsk() {
  const button = document.getElementById("ask-bank");
  if (button) button.hidden = false;
}

function look() {
  clearInterval(timer);
  timer = countDown(document.getElementById("order"), () => setTimeout(refresh, 1500));
  announce();
  if (!document.getElementById("next-action")) return;
  const question = config("next-action");
  if (!asked.has(question.client_secret)) ask(question);
}

keepSteady("order-status");
document.addEventListener("htmx:afterSwap", offerToAsk);
document.addEventListener("htmx:afterSettle", look);
document.addEventListener("click", (event) => event.target.id === "ask-bank" && ask(config("next-action")));
offerToAsk();
look();
