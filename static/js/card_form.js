// Stripe.js, from Stripe or its stand-in, in the shop's colours. Card data never touches this page.
const PATIENCE = 12000;

function within(promise, what) {
  const late = new Promise((_, no) => setTimeout(() => no(new Error(`${what} did not answer`)), PATIENCE));
  return Promise.race([promise, late]);
}

export function loadStripe(src, key) {
  const loading = new Promise((yes, no) => {
    if (window.Stripe) return yes();
    const script = Object.assign(document.createElement("script"), { src, onload: yes, onerror: () => no(new Error("Stripe.js")) });
    document.head.append(script);
  });
  return within(loading, "Stripe.js").then(() => window.Stripe(key));
}

// Any CSS colour as #rrggbb: the payment form understands no custom properties, and no newer notation.
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

// The colours of the page, or of the embed, whose root has them under names with another prefix.
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
  place.textContent = "";
  place.append(holder);
  const ready = new Promise((yes) => element.on("ready", yes));
  element.mount(holder);
  await within(ready, "The card form");
  place.classList.remove("waiting");
  return { stripe, elements };
}

// A ConfirmationToken for what was typed. Throws a CardProblem in words for the fan, or an Error when nobody answered.
export class CardProblem extends Error {}

export async function cardToken({ stripe, elements }, settings, billing) {
  const checked = await elements.submit();
  if (checked.error) throw new CardProblem(checked.error.message);
  const params = { return_url: settings.return_url };
  if (billing) params.payment_method_data = { billing_details: billing };
  const made = await within(stripe.createConfirmationToken({ elements, params }), "The payment provider");
  if (!made.error) return { id: made.confirmationToken.id, ends: made.confirmationToken.expires_at * 1000 };
  if (["card_error", "validation_error"].includes(made.error.type)) throw new CardProblem(made.error.message);
  throw new Error(made.error.message);
}
