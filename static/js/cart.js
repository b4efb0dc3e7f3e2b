// The cart: watches the hold, and after every change once more, says the change, and leaves the focus where the hand is.
import { watchHold } from "./hold.js";

let at = ""; // the id of the button that was pressed

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  at = detail.requestConfig.triggeringEvent?.submitter?.id ?? "";
});
document.addEventListener("htmx:afterSettle", () => {
  watchHold();
  stayAt(at);
  document.getElementById("hold-news").textContent = said();
});
watchHold();

// A button that can do no more gives the focus to its neighbour; where the line is gone, the page's heading has it.
function stayAt(id) {
  const button = id && document.getElementById(id);
  const near = button && [button, ...button.closest(".stepper").querySelectorAll("button")].find((each) => !each.disabled);
  const heading = document.querySelector("#cart h1");
  heading.tabIndex = -1;
  (near || heading).focus({ preventScroll: true });
}

function said() {
  const sum = document.querySelector("#cart .sums dd");
  return sum ? `The subtotal is ${sum.textContent.trim()}.` : document.querySelector("#cart h1").textContent;
}
