"""Money going back. https://docs.stripe.com/api/refunds"""

from dataclasses import dataclass
from typing import Any

from checkout.gateway import api
from checkout.gateway.expandable import id_of


@dataclass(frozen=True, slots=True)
class RefundView:
    id: str
    status: str
    amount_minor: int
    intent_id: str
    sent_key: str = ""  # the key it was asked for with; empty when it was made in the provider's dashboard
    failure: str = ""


def refund(intent_id: str, amount_minor: int, *, key: str) -> RefundView:
    """Give back a part or all of a paid intent."""
    params = {"payment_intent": intent_id, "amount": amount_minor, "metadata": {"refund": key}}
    return _refund(api.call("refunds.create", params, api.options(key)))


def retrieve_refund(refund_id: str) -> RefundView:
    return _refund(api.call("refunds.retrieve", refund_id))


def list_refunds(intent_id: str) -> list[RefundView]:
    """All refunds of an intent, newest first, whoever made them."""
    return [_refund(raw) for raw in api.listed("refunds.list", {"payment_intent": intent_id})]


def _refund(raw: Any) -> RefundView:
    return RefundView(
        id=raw["id"],
        status=raw["status"],
        amount_minor=raw["amount"],
        intent_id=id_of(raw.get("payment_intent")),
        sent_key=(raw.get("metadata") or {}).get("refund", ""),
        failure=raw.get("failure_reason") or "",
    )
