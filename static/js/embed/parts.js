// An element: h("button", { class: "main", onclick: buy }, "Buy now"). What is false or null is left out.
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  give(made, attributes);
  made.append(...children.filter((child) => child != null && child !== false));
  return made;
}

function give(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
}

// Drawn anew only where it differs: what has the focus, is ticked or unfolded stays.
export function draw(place, told, made) {
  const now = JSON.stringify(told);
  if (place.told !== now) place.replaceChildren(...made());
  place.told = now;
}

// A way to the shop, in a tab of its own.
export const link = (href, words) => h("a", { href, target: "_blank", rel: "noopener" }, words);

export function money({ amount, currency }) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

// One of several, with its price; and a box to tick.
export const choice = (radio, what, price, ...more) =>
  h("label", { class: "size" }, h("input", { type: "radio", ...radio }), h("span", {}, ...what), h("span", { class: "price" }, money(price)), ...more);
export const tick = (box, words) => h("label", { class: "tick" }, h("input", { type: "checkbox", required: true, ...box }), h("span", {}, words));

export const when = (iso, more) => new Date(iso).toLocaleString("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...more });

export const offlineOr = (words) => (navigator.onLine === false ? "You are offline" : words);

// A state is never told by its colour alone.
export function note(kind, headline, text = "", ...more) {
  const icon = { good: "✓", wait: "…", bad: "!" }[kind];
  const words = h("div", {}, h("strong", {}, headline), text && h("p", {}, text), ...more);
  return h("div", { class: `note ${kind}`, tabindex: "-1" }, h("span", { class: "icon", "aria-hidden": "true" }, icon), words);
}

// A label, its input, and a place for what is wrong with it.
export function field(label, name, attributes = {}, input = h("input")) {
  const error = h("span", { class: "error", id: `${name}-error`, hidden: true });
  give(input, { id: name, name, "aria-describedby": error.id, oninput: () => wrong(input, ""), ...attributes });
  return h("div", { class: `field ${name}` }, h("label", { for: name }, label), input, error);
}

export function wrong(input, message) {
  const error = input.parentNode.querySelector(".error");
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  if (error) Object.assign(error, { hidden: !message, textContent: message });
}

// The exact text. The shop made its HTML safe; a page that takes none links to it.
export function text({ title, summary, html, url }) {
  const whole = h("div", { class: "text" });
  try {
    whole.innerHTML = html;
  } catch {
    whole.append(link(url, "Read it at the shop"));
  }
  return h("details", {}, h("summary", {}, h("b", {}, title), " ", summary), whole);
}

// A button beside the one that orders.
export function deed(words, work, { kind = "quiet", doing = "One moment…" } = {}) {
  return h("button", { class: kind, type: "button", onclick: ({ target }) => busy(target, doing, work) }, words);
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
