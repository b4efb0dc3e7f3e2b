// The first step: what there is, how much is left, and the button.
import { left } from "../left.js";
import { busy, choice, h, link, note, when } from "./parts.js";

const IN_CARTS = ["In other carts", "Everything is in carts right now. Some may come back within minutes; keep this open."];
const AT_THE_SHOP = "See it at the shop";
const ROOM = [...IN_CARTS, AT_THE_SHOP].join("\n"); // the longest that may stand in the button's place
const CLOSED = {
  sold_out: ["Sold out", "Everything found somebody."],
  paused: ["Paused for a moment", "It goes on soon; this page will show it."],
  closed: ["This drop is over", "Thank you to everybody who came."],
};

const wordsFor = ({ available, in_carts: inCarts }) => (available > 0 ? `${available} left` : inCarts > 0 ? "In carts, may come back" : "Sold out");

export class Choose {
  constructor(embed, drop) {
    Object.assign(this, { embed, drop, stock: Object.fromEntries(drop.offers.map((offer) => [offer.sku, offer])) });
    this.state = h("div", { class: "state" });
    this.form = h("form", { onsubmit: (event) => this.submit(event) }, this.sizes(), this.bottom());
    this.node = h("section", {}, this.state, this.form, this.knows());
    this.turn();
  }

  sizes() {
    const one = ({ sku, title, price, limit }, index) =>
      choice({ name: "sku", value: sku, "data-limit": limit, checked: index === 0, onchange: () => this.turn() }, [title], price, h("span", { class: "left" }));
    return h("fieldset", { class: "sizes" }, h("legend", {}, "Choose yours"), ...this.drop.offers.map(one));
  }

  bottom() {
    this.quantity = h("select", { id: "quantity", name: "quantity" });
    this.button = h("button", { class: "main", type: "submit" }, "Buy now");
    this.buying = h("div", { class: "bottom" }, h("label", { for: "quantity" }, "Quantity"), this.quantity, this.button);
    this.instead = h("div", {});
    // Its room is kept from the start, so that nothing below jumps.
    this.place = h("div", { class: "place", "data-room": ROOM }, this.buying, this.instead);
    return this.place;
  }

  knows() {
    const texts = this.drop.policies.map(({ title, summary, url }) => h("li", {}, link(url, title), ` ${summary}`));
    return texts.length > 0 && h("div", { class: "knows" }, h("h3", {}, "What you should know"), h("ul", {}, ...texts));
  }

  news({ stock = {} }) {
    for (const [sku, units] of Object.entries(stock)) Object.assign(this.stock[sku] ?? {}, units);
    this.turn();
  }

  // Everything that stock and time decide, said anew.
  turn() {
    const live = this.drop.phase === "live";
    for (const size of this.form.querySelectorAll(".size")) this.turnSize(size, live);
    const free = [...this.form.querySelectorAll("[name=sku]:enabled")];
    if (free.length && !free.some((radio) => radio.checked)) free[0].checked = true;
    this.buying.classList.toggle("away", !free.length || !live);
    this.offerQuantities(free.find((radio) => radio.checked));
    this.sayState(live, free.length > 0);
  }

  turnSize(size, live) {
    const radio = size.querySelector("input");
    const units = this.stock[radio.value];
    radio.disabled = !live || units.available < 1;
    const always = { upcoming: `${units.available} made`, closed: "Ended" }[this.drop.phase];
    size.querySelector(".left").textContent = always ?? wordsFor(units);
    size.dataset.left = live && units.available > 0 && units.available <= 5 ? "few" : "";
  }

  offerQuantities(chosen) {
    if (!chosen) return;
    const most = Math.min(Number(chosen.dataset.limit), this.stock[chosen.value].available);
    if (this.quantity.options.length === most) return;
    const before = Math.min(Number(this.quantity.value) || 1, most);
    this.quantity.replaceChildren(...Array.from({ length: most }, (_, index) => new Option(index + 1)));
    this.quantity.value = before;
  }

  sayState(live, free) {
    if (this.drop.phase === "upcoming") return this.timer || this.countDown();
    const back = Object.values(this.stock).some(({ in_carts: inCarts }) => inCarts > 0);
    const said = !live ? CLOSED[this.drop.phase]
      : free ? null
      : back ? IN_CARTS
      : CLOSED.sold_out;
    if (this.said?.[0] === said?.[0]) return;
    this.said = said;
    const way = (said === IN_CARTS || said === CLOSED.sold_out) && this.embed.waiting("sold-out");
    this.instead.replaceChildren(...(said ? [note("wait", ...said, way || link(this.drop.url, AT_THE_SHOP))] : []));
    this.embed.announce(said ? said.join(". ") : "Some came back.");
  }

  countDown() {
    const opens = this.embed.at(this.drop.starts_at);
    const day = when(this.drop.starts_at, { weekday: "short", day: "numeric", month: "short", timeZoneName: "short" });
    const clock = h("span", { role: "timer", "aria-label": "Time until it opens" });
    this.instead.replaceChildren(note("wait", `Opens ${day}`, "", h("p", { class: "opens" }, clock)));
    const tick = () => {
      clock.textContent = left(opens - Date.now());
      if (opens > Date.now()) return;
      this.stop();
      this.embed.turnSoon();
    };
    this.timer = setInterval(tick, 1000);
    tick();
  }

  submit(event) {
    event.preventDefault();
    const lines = [{ sku: this.form.elements.sku.value, quantity: Number(this.quantity.value) }];
    busy(this.button, "One moment…", () => this.embed.guarded(() => this.embed.buy(lines)));
  }

  stop() {
    clearInterval(this.timer);
  }
}
