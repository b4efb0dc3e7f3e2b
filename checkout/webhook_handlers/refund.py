"""Something happened to a refund, ours or one made in the provider's own dashboard."""

from datetime import datetime
from typing import Any

from checkout import gateway, refunds


def changed(refund: dict[str, Any], now: datetime) -> str | None:
    """Read the refund anew and book it."""
    intent_id = refund.get("payment_intent") or ""
    if refunds.order_of(intent_id) is None:
        return None if intent_id else "not a payment of ours"
    return refunds.take_over(gateway.retrieve_refund(refund["id"]), now=now)
