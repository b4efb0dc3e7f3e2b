"""Checkout Sessions: paying on the provider's page. https://docs.stripe.com/api/checkout/sessions"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from checkout.errors import GatewayRefused
from checkout.gateway import api
from checkout.gateway.expandable import id_of
from checkout.gateway.intents import captured
from checkout.gateway.methods import left_out, without
from merchant.money import Money


@dataclass(frozen=True, slots=True)
class SessionView:
    """What a Checkout Session says of itself."""

    id: str
    url: str
    status: str  # open, complete, expired
    intent_id: str


def create_session(
    order_ref: str,
    title: str,
    amount: Money,
    *,
    email: str,
    success_url: str,
    cancel_url: str,
    until: datetime,
    key: str,
    manual: bool = False,
    slow: bool = True,
) -> SessionView:
    """Open a Checkout Session for the whole order until a time (30 minutes to 24 hours from now). ``manual`` and
    ``slow``: as for a PaymentIntent.
    """
    price = {"currency": amount.currency.lower(), "unit_amount": amount.amount, "product_data": {"name": title}}
    params = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": int(until.timestamp()),
        "metadata": {"order": order_ref},
        "payment_intent_data": {"metadata": {"order": order_ref}, **captured(manual)},
        **without(left_out(slow=slow)),
    }
    return _session(api.create_with_mail("checkout.sessions.create", params, {"customer_email": email}, key=key))


def retrieve_session(session_id: str) -> SessionView:
    return _session(api.call("checkout.sessions.retrieve", session_id))


def expire_session(session_id: str) -> SessionView:
    """Expire an open session; one that is complete or expired already is returned as it is."""
    try:
        return _session(api.call("checkout.sessions.expire", session_id))
    except GatewayRefused:
        return retrieve_session(session_id)


def _session(raw: Any) -> SessionView:
    return SessionView(
        id=raw["id"],
        url=raw.get("url") or "",
        status=raw["status"],
        intent_id=id_of(raw.get("payment_intent")),
    )
