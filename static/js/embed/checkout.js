// The second step: who, where to, how much, what to know, and the card. All beside each other, sent once.
import { left } from "../countdown.js";
import { CardProblem, cardToken, mountCard } from "../payment_form.js";
import { Refused } from "./api.js";
import { busy, field, h, money, note, text, wrong } from "./parts.js";

const WARN_SECONDS = 120; // a timer appears when it matters, with time enough to act
const EMAIL = "This is not an e-mail address: name@example.com.";
const MISSING = { email: EMAIL, name: "Enter your name.", line1: "Enter your street.", city: "Enter your city.", accept: "Please read and tick this." };

export class Checkout {
  constructor(embed, cart) {
    Object.assign(this, { embed, key: crypto.randomUUID() });
    this.heading = h("h3", { tabindex: "-1" }, "Checkout");
    [this.hold, this.trouble, this.delivery, this.sums, this.texts] = ["hold", "trouble", "delivery", "sums", "texts"].map((name) => h("div", { class: name }));
    this.trouble.setAttribute("role", "alert");
    this.button = h("button", { class: "main", type: "submit" }, "Order");
    this.payment = h("div", { class: "payment" }, h("h4", {}, "Payment"), h("slot", { name: "payment" }));
    this.form = h("form", { novalidate: true, onsubmit: (event) => this.submit(event) },
      this.fields(), this.delivery, this.texts, this.sums, this.payment, this.trouble, this.button);
    const back = h("button", { class: "quiet", type: "button", onclick: () => this.back(back) }, "Back, and let it go");
    this.node = h("section", {}, this.heading, this.hold, this.form, back);
    this.take(cart);
  }

  fields() {
    const { shop } = this.embed;
    const names = new Intl.DisplayNames("en", { type: "region" });
    const countries = shop.countries.map((code) => [names.of(code), code]).sort(([one], [other]) => one.localeCompare(other));
    const country = h("select", { onchange: () => this.embed.guarded(() => this.ask()) }, ...countries.map(([name, code]) => new Option(name, code, false, code === shop.country)));
    const must = { required: true, maxlength: 120 };
    return h("div", { class: "fields" },
      field("E-mail", "email", { ...must, autocomplete: "email", inputmode: "email" }, h("input", { type: "email" })),
      field("Name", "name", { ...must, autocomplete: "name" }),
      field("Street and number", "line1", { ...must, autocomplete: "address-line1" }),
      field("Flat, floor (optional)", "line2", { maxlength: 120, autocomplete: "address-line2" }),
      field("Postal code", "postal_code", { maxlength: 20, autocomplete: "postal-code" }),
      field("City", "city", { ...must, maxlength: 80, autocomplete: "address-level2" }),
      field("State or region (optional)", "region", { maxlength: 80, autocomplete: "address-level1" }),
      field("Country", "country", { autocomplete: "country" }, country));
  }

  value(name) {
    return this.form.elements[name].value.trim();
  }

  // --- the hold
  take(cart) {
    this.cart = cart;
    this.stop();
    if (cart.hold.state === "none") return;
    this.ends = performance.now() + cart.hold.seconds_left * 1000;
    this.warned = null;
    this.timer = setInterval(() => this.tick(), 1000);
    this.tick();
  }

  tick() {
    const seconds = Math.ceil((this.ends - performance.now()) / 1000);
    const state = seconds <= 0 ? "ended" : seconds <= WARN_SECONDS ? "soon" : "held";
    if (state !== this.warned) this.sayHold(state);
    this.warned = state;
    if (this.clock) this.clock.textContent = left(this.ends - performance.now());
    if (state === "ended") this.stop();
  }

  sayHold(state) {
    const minutes = this.cart.hold.prolong_minutes;
    const longer = (words) => h("button", { class: "quiet", type: "button", onclick: ({ target }) => this.prolong(target) }, words);
    this.clock = state === "ended" ? null : h("span", { class: "clock" });
    const said = {
      held: () => h("p", {}, "Held for you for ", this.clock, "."),
      soon: () => note("wait", "Your hold ends soon", "", h("p", {}, this.clock, " left. "), minutes > 0 && longer(`Keep it for ${minutes} min more`)),
      ended: () => note("bad", "Your hold ended", "Others may have it by now.", longer("Take it again")),
    }[state]();
    this.hold.replaceChildren(said);
    if (state !== "held") this.embed.announce(state === "soon" ? "Your hold ends soon." : "Your hold ended. Others may have it by now.");
  }

  prolong(button) {
    busy(button, "One moment…", () => this.embed.guarded(async () => {
      this.take(await this.embed.api.ask("POST", "/cart/prolong", { token: this.embed.cartToken }));
      this.embed.announce("It is kept for you.");
    }));
  }

  // --- agreeing
  get lines() {
    return this.cart.lines.map(({ sku, quantity }) => ({ sku, quantity }));
  }

  async ask() {
    const body = { lines: this.lines, country: this.value("country"), shipping_option: this.quote?.shipping_option ?? "standard" };
    this.show(await this.embed.api.ask("POST", `${this.embed.path}/quote`, { body }));
  }

  // What is agreed to anew is another order: it gets another key.
  show(quote) {
    Object.assign(this, { quote, key: crypto.randomUUID() });
    this.trouble.replaceChildren(...(quote.verdict.allowed ? [] : [note("bad", "We cannot send it there", quote.verdict.reason)]));
    this.showDelivery();
    this.showTexts();
    this.showSums();
    const paysHere = quote.total.amount > 0 && quote.shipping_option !== "pickup";
    this.payment.hidden = !paysHere;
    this.button.textContent = paysHere ? `Pay ${money(quote.total)}` : `Order for ${money(quote.total)}`;
    if (paysHere) this.showCard();
  }

