// The sandbox's stand-in for Stripe.js: the part that a checkout uses, with the same names and shapes.
// Card data stays in a frame of the sandbox's own origin. The page that loads this may forbid inline script and style.
(() => {
  "use strict";

  const ORIGIN = new URL(document.currentScript.src).origin;
  const VERSION = "sandbox";
  const LOAD_LIMIT = 10_000;
  const UNREACHABLE = {
    type: "api_connection_error",
    message: "The payment service cannot be reached. Check your connection and try again.",
  };

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  // A frame of the sandbox and the messages to and from it; nobody else's are heard.
  class Frame {
    constructor(path, { title, className }) {
      const url = new URL(path, ORIGIN);
      url.searchParams.set("host", location.origin);
      this.node = document.createElement("iframe");
      this.node.src = url.href;
      this.node.title = title;
      this.node.className = className;
      this.handlers = new Map();
      this.questions = new Map();
      this.listener = (event) => this.receive(event);
      window.addEventListener("message", this.listener);
    }

    receive(event) {
      if (event.origin !== ORIGIN || event.source !== this.node.contentWindow) return;
      const { sandbox: name, id, ...data } = event.data ?? {};
      if (name === "answer") {
        this.questions.get(id)?.(data.result);
        this.questions.delete(id);
      } else {
        this.handlers.get(name)?.(data);
      }
    }

    on(name, handler) {
      this.handlers.set(name, handler);
    }

    send(name, data = {}) {
      this.node.contentWindow?.postMessage({ sandbox: name, ...data }, ORIGIN);
    }

    ask(name, data = {}) {
      const id = crypto.getRandomValues(new Uint32Array(2)).join("-");
      return new Promise((resolve) => {
        this.questions.set(id, resolve);
        this.send(name, { id, ...data });
      });
    }

    close() {
      window.removeEventListener("message", this.listener);
      this.node.remove();
    }
  }

  class Emitter {
    constructor() {
      this.listeners = new Map();
    }

    on(name, listener) {
      this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
      return this;
    }

    once(name, listener) {
      const wrapped = (event) => {
        this.off(name, wrapped);
        listener(event);
      };
      return this.on(name, wrapped);
    }

    off(name, listener) {
      const left = listener ? (this.listeners.get(name) ?? []).filter((known) => known !== listener) : [];
      this.listeners.set(name, left);
      return this;
    }

    emit(name, event) {
      for (const listener of this.listeners.get(name) ?? []) listener(event);
    }
  }

  class PaymentElement extends Emitter {
    constructor(elements, options) {
      super();
      this.elements = elements;
      this.options = options;
      this.ready = false;
    }

    mount(target) {
      const parent = typeof target === "string" ? document.querySelector(target) : target;
      if (!parent) throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements.`);
      this.unmount();
      this.frame = new Frame("/sandbox/elements/card", { title: "Secure card form", className: "sandbox-card-frame" });
      this.frame.on("loaded", () => this.begin());
      this.frame.on("height", ({ height }) => this.frame?.node.style.setProperty("height", `${height}px`));
      this.frame.on("change", (state) => this.changed(state));
      this.frame.on("focus", () => this.emit("focus", { elementType: "payment" }));
      this.frame.on("blur", () => this.emit("blur", { elementType: "payment" }));
      this.limit = setTimeout(() => this.failed(), LOAD_LIMIT);
      parent.replaceChildren(this.frame.node);
    }

    begin() {
      clearTimeout(this.limit);
      const look = lookOf(this.elements.options.appearance, this.frame.node);
      this.frame.node.style.setProperty("color-scheme", look.dark ? "dark" : "light");
      this.frame.send("begin", { look, options: this.options });
      this.ready = true;
      this.emit("loaderstart", { elementType: "payment" });
      this.emit("ready", { elementType: "payment" });
    }

    failed() {
      this.emit("loaderror", { elementType: "payment", error: UNREACHABLE });
    }

    changed({ empty, complete }) {
      this.elements.submitted = false;
      this.emit("change", { elementType: "payment", empty, complete, collapsed: false, value: { type: "card" } });
    }

    update(options) {
      this.options = { ...this.options, ...options };
      if (this.ready) this.frame.send("update", { options: this.options });
    }

    focus() {
      this.frame?.node.focus();
      this.frame?.send("focus");
    }

    blur() {
      this.frame?.node.blur();
    }

    clear() {
      this.frame?.send("clear");
    }

    collapse() {}

    unmount() {
      clearTimeout(this.limit);
      this.frame?.close();
      this.frame = undefined;
      this.ready = false;
    }

    destroy() {
      this.unmount();
      this.elements.elements.delete("payment");
    }
  }

  // Wallets need a wallet: the sandbox has none, and says so as Stripe.js does.
  class NoWallets extends Emitter {
    mount() {
      queueMicrotask(() => this.emit("ready", { elementType: "expressCheckout", availablePaymentMethods: undefined }));
    }

    update() {}
    unmount() {}
    destroy() {}
  }

  class Elements {
    constructor(options) {
      this.options = options;
      this.elements = new Map();
      this.submitted = false;
    }

    create(type, options = {}) {
      if (this.elements.has(type)) throw new IntegrationError(`Can only create one Element of type ${type}.`);
      const element = this.make(type, options);
      this.elements.set(type, element);
      return element;
    }

    make(type, options) {
      if (type === "payment") return new PaymentElement(this, options);
      if (type === "expressCheckout") return new NoWallets();
      throw new IntegrationError(`The sandbox has no Element of type ${type}.`);
    }

    getElement(type) {
      return this.elements.get(type) ?? null;
    }

    update(options) {
      this.options = { ...this.options, ...options };
      const element = this.elements.get("payment");
      if (element?.ready) {
        element.frame.send("look", { look: lookOf(this.options.appearance, element.frame.node) });
      }
    }

    async fetchUpdates() {
      return {};
    }

    async submit() {
      const element = this.elements.get("payment");
      if (!element?.ready) return { error: UNREACHABLE };
      const result = await element.frame.ask("submit");
      this.submitted = !result.error;
      return result.error ? { error: result.error } : { selectedPaymentMethod: "card" };
    }
  }

  class StripeSandbox {
    constructor(key) {
      this.key = key;
    }

    elements(options = {}) {
      return new Elements(options);
    }

    async createConfirmationToken({ elements, params = {} }) {
      if (!elements?.submitted) {
        throw new IntegrationError("elements.submit() must be called before stripe.createConfirmationToken().");
      }
      // A token remembers how its Elements were set up, and an intent that was made otherwise is refused.
      const { captureMethod = "automatic", excludedPaymentMethodTypes = [] } = elements.options;
      const context = { capture_method: captureMethod, excluded_payment_method_types: excludedPaymentMethodTypes };
      const asked = { key: this.key, params: { ...params, client_context: context } };
      return elements.getElement("payment").frame.ask("token", asked);
    }

    async retrievePaymentIntent(clientSecret) {
      const url = new URL(`/v1/payment_intents/${identifier(clientSecret)}`, ORIGIN);
      url.searchParams.set("client_secret", clientSecret);
      url.searchParams.set("key", this.key);
      try {
        const response = await fetch(url, { credentials: "omit" });
        const body = await response.json();
        return response.ok ? { paymentIntent: body } : { error: body.error };
      } catch {
        return { error: UNREACHABLE };
      }
    }

    async handleNextAction({ clientSecret }) {
      const before = await this.retrievePaymentIntent(clientSecret);
      if (before.error || before.paymentIntent.status !== "requires_action") return before;
      const action = before.paymentIntent.next_action;
      if (action.type === "redirect_to_url") {
        location.assign(action.redirect_to_url.url);
        return new Promise(() => {});
      }
      await askTheBank(identifier(clientSecret), clientSecret);
      const after = await this.retrievePaymentIntent(clientSecret);
      const problem = after.paymentIntent?.last_payment_error;
      return problem ? { error: { ...problem, payment_intent: after.paymentIntent } } : after;
    }
  }

  function identifier(clientSecret) {
    const [id, secret] = String(clientSecret).split("_secret_");
    if (!id.startsWith("pi_") || !secret) throw new IntegrationError("That is not the client secret of a PaymentIntent.");
    return encodeURIComponent(id);
  }

  // Resolves when the bank has been answered; Escape answers no.
  function askTheBank(id, clientSecret) {
    const path = `/sandbox/3ds/${id}?client_secret=${encodeURIComponent(clientSecret)}`;
    const frame = new Frame(path, { title: "Your bank: 3-D Secure", className: "sandbox-bank-frame" });
    const dialog = document.createElement("dialog");
    dialog.className = "sandbox-bank";
    dialog.setAttribute("aria-label", "Your bank asks you to confirm the payment");
    dialog.append(frame.node);
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        frame.send("cancel");
      });
      frame.on("three-d-secure-done", () => {
        frame.close();
        dialog.close();
        dialog.remove();
        resolve();
      });
    });
  }

  // What the card form needs to look like the page around it.
  function lookOf(appearance = {}, node) {
    const style = getComputedStyle(node.parentElement ?? document.body);
    const scheme = style.getPropertyValue("color-scheme");
    const follows = scheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
    const dark = appearance.theme ? appearance.theme === "night" : follows || scheme.trim() === "dark";
    return { dark, variables: { fontFamily: style.fontFamily, ...appearance.variables }, labels: appearance.labels };
  }

  function addStylesheet() {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = `${ORIGIN}/sandbox/static/stripe.css`;
    document.head.append(link);
  }

  function Stripe(key) {
    if (!String(key).startsWith("pk_test_")) throw new IntegrationError("The sandbox takes keys that begin with pk_test_.");
    return new StripeSandbox(key);
  }

  Stripe.version = VERSION;
  window.Stripe = Stripe;
  addStylesheet();
})();
