"""Something happened to a refund, ours or one made in the provider's own dashboard."""

from datetime import datetime
from typing import Any

from checkout import gateway, payments, refunds


def changed(refund: dict[str, Any], now: datetime) -> str | None:
    """Read the refund anew and book it; before that its payment, where nobody has told us of that yet."""
    intent_id = refund.get("payment_intent") or ""
    meant = refunds.order_of(intent_id)
    if meant is None:
        return None if intent_id else "not a payment of ours"
    found = gateway.retrieve_refund(refund["id"])
    done = refunds.take_over(found, now=now)
    if done is None:
        payments.look_at_intent(meant[0], intent_id, now=now)
        done = refunds.take_over(found, now=now)
    return done
