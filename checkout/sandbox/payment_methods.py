"""PaymentMethods: what a card or a bank account looks like once its number is hidden."""

import hashlib

from . import cards
from .errors import Json, invalid
from .ids import new_id
from .params import Params, unflatten_address
from .state import Call, Sandbox
from .store import PRIVATE

TEST_EXPIRY = (12, 2034)


def from_name(box: Sandbox, name: str, billing: Json | None = None) -> Json:
    """A method out of a published test name such as `pm_card_visa`."""
    if name in cards.BANK_ACCOUNTS:
        return _bank_account(box, cards.BANK_ACCOUNTS[name], billing or {})
    return _card(box, cards.by_number(cards.number_of(name)), TEST_EXPIRY, billing or {})


def from_data(box: Sandbox, data: Params) -> Json:
    """A method out of `payment_method_data`, as the card form sends it."""
    data.only("type", "card", "us_bank_account", "billing_details", "allow_redisplay", "metadata", "radar_options")
    billing = data.mapping("billing_details")
    if data.choice("type", ("card", "us_bank_account"), "card") == "us_bank_account":
        return _bank_account(box, "succeeded", billing)
    card = data.nested("card")
    if token := card.text("token"):
        return from_name(box, token.replace("tok_", "pm_card_"), billing)
    card.only("number", "exp_month", "exp_year", "cvc", "networks")
    month, year = card.required_integer("exp_month"), card.required_integer("exp_year")
    cards.check_expiry(month, year, box.now)
    return _card(box, cards.by_number(card.required("number")), (month, year), billing)


def existing(box: Sandbox, identifier: str) -> Json:
    """A stored method by its id, or a fresh one by its test name."""
    if identifier.startswith(("pm_card_", "pm_usBankAccount")):
        return from_name(box, identifier)
    return box.store.get("payment_method", identifier, param="payment_method", status=400)


def retrieve(box: Sandbox, call: Call) -> Json:
    return existing(box, call.id)


def card_of(method: Json) -> cards.Card | None:
    number = method[PRIVATE].get("number")
    return cards.by_number(number) if number else None


def preview(method: Json) -> Json:
    """The part of a method that a ConfirmationToken shows."""
    names = ("allow_redisplay", "billing_details", "customer", "customer_account", "type", method["type"])
    return {name: method[name] for name in names}


def save(box: Sandbox, method: Json) -> Json:
    """Keeps a method that a payment was tried with."""
    return box.store.put(method)


def _base(box: Sandbox, kind: str, billing: Json) -> Json:
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": _billing(billing),
        "created": box.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
    }


def _billing(values: Json) -> Json:
    address = values.get("address") or {}
    if not isinstance(address, dict):
        raise invalid("Invalid object", param="payment_method_data[billing_details][address]")
    plain = {name: values.get(name) or None for name in ("email", "name", "phone", "tax_id")}
    return {"address": unflatten_address(address), **plain}


def _card(box: Sandbox, card: cards.Card, expiry: tuple[int, int], billing: Json) -> Json:
    month, year = expiry
    return {
        **_base(box, "card", billing),
        PRIVATE: {"number": card.number},
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
            "country": "US",
            "display_brand": card.brand,
            "exp_month": month,
            "exp_year": year + 2000 if year < 100 else year,
            "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
            "funding": card.funding,
            "generated_from": None,
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
    }


def _bank_account(box: Sandbox, outcome: str, billing: Json) -> Json:
    return {
        **_base(box, "us_bank_account", billing),
        PRIVATE: {"settles": outcome},
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": "FFDMA0xfhBjWSZLu",
            "last4": "6789",
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        },
    }
