// The second step: who, where to, how much, what to know, and the card; sent once.
import { left } from "../left.js";
import { CardProblem, cardToken, soon } from "../card_form.js";
import { busy, choice, deed, draw, field, h, money, note, offlineOr, text, tick, wrong } from "./parts.js";

const WARN = 120_000; // ms: time enough to act
const MISSING = { email: "Enter an e-mail address, like name@example.com.", name: "Enter your name.", line1: "Enter your street.", city: "Enter your city.", accept: "Please read and tick this." };
const DECIDES = ["email", "postal_code", "region", "country", "shipping_option", "discount_code"]; // the total follows from them
const GONE = ["sold-out", "in-other-carts", "hold-expired", "not-open", "limit-reached"];
const FIELDS = [ // words, name, longest, what browsers call it; MISSING says which are required
  ["E-mail", "email", 120, "email"],
  ["Name", "name", 120, "name"],
  ["Street and number", "line1", 120, "address-line1"],
  ["Flat, floor (optional)", "line2", 120, "address-line2"],
  ["Postal code", "postal_code", 20, "postal-code"],
  ["City", "city", 80, "address-level2"],
  ["State or region (optional)", "region", 80, "address-level1"],
];
const missing = (input) => input.dataset.missing ?? MISSING[input.name] ?? input.validationMessage;

