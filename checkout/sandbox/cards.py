"""Stripe's test cards and what each of them does. https://docs.stripe.com/testing"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import Json, StripeError, no_such


@dataclass(frozen=True)
class Decline:
    code: str
    message: str
    decline_code: str | None = None


@dataclass(frozen=True)
class Card:
    number: str
    brand: str = "visa"
    decline: Decline | None = None
    asks_authentication: bool = False
    disputed: bool = False
    funding: str = "credit"


GENERIC = Decline("card_declined", "Your card was declined.", "generic_decline")
NO_FUNDS = Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds")
LOST = Decline("card_declined", "Your card was declined.", "lost_card")
STOLEN = Decline("card_declined", "Your card was declined.", "stolen_card")
FRAUD = Decline("card_declined", "Your card was declined.", "fraudulent")
EXPIRED = Decline("expired_card", "Your card has expired.", "expired_card")
WRONG_CVC = Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc")
PROCESSING = Decline(
    "processing_error", "An error occurred while processing your card. Try again in a little bit.", "processing_error"
)
NOT_AUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)

CARDS = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("4000056655665556", funding="debit"),
        Card("5555555555554444", brand="mastercard"),
        Card("378282246310005", brand="amex"),
        Card("6011111111111117", brand="discover"),
        Card("4000000000000002", decline=GENERIC),
        Card("4000000000009995", decline=NO_FUNDS),
        Card("4000000000009987", decline=LOST),
        Card("4000000000009979", decline=STOLEN),
        Card("4100000000000019", decline=FRAUD),
        Card("4000000000000069", decline=EXPIRED),
        Card("4000000000000127", decline=WRONG_CVC),
        Card("4000000000000119", decline=PROCESSING),
        Card("4000002760003184", asks_authentication=True),
        Card("4000002500003155", asks_authentication=True),
        Card("4000000000003220", asks_authentication=True),
        Card("4000008400001629", asks_authentication=True, decline=GENERIC),
        Card("4000000000000259", disputed=True),
    )
}

BY_NAME = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_chargeDeclinedFraudulent": "4100000000000019",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_threeDSecureRequired": "4000000000003220",
    "pm_card_threeDSecureRequiredChargeDeclined": "4000008400001629",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008400001629",
    "pm_card_createDispute": "4000000000000259",
}

# Slow methods: they stay `processing` until they settle, one way or the other.
BANK_ACCOUNTS = {
    "pm_usBankAccount": "succeeded",
    "pm_usBankAccount_success": "succeeded",
    "pm_usBankAccount_insufficientFunds": "failed",
    "pm_usBankAccount_accountClosed": "failed",
}


def by_number(number: str) -> Card:
    """A number that Stripe does not publish behaves as a card that a live account would refuse in test mode."""
    digits = "".join(number.split())
    if not passes_luhn(digits):
        raise card_error(Decline("incorrect_number", "Your card number is incorrect."), param="number")
    return CARDS.get(digits) or Card(digits, brand=brand_of(digits), decline=GENERIC)


def number_of(name: str) -> str:
    if name not in BY_NAME:
        raise no_such("payment_method", name, param="payment_method", status=400)
    return BY_NAME[name]


def passes_luhn(digits: str) -> bool:
    if not (digits.isascii() and digits.isdigit()) or not 12 <= len(digits) <= 19:
        return False
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def brand_of(digits: str) -> str:
    if digits.startswith("4"):
        return "visa"
    if digits.startswith(("34", "37")):
        return "amex"
    if digits[:2] in {"51", "52", "53", "54", "55"}:
        return "mastercard"
    return "discover" if digits.startswith("6") else "unknown"


def check_expiry(month: int, year: int, now: int) -> None:
    """Refuses a date that is not a month, or one that is over at `now`."""
    year = year + 2000 if year < 100 else year
    if not 1 <= month <= 12:
        raise card_error(Decline("invalid_expiry_month", "Your card's expiration month is invalid."), param="exp_month")
    today = datetime.fromtimestamp(now, tz=UTC)
    if (year, month) < (today.year, today.month) or year > today.year + 50:
        raise card_error(Decline("invalid_expiry_year", "Your card's expiration year is invalid."), param="exp_year")


def card_error(decline: Decline, **details: Any) -> StripeError:
    return StripeError(
        402, "card_error", decline.message, code=decline.code, decline_code=decline.decline_code, **details
    )


def payment_error(decline: Decline, *, charge: str | None, method: Json) -> Json:
    """`last_payment_error` of a PaymentIntent."""
    error = card_error(decline, charge=charge).error
    return {**error, "payment_method": method}
