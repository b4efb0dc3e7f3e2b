// Fills every [data-countdown] with the time left until its instant, by the server's clock.
import { serverNow, setServerTime } from "./clock.js";
import { left } from "./left.js";

function tick(element, ended) {
  const ms = Date.parse(element.dataset.countdown) - serverNow();
  const quietUntil = Number(element.dataset.showFrom || Infinity) * 1000; // a timer appears only when it matters
  const holder = element.closest("[data-countdown-holder]") || element;
  holder.hidden = ms > quietUntil;
  element.textContent = left(ms);
  if (ms <= 0 && !element.dataset.ended) {
    element.dataset.ended = "yes";
    ended(element);
  }
}

// Starts counting everything under root; ended(element) is called once for each that reaches zero.
export function countDown(root = document, ended = () => {}) {
  const clock = root.querySelector("[data-server-now]") || root.closest?.("[data-server-now]");
  if (clock) setServerTime(clock.dataset.serverNow);
  const run = () => root.querySelectorAll("[data-countdown]").forEach((element) => tick(element, ended));
  run();
  return setInterval(run, 1000);
}
