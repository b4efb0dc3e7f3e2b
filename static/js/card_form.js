// Stripe.js, from Stripe or its stand-in, in the shop's colours. Card data never touches this page.
const PATIENCE = 12000;
let loading = null; // one script, however many ask

function within(promise, ms = PATIENCE) {
  const late = new Promise((_, no) => setTimeout(() => no(new Error("Nobody answered")), ms));
  return Promise.race([promise, late]);
}

// A form that is still coming is worth a moment and no more: others buy meanwhile.
export const soon = (coming) => within(coming, 4000).catch(() => null);

const fetched = (src) => new Promise((onload, onerror) => {
  document.head.append(Object.assign(document.createElement("script"), { src, onload, onerror }));
});

export async function loadStripe(src, key) {
  if (!window.Stripe) await within(loading ??= fetched(src).finally(() => (loading = null)));
  return window.Stripe(key);
}

// Any CSS colour as #rrggbb: the payment form understands nothing newer.
function colour(property, root) {
  const probe = Object.assign(document.createElement("i"), { hidden: true });
  probe.style.color = `var(${property})`;
  root.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  const [r, g, b] = value.startsWith("rgb") ? value.match(/[\d.]+/g).map(Number) : painted(value);
  return `#${[r, g, b].map((n) => Math.round(n).toString(16).padStart(2, "0")).join("")}`;
}

function painted(value) {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = value;
  canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
}

// The colours of the page, or of the embed, whose names have another prefix.
export function appearance({ root = document.body, prefix = "--", font = "system-ui, sans-serif", dark = matchMedia("(prefers-color-scheme: dark)").matches } = {}) {
  const of = (name) => colour(prefix + name, root);
  return {
    theme: dark ? "night" : "stripe",
    variables: {
      colorPrimary: of("accent"), colorBackground: of("surface"), colorText: of("ink"), colorTextSecondary: of("muted"),
      colorDanger: of("bad"), borderRadius: "8px", fontFamily: font, fontSizeBase: "16px", spacingUnit: "4px",
    },
  };
}

// Mounts the form into place; resolves once it can be used.
export async function mountCard(settings, place, look = appearance()) {
  place.hidden = false;
  place.textContent = "The card form is coming…";
  const stripe = await loadStripe(settings.stripe_js, settings.publishable_key);
  const elements = stripe.elements({
    mode: "payment", amount: settings.amount, currency: settings.currency.toLowerCase(), appearance: look,
    captureMethod: settings.capture_method, // as the intent has it
    excludedPaymentMethodTypes: settings.excluded_payment_methods,
  });
  const holder = document.createElement("div");
  const element = elements.create("payment", { layout: "tabs" });
  place.replaceChildren(holder);
  const ready = new Promise((yes) => element.on("ready", yes));
  element.mount(holder);
  await within(ready);
  place.classList.remove("waiting");
  return { stripe, elements };
}

// A ConfirmationToken for what was typed. Throws a CardProblem in words for the fan, or an Error when nobody answered.
export class CardProblem extends Error {}

export async function cardToken({ stripe, elements }, settings, billing) {
  const checked = await within(elements.submit(), 120_000); // a wallet asks a person
  if (checked.error) throw new CardProblem(checked.error.message);
  const params = { return_url: settings.return_url };
  if (billing) params.payment_method_data = { billing_details: billing };
  const made = await within(stripe.createConfirmationToken({ elements, params }));
  if (!made.error) return { id: made.confirmationToken.id, ends: made.confirmationToken.expires_at * 1000 };
  if (["card_error", "validation_error"].includes(made.error.type)) throw new CardProblem(made.error.message);
  throw new Error(made.error.message);
}
