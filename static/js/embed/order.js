// The last step: what happened, what happens next, and the one thing the fan can do.
import { CardProblem, cardToken, loadStripe } from "../card_form.js";
import { deed, h, link, money, note, offlineOr, when } from "./parts.js";

const SETTLED = ["confirmed", "expired", "cancelled", "late_paid"];
const KIND = { confirmed: "good", expired: "bad", cancelled: "bad" };

export class Order {
  constructor(embed, token) {
    Object.assign(this, { embed, path: `/orders/${token}` });
    this.heading = h("h3", { tabindex: "-1" }, "One moment…");
    this.story = h("div", { class: "story" });
    this.deeds = h("div", { class: "deeds" });
    this.trouble = h("div", { class: "trouble", role: "alert" });
    this.node = h("section", { class: "order" }, this.heading, this.story, this.trouble, this.deeds);
    this.look();
  }

  async look() {
    this.stop();
    const looking = (this.looking = {}); // the youngest look counts
    const order = await this.embed.api.ask("GET", this.path).catch((error) => error);
    if (looking !== this.looking) return;
    if (order.problem?.status === 404) return this.embed.beginAnew();
    const away = order instanceof Error;
    if (away) this.fail(offlineOr("The shop does not answer"), "Your order stands. This is asked again by itself.", "wait");
    else if (this.away) this.trouble.replaceChildren();
    this.away = away;
    if (!away) this.show(order);
    const pause = away ? (order.again || 4) * 1000 : 2000;
    if (!SETTLED.includes(order.status)) this.timer = setTimeout(() => this.look(), pause);
  }

  show(order) {
    const next = JSON.stringify(order);
    if (next === this.shown) return;
    this.shown = next;
    this.node.dataset.status = order.status;
    const here = this.deeds.querySelector(":focus"); // not what is typed into the card form
    this.heading.textContent = order.headline;
    this.story.replaceChildren(note(KIND[order.status] ?? "wait", order.reference, order.explanation, h("p", {}, order.next_step)),
      h("ol", {}, ...order.timeline.map(({ at, text }) => h("li", {}, h("time", { datetime: at }, when(at)), ` ${text}`))));
    this.offer(order);
    if (here) this.heading.focus(); // what was pressed is gone
    if (order.headline === this.said) return;
    this.said = order.headline;
    this.embed.announce(`${order.headline}. ${order.explanation}`);
    this.embed.tell(order.status, order.total);
  }

  offer({ next_action: action, can_cancel: canCancel, status, total }) {
    const [pays, asks] = ["pay", "use_stripe_sdk"].map((type) => action?.type === type);
    const deeds = pays ? [h("slot", { name: "payment" }), deed(`Pay ${money(total)}`, () => this.pay(total), { kind: "main", doing: "Paying…" }), link(action.url, "Pay at the shop instead")] : [];
    if (asks) deeds.push(deed("Answer your bank", () => this.askBank(action.client_secret, true), { kind: "main" }));
    if (canCancel) deeds.push(deed("Let it go", () => this.cancel()));
    if (SETTLED.includes(status)) deeds.push(deed("Back to the drop", () => this.embed.beginAnew()));
    this.deeds.replaceChildren(...deeds);
    if (pays && !this.embed.card) this.embed.mountCard(total).catch(() => this.fail("The card form cannot be reached. Try again in a moment, or pay at the shop."));
    if (asks) this.askBank(action.client_secret);
  }

  async pay(total) {
    const { embed } = this;
    this.trouble.replaceChildren();
    try {
      if (!embed.card) await embed.mountCard(total);
      const { id } = await cardToken(embed.card, { return_url: location.href });
      await embed.api.ask("PUT", `${this.path}/card`, { body: { confirmation_token: id } });
      embed.forgetCard();
      await this.look();
    } catch (error) {
      this.fail(error instanceof CardProblem || error.problem ? error.message : "Nobody answered. Try again in a moment.");
    }
  }

  // 3-D Secure. Whatever it says, the shop asks the provider itself.
  async askBank(clientSecret, again) {
    if (this.asked === clientSecret && !again) return;
    this.asked = clientSecret;
    const { shop, card, api } = this.embed;
    try {
      const stripe = card?.stripe ?? (await loadStripe(shop.stripe_js, shop.publishable_key));
      await stripe.handleNextAction({ clientSecret });
      await api.ask("POST", `${this.path}/returned`);
    } catch {
      // the button asks once more
    }
    this.look();
  }

  async cancel() {
    try {
      await this.embed.api.ask("POST", `${this.path}/cancel`);
    } catch (error) {
      this.fail(error.message);
    }
    await this.look();
  }

  fail(words, more, kind = "bad") {
    this.trouble.replaceChildren(note(kind, words, more));
  }

  stop() {
    this.looking = null;
    clearTimeout(this.timer);
  }
}
