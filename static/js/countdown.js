// Fills every [data-countdown] with the time left until its instant, by the server's clock.
import { serverNow, setServerTime } from "./clock.js";

const two = (n) => String(n).padStart(2, "0");

export function left(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const [days, hours, minutes] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (days > 1) return `${days} days ${hours} h`;
  if (s >= 3600) return `${days * 24 + hours} h ${two(minutes)} min ${two(s % 60)} s`;
  return `${minutes}:${two(s % 60)}`;
}

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
