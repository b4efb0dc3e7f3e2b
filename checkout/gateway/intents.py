"""PaymentIntents: what an order is paid with on our own page. https://docs.stripe.com/api/payment_intents"""

from datetime import datetime
from itertools import islice
from typing import Any

from checkout.errors import GatewayRefused
from checkout.gateway import api
from checkout.gateway.intent_view import CONFIRMABLE, IntentView, intent_of
from checkout.gateway.methods import left_out, without
from merchant.money import Money

MOST_PAGES = 10  # each page is a call of our budget
WITH_CHARGE = {"expand": ["latest_charge"]}  # the card's fingerprint stands there; asking for it costs no call


def create_intent(
    order_ref: str, amount: Money, *, email: str, key: str, manual: bool = False, slow: bool = True
) -> IntentView:
    """Create the order's PaymentIntent, unconfirmed. ``manual``: a bank's yes sets the amount aside, until captured.
    ``slow``: also with what needs days to arrive.
    """
    params: dict[str, Any] = {
        "amount": amount.amount,
        "currency": amount.currency.lower(),
        "automatic_payment_methods": {"enabled": True},
        "metadata": {"order": order_ref},
        "description": order_ref,
        **captured(manual),
        **without(left_out(slow=slow)),
    }
    return intent_of(api.create_with_mail("payment_intents.create", params, {"receipt_email": email}, key=key))


def confirm_intent(intent_id: str, token: str, *, return_url: str, key: str) -> IntentView:
    """Confirm with the card behind ``token``. One that moved on meanwhile is returned as it is.

    Raises CardDeclined and TokenUnusable.
    """
    params = {"confirmation_token": token, "return_url": return_url, **WITH_CHARGE}
    try:
        return intent_of(api.call("payment_intents.confirm", intent_id, params, api.options(key)))
    except GatewayRefused:
        found = retrieve_intent(intent_id)
        if found.status in CONFIRMABLE:
            raise
        return found  # paid, closed or on its way before we came: what it became decides


def retrieve_intent(intent_id: str) -> IntentView:
    return intent_of(api.call("payment_intents.retrieve", intent_id, WITH_CHARGE))


def find_intent(order_ref: str, since: datetime) -> IntentView | None:
    """The newest PaymentIntent made for an order since a time that is not closed: for when its id was lost.

    Looks at the newest ``PAGE * MOST_PAGES`` of all orders. One that stands further back is not found, and another is
    made: the lost one was never confirmed and nobody has its secret, so nothing can be paid on it.
    """
    params = {"created": {"gte": int(since.timestamp())}}
    listed = map(intent_of, islice(api.listed("payment_intents.list", params), api.PAGE * MOST_PAGES))
    return next((found for found in listed if found.order_ref == order_ref and found.status != "canceled"), None)


def capture_intent(intent_id: str, *, key: str) -> IntentView:
    """Take the whole amount that a bank has set aside. Raises GatewayRefused where there is nothing to take any more:
    captured, cancelled or lapsed."""
    return intent_of(api.call("payment_intents.capture", intent_id, WITH_CHARGE, api.options(key)))


def cancel_intent(intent_id: str) -> IntentView:
    """Cancel; afterwards nothing can be paid on it, and what was set aside is let go. One that is paid or cancelled
    already is returned as it is."""
    try:
        return intent_of(api.call("payment_intents.cancel", intent_id))
    except GatewayRefused:
        return retrieve_intent(intent_id)  # it was too late to cancel: what it became decides


def captured(manual: bool) -> dict[str, str]:  # the drop's choice, handed on
    return {"capture_method": "manual"} if manual else {}
