"""Something happened to a PaymentIntent."""

from datetime import datetime
from typing import Any

from checkout import gateway, settle
from checkout.models import Order, Payment, PaymentState


def changed(intent: dict[str, Any], now: datetime) -> str | None:
    """Read the intent anew and settle its order by it."""
    reference = (intent.get("metadata") or {}).get("order", "")
    order_id = Order.objects.filter(reference=reference).values_list("pk", flat=True).first() if reference else None
    if order_id is None:
        return None if reference else "not made by us"
    if Payment.objects.filter(order_id=order_id, state=PaymentState.PAID, intent_id=intent["id"]).exists():
        return "paid before"
    found = gateway.retrieve_intent(intent["id"])
    settle.settle_intent(order_id, found, now=now)
    if settle.is_stray(order_id, found):
        gateway.cancel_intent(found.id)
        return "let go: the order is paid with another"
    return "settled"
