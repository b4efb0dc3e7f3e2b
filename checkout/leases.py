"""How long a row is one's own while one talks to the payment provider, with no lock held.

The time a lease ends is also its proof: who finds another time in the row has lost it, and must do nothing more. Only
its holder gives a lease back; others wait for its end, or take it over where their step wins.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Least

from checkout.models import Payment

MOST_TRIES = 30_000  # the columns are small, and what nobody answers is tried for ever


def leased_until(now: datetime) -> datetime:
    """When somebody else may take over: after longer than all calls of one round can take together."""
    return now + timedelta(seconds=settings.PAYMENT_LEASE_SECONDS)


def is_leased(payment: Payment, now: datetime) -> bool:
    return payment.leased_until is not None and payment.leased_until > now


def one_more_try() -> Least:
    """What a row's ``tries`` become."""
    return Least(F("tries") + 1, MOST_TRIES)


def give_back(payment_id: int, lease: datetime | None) -> None:
    """End one's own lease; nothing when it was lost."""
    Payment.objects.filter(pk=payment_id, leased_until=lease).update(leased_until=None)
