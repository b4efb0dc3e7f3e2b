// A storefront in one file: it reads a drop, fills a cart, agrees to a quote, orders once and follows the order.
const meta = (name) => document.querySelector(`meta[name=${name}]`).content;
const at = (id) => document.getElementById(id);
const API = `${meta("shop")}/api/v1`;
const SETTLED = ["confirmed", "expired", "cancelled", "late_paid", "processing"];
const MAY_COME_BACK = ["sold-out", "in-other-carts", "hold-expired"];
const DECIDES = ["country", "region", "postal_code", "email", "discount_code"]; // the total follows from them
const PATIENCE = 10_000; // ms for one answer
let shop, drop, cart, quote, stripe, elements, mounting, order, asking;
let seen = ""; // what the shop said of texts that changed meanwhile: it comes back with the order
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
  const answer = await fetch(API + path, { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE) });
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Refused({ ...told, again: Number(answer.headers.get("Retry-After")) });
  return told;
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// A fetch that failed, or was not answered in time.
const isAway = (error) => error instanceof TypeError || error.name === "TimeoutError";

// Sent until it is answered. The key makes that harmless: however often it arrives, it is one order.
async function untilAnswered(request) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await request();
    } catch (error) {
      const tryAgain = isAway(error) || [429, 503].includes(error.problem?.status);
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
    if (!(error instanceof Refused) && !isAway(error)) throw error;
    say(error instanceof Refused ? error.message : "The shop cannot be reached. Try again in a moment.");
    if (error.problem) refused(error.problem);
  }
}

function refused({ type, fresh, errors = {}, seen: before = seen, detail, proof, minimum_age }) {
  seen = before;
  if (fresh) show(fresh); // the total or a text changed: agree anew, under a new key
  if (type === "age-required") showAge({ age_question: detail, age_proof: proof, minimum_age });
  for (const [name, message] of Object.entries(errors)) at("news").append(` ${name}: ${message}`);
  if (!MAY_COME_BACK.includes(type)) return;
  at("checkout").hidden = true;
  at("wait").hidden = !drop.waiting_list_url; // what is gone may come back, first to those who wait
}