export class Checkout {
  constructor(embed, cart) {
    this.embed = embed;
    this.heading = h("h3", { tabindex: "-1" }, "Checkout");
    for (const name of ["hold", "trouble", "delivery", "age", "sums", "texts"]) this[name] = h("div", { class: name });
    this.trouble.setAttribute("role", "alert");
    this.button = h("button", { class: "main", type: "submit" }, "Order");
    this.payment = h("div", { class: "payment" }, h("h4", {}, "Payment"), h("slot", { name: "payment" }));
    this.code = this.codeField();
    this.asks = h("div", { class: "asks" }, this.fields(), this.delivery, this.age, this.texts, this.code);
    this.form = h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); busy(this.button, "Ordering…", () => this.order()); }, onchange: ({ target }) => DECIDES.includes(target.name) && this.requote() },
      this.asks, this.sums, this.payment, this.trouble, this.button);
    this.node = h("section", {}, this.heading, this.hold, this.form, deed("Back, and let it go", this.back));
    this.take(cart);
  }

  fields() {
    const { shop } = this.embed;
    const names = new Intl.DisplayNames("en", { type: "region" });
    const countries = shop.countries.map((code) => new Option(names.of(code), code, false, code === shop.country));
    const country = h("select", {}, ...countries.sort((one, other) => one.text.localeCompare(other.text)));
    const one = ([label, name, maxlength, autocomplete]) => field(label, name, { type: name === "email" ? name : "text", required: name in MISSING, maxlength, autocomplete });
    return h("div", { class: "fields" }, ...FIELDS.map(one), field("Country", "country", { autocomplete: "country" }, country));
  }

  // Enter in it tries the code, and does not order.
  codeField() {
    const made = field("Discount code (optional)", "discount_code", { maxlength: 40, autocomplete: "off", autocapitalize: "characters", spellcheck: "false" });
    const apply = deed("Apply", this.requote, { kind: "apply", doing: "Apply" });
    made.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target === apply) return;
      event.preventDefault();
      apply.click();
    });
    made.querySelector("input").after(apply);
    return made;
  }

  get typed() {
    return Object.fromEntries([...new FormData(this.form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
  }

  take(cart) {
    this.cart = cart;
    this.stop();
    if (cart.hold.state === "none") return;
    this.ends = Date.now() + cart.hold.seconds_left * 1000;
    this.warned = null;
    this.timer = setInterval(() => this.tick(), 1000);
    this.tick();
  }

  tick() {
    const ms = this.ends - Date.now();
    const state = ms <= 0 ? "ended" : ms <= WARN ? "soon" : "held";
    if (state !== this.warned) this.sayHold(state);
    this.warned = state;
    if (this.clock) this.clock.textContent = left(ms);
    if (state === "ended") this.stop();
  }

  sayHold(state) {
    const minutes = this.cart.hold.prolong_minutes;
    const longer = (words) => deed(words, this.prolong);
    this.clock = state === "ended" ? null : h("span", { class: "clock" });
    const said = {
      held: () => h("p", {}, "Held for you for ", this.clock, "."),
      soon: () => note("wait", "Your hold ends soon", "", h("p", {}, this.clock, " left. "), minutes > 0 && longer(`Keep it for ${minutes} min more`)),
      ended: () => note("bad", "Your hold ended", "Others may have it by now.", longer("Take it again")),
    }[state]();
    this.hold.replaceChildren(said);
    if (state !== "held") this.embed.announce(`${said.querySelector("strong").textContent}.`);
  }

  askCart(method, path) {
    return this.embed.api.ask(method, path, { token: this.embed.cartToken });
  }

  prolong = () => this.embed.guarded(async () => {
    this.take(await this.askCart("POST", "/cart/prolong"));
    this.embed.announce("It is kept for you.");
  });

  get lines() {
    return this.cart.lines.map(({ sku, quantity }) => ({ sku, quantity }));
  }

  requote = () => this.embed.guarded(() => this.ask());

  async ask() {
    const asked = (this.asking = this.askFor(this.typed));
    const quote = await asked;
    if (asked === this.asking) this.show(quote); // else something changed meanwhile, and was asked for
  }

  askFor({ email, country, region, postal_code, shipping_option, discount_code }) {
    const known = this.form.elements.email.checkValidity() ? email : undefined; // some discounts are one person's once
    const body = { lines: this.lines, address: { country, region, postal_code }, shipping_option, discount_code, email: known };
    const ask = () => this.embed.api.ask("POST", `${this.embed.path}/quote`, { body });
    return ask().catch((error) => {
      if (!error.problem?.errors?.shipping_option) throw error;
      delete body.shipping_option; // it does not go there in that way
      return ask();
    });
  }

  // What is agreed to anew is another order: it gets another key.
  show(quote) {
    if (this.quote && this.quote.total.amount !== quote.total.amount) this.embed.announce(`The total is ${money(quote.total)}.`);
    Object.assign(this, { quote, key: crypto.randomUUID() });
    this.trouble.replaceChildren(...(quote.verdict.allowed ? [] : [note("bad", "We cannot send it there", quote.verdict.reason)]));
    this.showDelivery();
    this.showAge(quote.verdict);
    this.showTexts();
    this.code.hidden = !quote.takes_codes && !quote.discount_code;
    wrong(this.form.elements.discount_code, quote.discount_problem);
    this.showSums();
    const paysHere = quote.total.amount > 0 && quote.shipping_option !== "pickup";
    this.payment.hidden = !paysHere;
    this.button.textContent = `${paysHere ? "Pay" : "Order for"} ${money(quote.total)}`;
    if (paysHere) this.showCard();
  }

  showDelivery() {
    const { shipping_options: options, shipping_option: chosen } = this.quote;
    const one = ({ code, title, note: words, price }) => choice({ name: "shipping_option", value: code, checked: code === chosen }, [title, h("small", {}, words)], price);
    draw(this.delivery, options, () => [h("fieldset", { class: "sizes" }, h("legend", {}, "Delivery"), ...options.map(one))]);
    if (options.length > 1) this.form.elements.shipping_option.value = chosen;
  }

  // Where something is sold from an age on. The shop decides.
  showAge({ minimum_age: least, age_proof: proof, age_question: question }) {
    const date = () => field(`Date of birth (${least} or older)`, "birth_date", { type: "date", required: true, "data-missing": question, min: "1900-01-01", autocomplete: "bday" });
    const box = () => tick({ name: "of_age", "data-missing": question }, `I am ${least} or older.`);
    draw(this.age, question, () => (least ? [proof === "birth_date" ? date() : box()] : []));
  }

  showTexts() {
    const ticked = new Set(new FormData(this.form).getAll("accept"));
    const box = ({ sha256: value, box_wording: words }) => tick({ name: "accept", value, checked: ticked.has(value) }, words);
    const one = (policy) => h("div", {}, text(policy), policy.mandatory && box(policy));
    const { policies } = this.quote;
    draw(this.texts, policies, () => (policies.length ? [h("h4", {}, "What you should know"), ...policies.map(one)] : []));
  }

  // The rows add up to the total; a tax inside the prices is said below.
  showSums() {
    const { lines, subtotal, shipping, discounts, tax, tax_title: title, tax_included: inside, total } = this.quote;
    const row = (name, amount, kind, sign = "") => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, sign + money(amount)));
    const each = lines.map((line) => row(`${line.quantity} × ${line.title}`, line.total));
    if (lines.length > 1) each.push(row("Subtotal", subtotal));
    const off = discounts.map(({ title: why, code, amount }) => row(code ? `${why} (${code})` : why, amount, "off", "−"));
    const taxed = tax.amount > 0 && row((title || "Tax") + (inside ? " inside the total" : ""), tax, inside && "inside");
    this.sums.replaceChildren(h("dl", {}, ...each, row("Delivery", shipping), ...off, !inside && taxed, row("Total", total, "total"), inside && taxed));
  }

  async showCard() {
    const { embed } = this;
    try {
      if (!embed.card) await embed.mountCard(this.quote.total);
    } catch {
      if (embed.step === this) embed.cardPlace.textContent = "The card form cannot be reached. Order without it: it is held, and we ask for your card next.";
    }
    const { amount } = this.quote.total; // another one, perhaps, since the form was asked for
    if (amount) embed.card?.elements.update({ amount });
  }

  faults() {
    return [...this.asks.querySelectorAll("[name]")].filter((input) => {
      const fine = input.checkValidity();
      wrong(input, fine ? "" : missing(input));
      return !fine;
    });
  }

  async order() {
    const agreed = this.quote?.total.amount;
    await this.asking.catch(this.requote); // a total on its way counts, and one that got lost
    if (!(await this.asking.catch(() => null))) return;
    if (this.quote.total.amount !== agreed) return this.say("bad", `The total is ${money(this.quote.total)} now. Please agree to it.`);
    this.trouble.replaceChildren();
    const [first, ...others] = this.faults();
    if (!first) return this.send();
    if (others.length) this.say("bad", `${others.length + 1} things to mend`);
    else if (first.type === "checkbox") this.say("bad", missing(first));
    first.focus();
  }

  // While it is sent it stays as it was agreed to.
  async send() {
    const { key, embed } = this;
    this.button.focus();
    this.asks.inert = true;
    try {
      const body = await this.body();
      const send = () => embed.api.ask("POST", `${embed.path}/orders`, { body, token: embed.cartToken, key });
      const request = () => (embed.step === this ? send() : new Promise(() => {})); // who let it go orders nothing
      const placed = await embed.api.untilAnswered(request, () => this.wait());
      embed.ordered(placed.token);
    } catch (error) {
      this.asks.inert = false;
      this.fail(error);
    }
  }

  wait() {
    this.say("wait", offlineOr("The network is slow"), "Your order is kept here and sent again by itself. Leave this page open; you are never charged twice.");
  }

  fail(error) {
    if (error instanceof CardProblem) return this.say("bad", "Your card", error.message);
    const { problem } = error;
    if (!problem) throw error;
    if (problem.type === "already-ordered") return this.embed.ordered(problem.token);
    if (GONE.includes(problem.type)) return this.end(problem);
    if (problem.fresh) this.show(problem.fresh);
    if (problem.type === "age-required") this.showAge({ ...problem, age_proof: problem.proof, age_question: problem.detail });
    this.seen = problem.seen ?? this.seen;
    for (const [name, message] of Object.entries(problem.errors ?? {})) {
      const input = this.form.elements[name.split(".").pop()];
      if (input instanceof HTMLElement) wrong(input, message);
    }
    this.say("bad", problem.detail, ...(problem.changes ?? []).flatMap(({ headlines }) => headlines));
    this.form.querySelector("[aria-invalid]")?.focus();
  }

  // It cannot be had any more: no form, no button to press.
  end({ type, detail }) {
    this.stop();
    this.hold.replaceChildren();
    this.form.replaceChildren(this.trouble);
    this.say("bad", detail, "Your order was not placed, and you have not been charged.", this.embed.waiting(type));
    this.trouble.firstChild.focus();
  }

  say(kind, ...words) {
    const told = note(kind, ...words);
    this.trouble.replaceChildren(told);
    told.scrollIntoView?.({ block: "nearest" });
  }

  async body() {
    const { quote, seen, lines } = this;
    const { email, name, line1, line2, postal_code, city, region, country, birth_date, of_age } = this.typed;
    const ticked = new FormData(this.form).getAll("accept");
    return {
      quote: quote.quote, agreed_total: quote.total, lines, email, name, birth_date, of_age: Boolean(of_age), seen,
      address: { line1, line2, city, postal_code, region, country },
      shipping_option: quote.shipping_option, discount_code: quote.discount_code,
      payment_method: quote.shipping_option === "pickup" ? "pickup" : "card",
      policies: quote.policies.map(({ id, sha256, mandatory }) => ({ id, sha256, accepted: mandatory ? ticked.includes(sha256) : null })),
      confirmation_token: this.payment.hidden ? null : await this.token({ email, name, address: { line1, line2, city, postal_code, state: region, country } }),
    };
  }

  // Without a network, or without Stripe, the order goes without a card: it is held, and asks for one.
  async token(billing) {
    const { embed } = this;
    await soon(embed.mounting);
    if (!embed.card || navigator.onLine === false) return null;
    try {
      return (await cardToken(embed.card, { return_url: location.href }, billing)).id;
    } catch (error) {
      if (error instanceof CardProblem) throw error;
      return null;
    }
  }

  back = () => this.embed.guarded(async () => {
    await this.askCart("DELETE", "/cart");
    this.embed.beginAnew();
  });

  stop() {
    clearInterval(this.timer);
  }
}