  showDelivery() {
    const { shipping_options: options, shipping_option: chosen } = this.quote;
    const one = ({ code, title, note: words, price }) =>
      h("label", { class: "size" }, h("input", { type: "radio", name: "shipping_option", value: code, checked: code === chosen, onchange: () => this.deliver(code) }),
        h("span", { class: "what" }, title, h("small", {}, words)), h("span", { class: "price" }, money(price)));
    this.delivery.replaceChildren(h("fieldset", { class: "sizes" }, h("legend", {}, "Delivery"), ...options.map(one)));
  }

  deliver(code) {
    this.quote.shipping_option = code;
    this.embed.guarded(() => this.ask());
  }

  showTexts() {
    const ticked = new Set(new FormData(this.form).getAll("accept"));
    const one = (policy) => {
      if (!policy.mandatory) return text(policy);
      const tick = h("input", { type: "checkbox", name: "accept", value: policy.id, required: true, checked: ticked.has(policy.id) });
      return h("div", {}, text(policy), h("label", { class: "tick" }, tick, h("span", {}, policy.box_wording)));
    };
    this.texts.replaceChildren(...(this.quote.policies.length ? [h("h4", {}, "What you should know"), ...this.quote.policies.map(one)] : []));
  }

  showSums() {
    const { lines, subtotal, shipping, tax, total } = this.quote;
    const row = (name, amount, kind) => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, money(amount)));
    const each = lines.map((line) => row(`${line.quantity} × ${line.title}`, line.total));
    if (lines.length > 1) each.push(row("Subtotal", subtotal));
    this.sums.replaceChildren(h("dl", {}, ...each, row("Delivery", shipping), tax.amount > 0 && row("Tax", tax), row("Total", total, "total")));
  }

  async showCard() {
    const { amount, currency } = this.quote.total;
    if (this.embed.card) return this.embed.card.elements.update({ amount });
    if (this.embed.mounting) return;
    try {
      await this.embed.mountCard({ amount, currency }, mountCard);
    } catch {
      this.embed.cardPlace.textContent = "The card form cannot be reached. Order without it: it is held, and we ask for your card next.";
    }
  }

  // --- sending
  faults() {
    const inputs = [...this.form.querySelectorAll("input, select")].filter((input) => input.name);
    return inputs.filter((input) => {
      const fine = input.checkValidity();
      wrong(input, fine ? "" : MISSING[input.name] ?? input.validationMessage);
      return !fine;
    });
  }

  submit(event) {
    event.preventDefault();
    this.trouble.replaceChildren();
    const [first, ...others] = this.faults();
    if (!first) return busy(this.button, "Ordering…", () => this.send());
    if (others.length || first.name === "accept") this.say("bad", others.length ? `${others.length + 1} things to mend` : MISSING.accept);
    first.focus();
  }

  async send() {
    if (!this.quote) return this.embed.guarded(() => this.ask()); // nothing can be agreed to yet
    try {
      const body = await this.body();
      const request = () => this.embed.api.ask("POST", `${this.embed.path}/orders`, { body, token: this.embed.cartToken, key: this.key });
      const placed = await this.embed.api.untilAnswered(request, (offline) => this.wait(offline));
      this.embed.ordered(placed.token);
    } catch (error) {
      this.fail(error);
    }
  }

  wait(offline) {
    const told = offline ? "You are offline" : "The network is slow";
    this.say("wait", told, "Your order is kept here and sent again by itself. Leave this page open; you are never charged twice.");
  }

  fail(error) {
    if (error instanceof CardProblem) return this.say("bad", "Your card", error.message);
    if (!(error instanceof Refused)) throw error;
    const { problem } = error;
    if (problem.type === "already-ordered") return this.embed.ordered(problem.token);
    if (problem.fresh) this.show(problem.fresh);
    for (const [name, message] of Object.entries(problem.errors ?? {})) {
      const input = this.form.elements[name.split(".").pop()];
      if (input instanceof HTMLElement) wrong(input, message);
    }
    this.say("bad", problem.detail);
    this.form.querySelector("[aria-invalid]")?.focus();
  }

  say(kind, headline, words) {
    const told = note(kind, headline, words);
    this.trouble.replaceChildren(told);
    told.scrollIntoView?.({ block: "nearest" });
  }

  async body() {
    const { quote } = this;
    const ticked = new FormData(this.form).getAll("accept");
    const [email, name, line1, line2, postal_code, city, region, country] = ["email", "name", "line1", "line2", "postal_code", "city", "region", "country"].map((each) => this.value(each));
    return {
      quote: quote.quote, agreed_total: quote.total, lines: this.lines, email, name,
      address: { line1, line2, city, postal_code, region, country }, shipping_option: quote.shipping_option,
      payment_method: quote.shipping_option === "pickup" ? "pickup" : "card",
      policies: quote.policies.map(({ id, sha256, mandatory }) => ({ id, sha256, accepted: mandatory ? ticked.includes(id) : null })),
      confirmation_token: this.payment.hidden ? null : await this.token({ email, name, address: { line1, line2: line2 || undefined, city, postal_code, state: region || undefined, country } }),
    };
  }

  // Without a network, or without Stripe, the order goes without a card: it is held, and asks for one.
  async token(billing) {
    if (!this.embed.card || navigator.onLine === false) return null;
    try {
      return (await cardToken(this.embed.card, { return_url: location.href }, billing)).id;
    } catch (error) {
      if (error instanceof CardProblem) throw error;
      return null;
    }
  }

  back(button) {
    busy(button, "One moment…", () => this.embed.guarded(async () => {
      await this.embed.api.ask("DELETE", "/cart", { token: this.embed.cartToken });
      this.embed.beginAnew();
    }));
  }

  stop() {
    clearInterval(this.timer);
  }
}
