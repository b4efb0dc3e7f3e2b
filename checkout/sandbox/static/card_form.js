// The card form inside the sandbox's frame. It talks with the one page that framed it, named in its own address.
import {
  asksPostal, brandOf, digitsOf, formattedExpiry, grouped, lengthOf,
  problemOfCvc, problemOfExpiry, problemOfNumber, problemOfPostal,
} from "./card_rules.js";

const HOST = new URLSearchParams(location.search).get("host");
const COUNTRIES =
  "AT AU BE BG BR CA CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IN IT JP LT LU LV MT MX NL NO NZ PL PT RO SE SG SI SK US".split(" ");
const VARIABLES = {
  colorPrimary: "--primary", colorBackground: "--background", colorText: "--text", colorTextSecondary: "--secondary",
  colorDanger: "--danger", fontFamily: "--font", fontSizeBase: "--size", borderRadius: "--radius", spacingUnit: "--unit",
};

const $ = (id) => document.getElementById(id);
const fields = { number: $("number"), expiry: $("expiry"), cvc: $("cvc"), postal: $("postal") };
const rules = {
  number: () => problemOfNumber(fields.number.value),
  expiry: () => problemOfExpiry(fields.expiry.value),
  cvc: () => problemOfCvc(fields.cvc.value, fields.number.value),
  postal: () => (addressAsked() ? problemOfPostal(fields.postal.value, $("country").value) : null),
};
let askAddress = true;

const addressAsked = () => askAddress;
const tell = (name, data = {}) => window.parent.postMessage({ sandbox: name, ...data }, HOST);

function show(name, problem) {
  fields[name].setAttribute("aria-invalid", problem ? "true" : "false");
  $(`${name}-problem`).textContent = problem?.message ?? "";
}

function report() {
  const empty = Object.values(fields).every((field) => !field.value);
  tell("change", { empty, complete: Object.values(rules).every((rule) => rule() === null) });
}

// Formats while typing and keeps the caret after the same digit.
function reformat(field, format) {
  const digitsBefore = digitsOf(field.value.slice(0, field.selectionStart)).length;
  const atEnd = field.selectionStart === field.value.length;
  field.value = format(field.value);
  if (atEnd) return;
  let caret = 0;
  for (let seen = 0; seen < digitsBefore && caret < field.value.length; caret += 1) {
    if (/\d/.test(field.value[caret])) seen += 1;
  }
  field.setSelectionRange(caret, caret);
}

function onNumber() {
  reformat(fields.number, (text) => grouped(digitsOf(text).slice(0, lengthOf(digitsOf(text)))));
  const brand = brandOf(digitsOf(fields.number.value));
  document.querySelector(".brand").textContent = brand.toUpperCase();
  if (digitsOf(fields.number.value).length === lengthOf(digitsOf(fields.number.value)) && !rules.number()) fields.expiry.focus();
}

function onExpiry(event) {
  // Deleting must be able to cross the slash.
  if (event.inputType?.startsWith("delete")) return;
  reformat(fields.expiry, formattedExpiry);
  if (!rules.expiry()) fields.cvc.focus();
}

function onCountry() {
  const country = $("country").value;
  $("postal-field").hidden = !askAddress || !asksPostal(country);
  document.querySelector("label[for=postal]").textContent = country === "US" ? "ZIP code" : "Postal code";
  fields.postal.placeholder = { US: "12345", CA: "M5T 1T4", GB: "WS11 1DB" }[country] ?? "";
  show("postal", null);
  report();
}

function fill(number) {
  fields.number.value = number;
  onNumber();
  fields.expiry.value = "12 / 34";
  fields.cvc.value = "123";
  if (!fields.postal.value && $("country").value === "US") fields.postal.value = "94103";
  for (const name of Object.keys(fields)) show(name, null);
  report();
}

function firstProblem() {
  const problems = Object.keys(rules).map((name) => [name, rules[name]()]);
  for (const [name, problem] of problems) show(name, problem);
  const [name, problem] = problems.find(([, found]) => found) ?? [];
  if (name) fields[name].focus();
  return problem && { type: "validation_error", ...problem };
}

