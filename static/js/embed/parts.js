// Small pieces that every step of the embed is made of.

// An element: h("button", { class: "main", onclick: buy }, "Buy now"). Attributes that are false or null are left out.
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null && child !== false));
  return made;
}

export function money({ amount, currency }) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export const stockWords = ({ available, in_carts: inCarts }) =>
  available > 0 ? `${available} left` : inCarts > 0 ? "In carts, may come back" : "Sold out";

export const amountLeft = (available) => (available <= 0 ? "none" : available <= 5 ? "few" : "some");

// An icon and words: a state is never told by its colour alone.
export function note(kind, headline, text = "", ...more) {
  const icon = { good: "✓", wait: "…", bad: "!" }[kind];
  const words = h("div", {}, h("strong", {}, headline), text && h("p", {}, text), ...more);
  return h("div", { class: `note ${kind}`, tabindex: "-1" }, h("span", { class: "icon", "aria-hidden": "true" }, icon), words);
}

// A label, its input, and a place for what is wrong with it.
export function field(label, name, attributes = {}, input = h("input", { type: "text" })) {
  const error = h("span", { class: "error", id: `${name}-error`, hidden: true });
  input.id = input.name = name;
  for (const [key, value] of Object.entries({ "aria-describedby": error.id, ...attributes })) input.setAttribute(key, value === true ? "" : value);
  input.addEventListener("input", () => wrong(input, ""));
  return h("div", { class: `field ${name}` }, h("label", { for: name }, label), input, error);
}

export function wrong(input, message) {
  const error = input.getRootNode().getElementById(`${input.name}-error`);
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  if (error) Object.assign(error, { hidden: !message, textContent: message });
}

// The exact text that the order names. The shop made its HTML safe; a page that takes no HTML at all links to it.
export function text({ title, summary, html, url }) {
  const whole = h("div", { class: "text" });
  try {
    whole.innerHTML = html;
  } catch {
    whole.append(h("a", { href: url, target: "_blank", rel: "noopener" }, "Read it at the shop"));
  }
  return h("details", {}, h("summary", {}, h("b", {}, title), " ", summary), whole);
}

// While it works the button says so, and a second press does nothing.
export async function busy(button, words, work) {
  if (button.getAttribute("aria-disabled")) return;
  const label = button.textContent;
  button.setAttribute("aria-disabled", "true");
  button.textContent = words;
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
    if (button.textContent === words) button.textContent = label;
  }
}
