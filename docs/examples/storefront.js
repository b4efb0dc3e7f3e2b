// A storefront in one file: it reads a drop, fills a cart, agrees to a quote, orders once and follows the order.
const meta = (name) => document.querySelector(`meta[name=${name}]`).content;
const at = (id) => document.getElementById(id);
const API = `${meta("shop")}/api/v1`;
const SETTLED = ["confirmed", "expired", "cancelled", "late_paid", "processing"];
let shop, cart, quote, stripe, elements, order;
let key = crypto.randomUUID(); // of the order: the same for every try to send it

class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

async function ask(method, path, { body, token, headers = {} } = {}) {
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Refused({ ...told, again: Number(answer.headers.get("Retry-After")) });
  return told;
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// Sent until it is answered. The key makes that harmless: however often it arrives, it is one order.
async function untilAnswered(request) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await request();
    } catch (error) {
      const tryAgain = error instanceof TypeError || [429, 503].includes(error.problem?.status);
      if (!tryAgain || error.problem?.again > 60) throw error;
      say("The network is slow. Sending your order again…");
      await pause(error.problem?.again || Math.min(20, 2 ** tries) * (0.5 + Math.random() / 2));
    }
  }
}

const money = ({ amount, currency }) => {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
};
const say = (words) => (at("news").textContent = words);

async function guarded(work) {
  try {
    await work();
  } catch (error) {
    say(error instanceof Refused ? error.message : "The shop cannot be reached. Try again in a moment.");
    if (error.problem?.fresh) show(error.problem.fresh); // the total or a text changed: agree anew, under a new key
  }
}

// --- the drop and the cart ------------------------------------------------------------------------------------------
async function begin() {
  const [theShop, drop] = await Promise.all([ask("GET", "/shop"), ask("GET", `/drops/${meta("drop")}`)]);
  shop = theShop;
  at("title").textContent = drop.title;
  at("strapline").textContent = drop.strapline;
  at("choose").elements.sku.replaceChildren(...drop.offers.map(option));
  const names = new Intl.DisplayNames("en", { type: "region" });
  const countries = shop.countries.map((code) => new Option(names.of(code), code, false, code === shop.country));
  at("checkout").elements.country.replaceChildren(...countries);
  at("choose").hidden = drop.phase !== "live";
  if (drop.phase !== "live") say(drop.phase === "upcoming" ? "It has not started yet." : "It is not on sale now.");
  new EventSource(drop.live_url).onmessage = ({ data }) => {
    for (const [sku, { available }] of Object.entries(JSON.parse(data).stock)) stockIs(sku, available);
  };
}

const words = (title, price, available) => `${title} · ${price} · ${available > 0 ? `${available} left` : "nothing left"}`;

function option({ sku, title, price, available }) {
  const made = new Option(words(title, money(price), available), sku);
  Object.assign(made.dataset, { title, price: money(price) });
  made.disabled = available < 1;
  return made;
}

function stockIs(sku, available) {
  const found = [...at("choose").elements.sku.options].find((each) => each.value === sku);
  if (!found) return;
  found.textContent = words(found.dataset.title, found.dataset.price, available);
  found.disabled = available < 1;
}

async function fillCart() {
  const lines = [{ sku: at("choose").elements.sku.value, quantity: 1 }];
  cart = await ask("POST", `/drops/${meta("drop")}/carts`, { body: { lines } });
  at("hold").textContent = cart.hold.expires_at ? `Held for you until ${new Date(cart.hold.expires_at).toLocaleTimeString()}.` : "";
  at("choose").hidden = true;
  at("checkout").hidden = false;
  await askQuote();
}

// --- agreeing -------------------------------------------------------------------------------------------------------
const linesOf = () => cart.lines.map(({ sku, quantity }) => ({ sku, quantity }));

async function askQuote() {
  show(await ask("POST", `/drops/${meta("drop")}/quote`, { body: { lines: linesOf(), country: at("checkout").elements.country.value } }));
  if (!quote.verdict.allowed) say(quote.verdict.reason);
  if (quote.total.amount > 0 && !elements) await mountCard();
}

function show(fresh) {
  quote = fresh;
  key = crypto.randomUUID();
  const sums = [["Subtotal", quote.subtotal], ["Delivery", quote.shipping], ["Tax", quote.tax], ["Total", quote.total]];
  at("sums").replaceChildren(...sums.map(([name, amount]) => {
    const row = document.createElement("tr");
    row.append(Object.assign(document.createElement("th"), { textContent: name, scope: "row" }));
    row.append(Object.assign(document.createElement("td"), { textContent: money(amount) }));
    return row;
  }));
  at("policies").replaceChildren(at("policies").firstElementChild, ...quote.policies.map(box));
  at("checkout").querySelector(":scope > button").textContent = `Order for ${money(quote.total)}`;
  if (elements && quote.total.amount) elements.update({ amount: quote.total.amount });
}