// Nested objects as Stripe's form encoding writes them: a[b][c]=v.
function flattened(value, prefix = "") {
  return Object.entries(value).flatMap(([key, child]) => {
    const name = prefix ? `${prefix}[${key}]` : key;
    if (child === null || child === undefined) return [];
    return typeof child === "object" ? flattened(child, name) : [[name, String(child)]];
  });
}

function tokenRequest({ payment_method_data: data = {}, ...params }) {
  const expiry = digitsOf(fields.expiry.value);
  const address = askAddress ? { country: $("country").value, postal_code: fields.postal.value || undefined } : {};
  const billing = data.billing_details ?? {};
  const card = {
    number: digitsOf(fields.number.value),
    exp_month: expiry.slice(0, 2),
    exp_year: expiry.slice(2),
    cvc: fields.cvc.value,
  };
  const details = { ...billing, address: { ...address, ...billing.address } };
  const method = { ...data, type: "card", card, billing_details: details };
  return new URLSearchParams(flattened({ ...params, payment_method_data: method }));
}

async function createToken({ key, params = {} }) {
  try {
    const query = new URLSearchParams({ key });
    const response = await fetch(`/v1/confirmation_tokens?${query}`, { method: "POST", body: tokenRequest(params) });
    const body = await response.json();
    return response.ok ? { confirmationToken: body } : { error: body.error };
  } catch {
    const message = "The payment service cannot be reached. Check your connection and try again.";
    return { error: { type: "api_connection_error", message } };
  }
}

function wear({ dark, variables = {}, labels }) {
  const root = document.documentElement;
  root.classList.toggle("dark", Boolean(dark));
  root.dataset.labels = labels ?? "auto";
  for (const [name, property] of Object.entries(VARIABLES)) {
    if (variables[name]) root.style.setProperty(property, variables[name]);
  }
}

function configure({ fields: wanted = {}, defaultValues = {} } = {}) {
  const billing = wanted.billingDetails ?? {};
  askAddress = billing !== "never" && billing.address !== "never";
  const address = defaultValues.billingDetails?.address ?? {};
  if (COUNTRIES.includes(address.country)) $("country").value = address.country;
  if (address.postal_code && !fields.postal.value) fields.postal.value = address.postal_code;
  for (const node of document.querySelectorAll(".address")) node.hidden = !askAddress;
  onCountry();
}

const answers = {
  submit: async () => ({ error: firstProblem() }),
  token: createToken,
};
const orders = {
  begin: ({ look, options }) => (wear(look), configure(options)),
  look: ({ look }) => wear(look),
  update: ({ options }) => configure(options),
  focus: () => fields.number.focus(),
  clear: () => {
    for (const [name, field] of Object.entries(fields)) (field.value = ""), show(name, null);
    report();
  },
};

function receive(event) {
  if (event.source !== window.parent || event.origin !== HOST) return;
  const { sandbox: name, id, ...data } = event.data ?? {};
  if (Object.hasOwn(answers, name)) answers[name](data).then((result) => tell("answer", { id, result }));
  else if (Object.hasOwn(orders, name)) orders[name](data);
}

function listCountries() {
  const names = new Intl.DisplayNames(["en"], { type: "region" });
  const options = COUNTRIES.map((code) => new Option(names.of(code), code)).sort((a, b) => a.text.localeCompare(b.text));
  $("country").append(...options);
  $("country").value = "US";
}

listCountries();
fields.number.addEventListener("input", onNumber);
fields.expiry.addEventListener("input", onExpiry);
fields.cvc.addEventListener("input", () => (fields.cvc.value = digitsOf(fields.cvc.value)));
$("country").addEventListener("change", onCountry);
for (const [name, field] of Object.entries(fields)) {
  field.addEventListener("input", () => (show(name, null), report()));
  field.addEventListener("blur", () => field.value && show(name, rules[name]()));
}
for (const button of document.querySelectorAll("[data-number]")) {
  button.addEventListener("click", () => fill(button.dataset.number));
}
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("focusin", () => tell("focus"));
document.addEventListener("focusout", () => tell("blur"));
window.addEventListener("message", receive);
new ResizeObserver(() => tell("height", { height: Math.ceil(document.querySelector("form").getBoundingClientRect().height) })).observe(
  document.querySelector("form"),
);
if (HOST && window.parent !== window) tell("loaded");
