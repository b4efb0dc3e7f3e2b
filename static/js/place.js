// A place on the waiting list: says when it turned, and counts what is left of an offer.
import { countDown } from "./countdown.js";
import { keepSteady } from "./steady.js";

const place = () => document.getElementById("place");
let said = place().dataset.headline;
let timer = null;

const refresh = () => window.htmx?.ajax("GET", location.pathname, { target: "#place", swap: "outerHTML" });

function look() {
  clearInterval(timer);
  timer = countDown(document.getElementById("place-page"), () => setTimeout(refresh, 1500));
  if (place().dataset.headline === said) return;
  said = place().dataset.headline;
  document.getElementById("place-news").textContent = said;
}

keepSteady("place");
document.addEventListener("htmx:afterSettle", look);
look();
