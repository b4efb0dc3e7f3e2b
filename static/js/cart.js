// The cart: counts the hold down, and after every change once more.
import { countDown } from "./countdown.js";

let timer = null;
function begin() {
  clearInterval(timer);
  timer = countDown(document.getElementById("cart").parentElement, () => location.reload());
}
document.addEventListener("htmx:afterSettle", begin);
begin();