// --- the drop and the cart ------------------------------------------------------------------------------------------
async function begin() {
  [shop, drop] = await Promise.all([ask("GET", "/shop"), ask("GET", `/drops/${meta("drop")}`)]);
  at("wait").href = drop.waiting_list_url;
  at("title").textContent = drop.title;
  at("strapline").textContent = drop.strapline;
  at("choose").elements.sku.replaceChildren(...drop.offers.map(option));
  const names = new Intl.DisplayNames("en", { type: "region" });
  const countries = shop.countries.map((code) => new Option(names.of(code), code, false, code === shop.country));
  at("checkout").elements.country.replaceChildren(...countries);
  at("choose").hidden = drop.phase !== "live";
  at("wait").hidden = drop.phase !== "sold_out" || !drop.waiting_list_url;
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

// What was filled in, by name, without spaces around it.
const typed = () => Object.fromEntries([...new FormData(at("checkout"))].map(([name, value]) => [name, value.trim()]));

async function askQuote() {
  const { country, region, postal_code, email, discount_code } = typed();
  const known = at("checkout").elements.email.checkValidity() ? email : undefined; // some discounts are one person's once
  const body = { lines: linesOf(), address: { country, region, postal_code }, discount_code, email: known };
  const asked = (asking = ask("POST", `/drops/${meta("drop")}/quote`, { body }));
  const fresh = await asked;
  if (asked === asking) await agreeTo(fresh); // else something changed meanwhile, and was asked for
}

async function agreeTo(fresh) {
  show(fresh);
  say(quote.verdict.allowed ? "" : quote.verdict.reason);
  if (quote.total.amount > 0) await (mounting ??= mountCard());
}

function show(fresh) {
  quote = fresh;
  key = crypto.randomUUID();
  at("sums").replaceChildren(...sums().map(([name, amount, sign = ""]) => {
    const row = document.createElement("tr");
    row.append(Object.assign(document.createElement("th"), { textContent: name, scope: "row" }));
    row.append(Object.assign(document.createElement("td"), { textContent: sign + money(amount) }));
    return row;
  }));
  at("code").hidden = !quote.takes_codes;
  at("code-problem").textContent = quote.discount_problem;
  showAge(quote.verdict);
  const ticked = new FormData(at("checkout")).getAll("accept");
  at("policies").replaceChildren(at("policies").firstElementChild, ...quote.policies.map((policy) => box(policy, ticked)));
  at("checkout").querySelector(":scope > button").textContent = `Order for ${money(quote.total)}`;
  if (elements && quote.total.amount) elements.update({ amount: quote.total.amount });
}

// The rows down to the total add up to it. A tax that the prices hold already is said below.
function sums() {
  const { subtotal, shipping, discounts, tax, tax_title: title, tax_included: inside, total } = quote;
  const off = discounts.map(({ title: why, amount }) => [why, amount, "−"]);
  const rows = [["Subtotal", subtotal], ["Delivery", shipping], ...off];
  if (tax.amount && !inside) rows.push([title || "Tax", tax]);
  rows.push(["Total", total]);
  if (tax.amount && inside) rows.push([`${title || "Tax"} inside the total`, tax]);
  return rows;
}

// Where something is sold from an age on: the date of birth, or a box to tick. The shop decides.
function showAge({ age_question: question, age_proof: proof, minimum_age: least }) {
  const place = at("age");
  if (place.dataset.question === (question ?? "")) return; // what was answered stays
  place.dataset.question = question ?? "";
  place.replaceChildren();
  if (!question) return;
  const input = Object.assign(document.createElement("input"), { required: true, title: question });
  Object.assign(input, proof === "birth_date" ? { type: "date", name: "birth_date" } : { type: "checkbox", name: "of_age" });
  const label = document.createElement("label");
  label.append(...(proof === "birth_date" ? ["Date of birth ", input] : [input, `I am ${least} or older.`]));
  place.append(label);
}

// The exact text that the order names by its sha256 is there to read; the shop has made its HTML safe.
function box(policy, ticked) {
  const text = document.createElement("details");
  text.append(Object.assign(document.createElement("summary"), { textContent: `${policy.title}: ${policy.summary}` }));
  text.append(Object.assign(document.createElement("div"), { innerHTML: policy.html }));
  if (!policy.mandatory) return text;
  const tick = Object.assign(document.createElement("input"), { type: "checkbox", name: "accept", value: policy.sha256, required: true, checked: ticked.includes(policy.sha256) });
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
  const { amount, currency } = quote.total;
  const asTheShopTakesIt = { captureMethod: drop.capture_method, excludedPaymentMethodTypes: shop.excluded_payment_methods };
  elements = stripe.elements({ mode: "payment", amount, currency: currency.toLowerCase(), ...asTheShopTakesIt });
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
  const agreed = quote.total.amount;
  await asking.catch(() => {}); // a total that is on its way counts
  if (quote.total.amount !== agreed) return say(`The total is ${money(quote.total)} now. Please agree to it.`);
  const { email, name, line1, postal_code, city, region, country, birth_date = null, of_age } = typed();
  const ticked = new FormData(at("checkout")).getAll("accept");
  const body = {
    quote: quote.quote, agreed_total: quote.total, lines: linesOf(), email, name,
    address: { line1, postal_code, city, region, country }, shipping_option: quote.shipping_option,
    discount_code: quote.discount_code, birth_date, of_age: Boolean(of_age), seen,
    policies: quote.policies.map(({ id, sha256, mandatory }) => ({ id, sha256, accepted: mandatory ? ticked.includes(sha256) : null })),
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
at("checkout").addEventListener("change", ({ target }) => DECIDES.includes(target.name) && guarded(askQuote));
at("again").addEventListener("click", (event) => submitted(event, anotherCard));
at("cancel").addEventListener("click", (event) => submitted(event, letGo));
guarded(begin);
