"""A bank disputes a payment, or has decided."""

from datetime import datetime
from typing import Any

from checkout import disputes, gateway, refunds


def changed(dispute: dict[str, Any], now: datetime) -> str | None:
    """Read the dispute anew and note it at its order. Nothing is submitted."""
    intent_id = dispute.get("payment_intent") or ""
    if refunds.order_of(intent_id) is None:
        return None if intent_id else "not a payment of ours"
    return disputes.note(gateway.retrieve_dispute(dispute["id"]), now=now)
