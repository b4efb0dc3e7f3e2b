// <frontrow-drop slug="winter-robe">: sells one drop inside somebody else's page. No cookie is set or needed.
import { follow } from "../live.js";
import { appearance } from "../payment_form.js";
import { Api, Away, Memory } from "./api.js";
import { Checkout } from "./checkout.js";
import { Choose } from "./choose.js";
import { Order } from "./order.js";
import { h, note } from "./parts.js";
import { STYLES } from "./styles.js";

let sheet = null;

function styles() {
  if (!sheet) {
    sheet = new CSSStyleSheet(); // not a <style>: the policy of the page around need not allow inline styles
    sheet.replaceSync(STYLES);
  }
  return sheet;
}

export class FrontrowDrop extends HTMLElement {
  static shop = ""; // its origin: where this script came from
  static observedAttributes = ["slug"];

  attributeChangedCallback(_, before, now) {
    if (before === null || before === now || !this.isConnected) return;
    this.disconnectedCallback();
    this.connectedCallback();
  }

  connectedCallback() {
    if (!this.shadowRoot) this.build();
    this.api = new Api(FrontrowDrop.shop);
    this.path = `/drops/${encodeURIComponent(this.getAttribute("slug") ?? "")}`;
    this.memory = new Memory(`${FrontrowDrop.shop}${this.path}`);
    this.load();
  }

  disconnectedCallback() {
    this.unfollow?.();
    this.step?.stop?.();
  }

  build() {
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styles()];
    this.head = h("header", {});
    this.main = h("div", { class: "main-part" });
    this.live = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.frame = h("article", { class: "frame" }, this.head, this.main, this.live);
    this.shadowRoot.append(this.frame);
    // Stripe refuses shadow roots: the card form stands in the page itself and is shown through a slot.
    this.cardPlace = h("div", { slot: "payment" });
    this.append(this.cardPlace);
  }

  async load() {
    this.main.replaceChildren(h("p", { class: "waiting" }, "One moment…"));
    try {
      [this.shop, this.drop] = await Promise.all([this.api.ask("GET", "/shop"), this.api.ask("GET", this.path)]);
    } catch (error) {
      return this.cannotLoad(error);
    }
    this.dress();
    this.clockOffset = performance.now() - Date.parse(this.drop.server_now);
    this.showHead();
    this.listen();
    await this.resume();
  }

  cannotLoad(error) {
    const gone = error.problem?.status === 404;
    const again = h("button", { class: "quiet", type: "button", onclick: () => this.load() }, "Try again");
    const words = gone ? ["There is no such drop", "The address of this page may be old."] : [navigator.onLine === false ? "You are offline" : "The shop cannot be reached", "Nothing is lost. Try again in a moment."];
    this.main.replaceChildren(note("bad", ...words, !gone && again));
    this.announce(words.join(". "));
  }

  dress() {
    for (const name of ["accent", "on_accent", "accent_dark", "on_accent_dark"]) this.frame.style.setProperty(`--shop-${name.replaceAll("_", "-")}`, this.shop[name]);
  }

  showHead() {
    const { cover_url: cover, cover_alt: alt, title, strapline, url } = this.drop;
    this.head.replaceChildren(...[cover && h("img", { src: cover, alt, loading: "lazy", decoding: "async" }),
      h("h2", {}, title), strapline && h("p", { class: "strapline" }, strapline),
      h("p", { class: "by" }, "Sold by ", h("a", { href: url, target: "_blank", rel: "noopener" }, this.shop.name))].filter(Boolean));
  }

  // --- news
  listen() {
    this.unfollow?.();
    this.version = -1;
    const poll = async () => this.heard(await this.api.ask("GET", `${this.path}/stock`).catch(() => ({ version: -1 })));
    this.unfollow = follow(this.drop.live_url, { news: (message) => this.heard(message), poll });
  }

  heard(message) {
    if (message.version < this.version) return;
    this.version = message.version;
    if (message.phase && message.phase !== this.drop.phase) return this.turnSoon();
    if (this.step instanceof Choose) this.step.news(message);
  }

  // Every page turns in the same second: spread the asking over a short while.
  turnSoon() {
    this.turning ??= setTimeout(async () => {
      this.turning = null;
      const fresh = await this.api.ask("GET", this.path).catch(() => null);
      if (!fresh) return;
      this.drop = fresh;
      if (this.step instanceof Choose) this.go(new Choose(this, fresh));
    }, Math.random() * 1500);
  }

  at(iso) {
    return Date.parse(iso) + this.clockOffset;
  }

  announce(words) {
    this.live.textContent = words;
  }

  // The page around may listen: frontrow:placed, frontrow:confirmed, … with the total, never a token.
  tell(status, total) {
    this.dispatchEvent(new CustomEvent(`frontrow:${status}`, { bubbles: true, composed: true, detail: { drop: this.drop.slug, total } }));
  }

  // --- steps
  go(step) {
    this.step?.stop?.();
    this.step = step;
    this.main.replaceChildren(step.node);
  }

  async resume() {
    const { cart, order } = this.memory.tokens;
    if (order) return this.go(new Order(this, order));
    if (cart) {
      this.cartToken = cart;
      const found = await this.api.ask("GET", "/cart", { token: cart }).catch((error) => error);
      if (found.problem?.type === "already-ordered") return this.ordered(found.problem.token);
      if (found.lines?.length) return this.guarded(() => this.checkOut(found));
    }
    this.go(new Choose(this, this.drop));
  }

  async buy(lines) {
    const cart = await this.api.ask("POST", `${this.path}/carts`, { body: { lines } });
    this.cartToken = cart.token;
    this.memory.keep({ cart: cart.token });
    await this.checkOut(cart);
    this.step.heading.focus();
  }

  async checkOut(cart) {
    const step = new Checkout(this, cart);
    this.go(step);
    await step.ask();
  }

  ordered(token) {
    this.forgetCard();
    this.memory.keep({ order: token });
    this.go(new Order(this, token));
    this.step.heading.focus();
  }

  async beginAnew() {
    this.memory.keep({});
    this.go(new Choose(this, this.drop));
    const fresh = await this.api.ask("GET", this.path).catch(() => null);
    if (fresh && this.step instanceof Choose) this.go(new Choose(this, (this.drop = fresh)));
  }

  async mountCard({ amount, currency }, mount) {
    this.mounting ??= mount({ ...this.shop, amount, currency, capture_method: this.drop.capture_method }, this.cardPlace, this.look());
    try {
      this.card = await this.mounting;
    } finally {
      this.mounting = null;
    }
  }

  // A card is typed once for each try: a form that still shows the one that was refused invites to press again.
  forgetCard() {
    this.card = null;
    this.cardPlace.replaceChildren();
  }

  look() {
    const { colorScheme } = getComputedStyle(this);
    const dark = colorScheme.includes("dark") && (!colorScheme.includes("light") || matchMedia("(prefers-color-scheme: dark)").matches);
    return appearance({ root: this.frame, prefix: "--_", dark, font: getComputedStyle(this.frame).fontFamily });
  }

  // What is refused or lost is said where the fan looks.
  async guarded(work) {
    try {
      await work();
    } catch (error) {
      const away = error instanceof Away;
      if (!away && !error.problem) throw error;
      const words = away ? ["Nobody answered", navigator.onLine === false ? "You are offline." : "Try again in a moment."] : [error.message];
      const told = note("bad", ...words);
      (this.step.trouble ?? this.step.state).replaceChildren(told);
      this.announce(words.join(". "));
    }
  }
}
