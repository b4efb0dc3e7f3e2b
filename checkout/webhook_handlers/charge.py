"""A charge was refunded, perhaps in the provider's own dashboard."""

from datetime import datetime
from typing import Any

from checkout import gateway, payments, refunds


def refunded(charge: dict[str, Any], now: datetime) -> str | None:
    """List the refunds of the charge's intent anew and book each of them; before that their payment, where nobody has
    told us of that yet."""
    intent_id = charge.get("payment_intent") or ""
    meant = refunds.order_of(intent_id)
    if meant is None:
        if charge.get("captured") is False:  # an intent that no order is paid with; no order of ours will come
            return refunds.NOT_TAKEN
        return None if intent_id else "not a payment of ours"
    found = gateway.list_refunds(intent_id)
    done = [refunds.take_over(refund, now=now) for refund in found]
    if None in done:
        payments.look_at_intent(meant[0], intent_id, now=now)
        done = [refunds.take_over(refund, now=now) for refund in found]
    return None if None in done else f"{len(found)} looked at"
