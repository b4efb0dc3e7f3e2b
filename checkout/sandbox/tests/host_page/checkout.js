// The browser's half of a payment as a shop writes it for Stripe.js.
const stripe = Stripe("pk_test_x");
const state = document.getElementById("state");
const elements = stripe.elements({
  mode: "payment", amount: 4800, currency: "usd",
  appearance: { theme: "stripe", variables: { colorPrimary: "rgb(200, 30, 90)", borderRadius: "3px" } },
});
const card = elements.create("payment", {});
card.on("ready", () => (state.value = "ready"));
card.on("change", ({ complete }) => (document.body.dataset.complete = complete));
card.mount("#card");

document.getElementById("pay").addEventListener("click", async () => {
  const { error } = await elements.submit();
  if (error) return void (state.value = error.message);
  const params = { return_url: "http://127.0.0.1/orders/1", payment_method_data: { billing_details: { email: "fan@example.com" } } };
  const made = await stripe.createConfirmationToken({ elements, params });
  state.value = made.error ? made.error.message : made.confirmationToken.id;
});

document.getElementById("act").addEventListener("click", async () => {
  const result = await stripe.handleNextAction({ clientSecret: document.body.dataset.clientSecret });
  state.value = result.error ? result.error.message : result.paymentIntent.status;
});
