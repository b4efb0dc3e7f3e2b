"""Money: an integer of minor units with its currency, never a float."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel.numbers import format_currency, get_currency_precision

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK", "DKK", "NOK", "PLN", "CZK", "CAD", "AUD", "NZD", "JPY")

# The least that Stripe charges: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST_CHARGED = {
    **dict.fromkeys(("EUR", "USD", "CHF", "CAD", "AUD", "NZD", "JPY"), 50),
    "GBP": 30,
    "PLN": 200,
    "DKK": 250,
    "SEK": 300,
    "NOK": 300,
    "CZK": 1500,
}


@cache
def exponent(currency: str) -> int:
    """Digits after the point: 2 for EUR, 0 for JPY (ISO 4217)."""
    return get_currency_precision(currency)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """``amount`` minor units of ``currency``: ``Money(1250, "EUR")`` is twelve euros fifty."""

    amount: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount * times, self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other.amount

    def as_decimal(self) -> Decimal:
        return Decimal(self.amount).scaleb(-exponent(self.currency))

    def as_json(self) -> dict[str, int | str]:
        return {"amount": self.amount, "currency": self.currency}

    def __str__(self) -> str:
        return format_currency(self.as_decimal(), self.currency, locale="en_US")


def is_too_little_to_charge(total: Money) -> bool:
    """Something, and yet less than any card payment may be."""
    return 0 < total.amount < LEAST_CHARGED.get(total.currency, 0)
