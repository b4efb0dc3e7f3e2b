"""Something happened to a Checkout Session."""

from datetime import datetime
from typing import Any

from checkout import payments
from checkout.models import Order


def changed(session: dict[str, Any], now: datetime) -> str | None:
    """Read the session anew and settle its order by it."""
    reference = (session.get("metadata") or {}).get("order", "")
    order_id = Order.objects.filter(reference=reference).values_list("pk", flat=True).first() if reference else None
    if order_id is None:
        return None if reference else "not made by us"
    payments.look_at_session(order_id, session["id"], now=now)
    return "settled"
