// What a card form knows about numbers, dates and codes. Pure functions.

export const digitsOf = (text) => text.replace(/\D/g, "");

export function brandOf(digits) {
  if (/^4/.test(digits)) return "visa";
  if (/^3[47]/.test(digits)) return "amex";
  if (/^(5[1-5]|2[2-7])/.test(digits)) return "mastercard";
  return /^6/.test(digits) ? "discover" : "";
}

export const lengthOf = (digits) => (brandOf(digits) === "amex" ? 15 : 16);

export function grouped(digits) {
  const groups = brandOf(digits) === "amex" ? /^(\d{0,4})(\d{0,6})(\d{0,5})/ : /^(\d{0,4})(\d{0,4})(\d{0,4})(\d{0,4})/;
  return digits.match(groups).slice(1).filter(Boolean).join(" ");
}

function passesLuhn(digits) {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

export function formattedExpiry(text) {
  let digits = digitsOf(text).slice(0, 4);
  if (/^[2-9]/.test(digits)) digits = `0${digits}`.slice(0, 4);
  return digits.length > 2 ? `${digits.slice(0, 2)} / ${digits.slice(2)}` : digits;
}

// Each rule answers null, or the problem in words with Stripe.js's code.

export function problemOfNumber(text) {
  const digits = digitsOf(text);
  if (digits.length < lengthOf(digits)) return { code: "incomplete_number", message: "Your card number is incomplete." };
  return passesLuhn(digits) ? null : { code: "invalid_number", message: "Your card number is invalid." };
}

export function problemOfExpiry(text, today = new Date()) {
  const digits = digitsOf(text);
  if (digits.length < 4) return { code: "incomplete_expiry", message: "Your card's expiration date is incomplete." };
  const month = Number(digits.slice(0, 2));
  const year = 2000 + Number(digits.slice(2));
  if (month < 1 || month > 12) return { code: "invalid_expiry_month", message: "Your card's expiration month is invalid." };
  const over = year < today.getFullYear() || (year === today.getFullYear() && month < today.getMonth() + 1);
  return over ? { code: "invalid_expiry_year_past", message: "Your card's expiration date is in the past." } : null;
}

export function problemOfCvc(text, numberText) {
  const needed = brandOf(digitsOf(numberText)) === "amex" ? 4 : 3;
  const short = digitsOf(text).length < needed;
  return short ? { code: "incomplete_cvc", message: "Your card's security code is incomplete." } : null;
}

const POSTAL = { US: /^\d{5}(-?\d{4})?$/, CA: /^[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d$/, GB: /^[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}$/ };

export const asksPostal = (country) => country in POSTAL;

export function problemOfPostal(text, country) {
  const fine = !asksPostal(country) || POSTAL[country].test(text.trim());
  return fine ? null : { code: "incomplete_zip", message: "Your postal code is incomplete." };
}
