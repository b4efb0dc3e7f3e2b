// The payment form of the shop's own pages: the card form, what the server set it to, and the button beside it.
export * from "./card_form.js";

export const config = (id) => JSON.parse(document.getElementById(id).textContent);

// While it works the button says so; without a text it is itself again.
export function busy(button, text) {
  if (!text && button.dataset.label === undefined) return;
  button.dataset.label ??= button.textContent;
  button.textContent = text || button.dataset.label;
  if (!text) delete button.dataset.label;
  for (const name of ["aria-busy", "aria-disabled"]) {
    if (text) button.setAttribute(name, "true");
    else button.removeAttribute(name);
  }
}
