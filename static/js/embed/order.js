// The last step: what happened, what happens next, and the one thing the fan can do.
import { CardProblem, cardToken, loadStripe, mountCard } from "../card_form.js";
import { deed, h, link, money, note, offlineOr, when } from "./parts.js";

const LOOK_EVERY = 2000;
const SETTLED = ["confirmed", "expired", "cancelled", "late_paid"];
const KIND = { confirmed: "good", expired: "bad", cancelled: "bad" };

export class Order {
  constructor(embed, token) {
    Object.assign(this, { embed, path: `/orders/${token}`, asked: new Set() });
    this.heading = h("h3", { tabindex: "-1" }, "One moment…");
    this.story = h("div", { class: "story" });
    this.deeds = h("div", { class: "deeds" });
    this.trouble = h("div", { class: "trouble", role: "alert" });
    this.node = h("section", { class: "order" }, this.heading, this.story, this.trouble, this.deeds);
    this.look();
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const order = await this.embed.api.ask("GET", this.path);
      this.trouble.replaceChildren();
      this.show(order);
      if (!SETTLED.includes(order.status)) this.timer = setTimeout(() => this.look(), LOOK_EVERY);
    } catch (error) {
      if (error.problem?.status === 404) return this.embed.beginAnew();
      this.trouble.replaceChildren(note("wait", offlineOr("The shop does not answer"), "Your order stands. This is asked again by itself."));
      this.timer = setTimeout(() => this.look(), Math.max(error.again * 1000 || 0, 2 * LOOK_EVERY));
    }
  }

  show(order) {
    const next = JSON.stringify(order);
    if (next === this.shown) return;
    this.shown = next;
    this.node.dataset.status = order.status;
    this.heading.textContent = order.headline;
    this.story.replaceChildren(note(KIND[order.status] ?? "wait", order.reference, order.explanation, h("p", {}, order.next_step)),
      h("ol", {}, ...order.timeline.map(({ at, text }) => h("li", {}, h("time", { datetime: at }, when(at)), ` ${text}`))));
    this.offer(order);
    if (order.headline === this.said) return;
    this.said = order.headline;
    this.embed.announce(`${order.headline}. ${order.explanation}`);
    this.embed.tell(order.status, order.total);
  }

  offer({ next_action: action, can_cancel: canCancel, status, total }) {
    const deeds = [];
    if (action?.type === "pay") deeds.push(h("slot", { name: "payment" }), deed(`Pay ${money(total)}`, () => this.pay(), { kind: "main", doing: "Paying…" }), link(action.url, "Pay at the shop instead"));
    if (action?.type === "use_stripe_sdk") deeds.push(deed("Answer your bank", () => this.askBank(action.client_secret, true), { kind: "main" }));
    if (canCancel) deeds.push(deed("Let it go", () => this.cancel()));
    if (SETTLED.includes(status)) deeds.push(deed("Back to the drop", () => this.embed.beginAnew()));
    this.deeds.replaceChildren(...deeds);
    if (action?.type === "pay" && !this.embed.card) this.embed.mountCard(total, mountCard).catch(() => this.fail("The card form cannot be reached. Try again in a moment, or pay at the shop."));
    if (action?.type === "use_stripe_sdk") this.askBank(action.client_secret);
  }

  async pay() {
    try {
      const { id } = await cardToken(this.embed.card ?? (await this.embed.mounting), { return_url: location.href });
      await this.embed.api.ask("PUT", `${this.path}/card`, { body: { confirmation_token: id } });
      this.embed.forgetCard();
      await this.look();
    } catch (error) {
      this.fail(error instanceof CardProblem || error.problem ? error.message : "Nobody answered. Try again in a moment.");
    }
  }

  // 3-D Secure. Whatever it says, the shop asks the provider itself.
  async askBank(clientSecret, again = false) {
    if (this.asked.has(clientSecret) && !again) return;
    this.asked.add(clientSecret);
    const { shop, card, api } = this.embed;
    try {
      const stripe = card?.stripe ?? (await loadStripe(shop.stripe_js, shop.publishable_key));
      await stripe.handleNextAction({ clientSecret });
      await api.ask("POST", `${this.path}/returned`);
    } catch {
      this.asked.delete(clientSecret); // the button asks once more
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

  fail(words) {
    this.trouble.replaceChildren(note("bad", words));
  }

  stop() {
    clearTimeout(this.timer);
  }
}