// The exact text that the order names by its sha256 is there to read; the shop has made its HTML safe.
function box(policy) {
  const text = document.createElement("details");
  text.append(Object.assign(document.createElement("summary"), { textContent: `${policy.title}: ${policy.summary}` }));
  text.append(Object.assign(document.createElement("div"), { innerHTML: policy.html }));
  if (!policy.mandatory) return text;
  const tick = Object.assign(document.createElement("input"), { type: "checkbox", name: "accept", value: policy.id, required: true });
  const label = document.createElement("label");
  label.append(tick, policy.box_wording);
  const both = document.createElement("div");
  both.append(text, label);
  return both;
}

// --- paying ---------------------------------------------------------------------------------------------------------
async function mountCard() {
  await new Promise((onload, onerror) => document.head.append(Object.assign(document.createElement("script"), { src: shop.stripe_js, onload, onerror })));
  stripe = window.Stripe(shop.publishable_key);
  elements = stripe.elements({ mode: "payment", amount: quote.total.amount, currency: quote.total.currency.toLowerCase() });
  elements.create("payment").mount("#card");
}

async function cardToken() {
  if (!elements) return null; // Stripe could not be reached: the order is held and asks for a card later
  const checked = await elements.submit();
  if (checked.error) throw new Refused({ detail: checked.error.message });
  const made = await stripe.createConfirmationToken({ elements, params: { return_url: location.href } });
  if (made.error) throw new Refused({ detail: made.error.message });
  return made.confirmationToken.id;
}

async function placeOrder() {
  const { email, name, line1, postal_code, city, country } = Object.fromEntries(new FormData(at("checkout")));
  const ticked = new FormData(at("checkout")).getAll("accept");
  const body = {
    quote: quote.quote, agreed_total: quote.total, lines: linesOf(), email, name,
    address: { line1, postal_code, city, country }, shipping_option: quote.shipping_option,
    policies: quote.policies.map(({ id, sha256, mandatory }) => ({ id, sha256, accepted: mandatory ? ticked.includes(id) : null })),
    confirmation_token: await cardToken(),
  };
  const placed = await untilAnswered(() =>
    ask("POST", `/drops/${meta("drop")}/orders`, { body, token: cart.token, headers: { "Idempotency-Key": key } }));
  order = `/orders/${placed.token}`;
  at("checkout").hidden = true;
  at("order").hidden = false;
  at("order").prepend(at("card")); // should another card be wanted
  say("");
  await follow();
}

// --- following ------------------------------------------------------------------------------------------------------
const asked = new Set();

async function follow() {
  for (;;) {
    const told = await untilAnswered(() => ask("GET", order));
    if (at("headline").textContent !== told.headline) {
      at("headline").textContent = told.headline;
      at("explanation").textContent = `${told.explanation} ${told.next_step}`;
      at("headline").focus();
    }
    const action = told.next_action;
    at("card").hidden = at("again").hidden = action?.type !== "pay";
    at("cancel").hidden = !told.can_cancel;
    if (SETTLED.includes(told.status)) return;
    if (action?.type === "use_stripe_sdk" && !asked.has(action.client_secret)) {
      asked.add(action.client_secret);
      await stripe.handleNextAction({ clientSecret: action.client_secret });
      await ask("POST", `${order}/returned`);
    }
    await pause(1.5);
  }
}

const anotherCard = async () => ask("PUT", `${order}/card`, { body: { confirmation_token: await cardToken() } });
const letGo = () => ask("POST", `${order}/cancel`);

async function submitted(event, work) {
  event.preventDefault();
  const button = event.submitter ?? event.target;
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true"); // twice pressed is once sent
  await guarded(work);
  button.removeAttribute("aria-disabled");
}

at("choose").addEventListener("submit", (event) => submitted(event, fillCart));
at("checkout").addEventListener("submit", (event) => submitted(event, placeOrder));
at("checkout").elements.country.addEventListener("change", () => guarded(askQuote));
at("again").addEventListener("click", (event) => submitted(event, anotherCard));
at("cancel").addEventListener("click", (event) => submitted(event, letGo));
guarded(begin);
