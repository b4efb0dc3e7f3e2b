"""How long a worker has a row to itself while it talks to the payment provider, with no lock held."""

from datetime import datetime, timedelta

from django.conf import settings


def leased_until(now: datetime) -> datetime:
    """When somebody else may take over: after longer than all calls of one round can take together."""
    return now + timedelta(seconds=settings.PAYMENT_LEASE_SECONDS)
