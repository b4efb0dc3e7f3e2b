"""Something happened to a refund that we asked for."""

from datetime import datetime
from typing import Any

from checkout import gateway, refunds
from checkout.models import Refund


def changed(refund: dict[str, Any], now: datetime) -> str | None:
    """Read the refund anew and book it."""
    ours = Refund.objects.filter(provider_id=refund["id"]).values_list("pk", flat=True).first()
    if ours is None:
        return "not asked for by us"  # made in the provider's own dashboard
    found = gateway.retrieve_refund(refund["id"])
    refunds.settle_refund(ours, found.id, found.status, now=now)
    return "booked"
