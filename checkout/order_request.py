"""An order as a fan sends it, whichever door it comes through, and how it is answered."""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from checkout.contact import Contact
from checkout.pricing import Wanted
from checkout.tokens import body_hmac
from merchant import rows
from merchant.money import Money
from policies.acceptance import Answer
from policies.models import Surface

PaymentMethod = Literal["card", "pickup"]
PAYMENT_TOKEN = re.compile(r"[A-Za-z0-9_]{0,120}")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """Everything a fan sends with an order, whichever door it came through."""

    idempotency_key: str
    quote: str
    agreed_total: Money
    lines: tuple[Wanted, ...]
    contact: Contact
    shipping_option: str
    answers: tuple[Answer, ...]
    confirmation_token: str
    surface: Surface
    cart_id: int | None = None
    payment_method: PaymentMethod = "card"
    discount_code: str = ""
    birth_date: date | None = None
    of_age: bool = False
    seen: str = ""  # what a refusal for a changed text gave back: the answers before

    def fingerprint(self) -> str:
        """Tells one body from another. Without the payment token: a retry may bring a new one, the first is used."""
        return body_hmac(rows.as_json(replace(self, confirmation_token="", idempotency_key="")))


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to an order. A replay gets the same one, word for word."""

    token: str
    reply: dict[str, Any]
    replayed: bool
