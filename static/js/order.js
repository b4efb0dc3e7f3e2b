// The order page: says what changed, counts what is left, and runs the bank's question (3-D Secure) when there is one.
import { countDown } from "./countdown.js";
import { config, loadStripe } from "./payment_form.js";

const asked = new Set();
const status = () => document.getElementById("order-status");
let said = status().dataset.headline;
let timer = null;

function announce() {
  if (status().dataset.headline === said) return;
  said = status().dataset.headline;
  document.getElementById("order-news").textContent = `${said} ${status().dataset.explanation}`;
  status().classList.add("turned");
}

async function ask({ client_secret: clientSecret, publishable_key: key, stripe_js: src }) {
  if (asked.has(clientSecret)) return;
  asked.add(clientSecret);
  const button = document.getElementById("ask-bank");
  const again = () => {
    asked.delete(clientSecret);
    if (button) button.hidden = false;
  };
  try {
    const stripe = await loadStripe(src, key);
    const answer = await stripe.handleNextAction({ clientSecret });
    if (answer.error) again();
    await fetch(`${location.pathname}returned/`); // a worker looks at once, should the provider's own word be late
  } catch {
    again();
  }
  refresh();
}

const refresh = () => window.htmx?.ajax("GET", location.pathname, { target: "#order-status", swap: "outerHTML" });

function look() {
  clearInterval(timer);
  timer = countDown(document.getElementById("order"), () => setTimeout(refresh, 1500));
  announce();
  if (document.getElementById("next-action")) ask(config("next-action"));
}

document.addEventListener("htmx:afterSettle", look);
document.addEventListener("click", (event) => {
  if (event.target.id !== "ask-bank") return;
  event.target.hidden = true;
  ask(config("next-action"));
});
look();
