// <frontrow-drop slug="winter-robe">: sells a drop inside somebody else's page, without a cookie.
import { follow } from "../live.js";
import { appearance, mountCard } from "../card_form.js";
import { Api, Away, Memory } from "./api.js";
import { Checkout } from "./checkout.js";
import { Choose } from "./choose.js";
import { Order } from "./order.js";
import { deed, h, link, note, offlineOr } from "./parts.js";
import { STYLES } from "./styles.js";

const MAY_COME_BACK = ["sold-out", "in-other-carts", "hold-expired"];
const sheet = new CSSStyleSheet(); // not a <style>: the page around need not allow inline ones
sheet.replaceSync(STYLES);

export class FrontrowDrop extends HTMLElement {
  static shop = ""; // its origin: where this script came from
  static observedAttributes = ["slug"];

  attributeChangedCallback(_, before, now) {
    if (!before || before === now || !this.isConnected) return;
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
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    this.head = h("header");
    this.main = h("div");
    this.live = h("p", { class: "unseen", role: "status" });
    this.frame = h("article", { class: "frame" }, this.head, this.main, this.live);
    this.shadowRoot.append(this.frame);
    // Stripe refuses shadow roots: the card form stands in the page, and shows through a slot.
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
    if (!this.isConnected) return;
    for (const name of ["accent", "on_accent", "accent_dark", "on_accent_dark"]) this.frame.style.setProperty(`--shop-${name}`, this.shop[name]);
    this.clockOffset = Date.now() - Date.parse(this.drop.server_now);
    this.showHead();
    this.listen();
    await this.resume();
  }

  cannotLoad(error) {
    const gone = error.problem?.status === 404;
    const words = gone ? ["There is no such drop", "The address of this page may be old."] : [offlineOr("The shop cannot be reached"), "Nothing is lost. Try again in a moment."];
    this.main.replaceChildren(note("bad", ...words, !gone && deed("Try again", () => this.load())));
    this.announce(words.join(". "));
  }

  showHead() {
    const { cover_url: cover, cover_alt: alt, title, strapline, url } = this.drop;
    this.head.replaceChildren(...[cover && h("img", { src: cover, alt, loading: "lazy" }),
      h("h2", {}, title), strapline && h("p", { class: "strapline" }, strapline),
      h("p", { class: "by" }, "Sold by ", link(url, this.shop.name))].filter(Boolean));
  }

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

  // Every page turns in the same second: spread the asking.
  turnSoon(within = 1500) {
    this.turning ??= setTimeout(() => this.refresh(), Math.random() * within);
  }

  async refresh() {
    this.turning = null;
    const fresh = await this.api.ask("GET", this.path).catch(() => null);
    if (!fresh) return this.turnSoon(5000);
    this.drop = fresh;
    if (this.step instanceof Choose) this.go(new Choose(this, fresh));
  }

  at(iso) {
    return Date.parse(iso) + this.clockOffset;
  }

  announce(words) {
    this.live.textContent = words;
  }

  // Events for the page around: frontrow:placed, … with the total, never a token.
  tell(status, total) {
    this.dispatchEvent(new CustomEvent(`frontrow:${status}`, { bubbles: true, composed: true, detail: { drop: this.drop.slug, total } }));
  }

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

  beginAnew() {
    this.memory.keep({});
    this.go(new Choose(this, this.drop));
    return this.refresh();
  }

  async mountCard({ amount, currency }) {
    const settings = { ...this.shop, amount, currency, capture_method: this.drop.capture_method };
    const coming = (this.mounting ??= mountCard(settings, this.cardPlace, this.look()));
    const card = await coming.catch(() => null);
    if (this.mounting === coming) [this.card, this.mounting] = [card, null]; // else it was forgotten
    await coming;
  }

  // The refused card in it would invite to press again.
  forgetCard() {
    this.card = this.mounting = null;
    this.cardPlace.replaceChildren();
  }

  look() {
    const { colorScheme } = getComputedStyle(this);
    const dark = colorScheme.includes("dark") && (!colorScheme.includes("light") || matchMedia("(prefers-color-scheme: dark)").matches);
    return appearance({ root: this.frame, prefix: "--_", dark, font: getComputedStyle(this.frame).fontFamily });
  }

  // What is gone may come back, first to those who wait.
  waiting(type) {
    const { waiting_list_url: list } = this.drop;
    return MAY_COME_BACK.includes(type) && list && link(list, "Join the waiting list");
  }

  // What is refused or lost is said where the fan looks.
  async guarded(work) {
    try {
      await work();
    } catch (error) {
      const away = error instanceof Away;
      if (!away && !error.problem) throw error;
      const words = away ? [offlineOr("Nobody answered"), "Try again in a moment."] : [error.message];
      (this.step.trouble ?? this.step.state).replaceChildren(note("bad", words[0], words[1], this.waiting(error.problem?.type)));
      this.announce(words.join(". "));
    }
  }
}
