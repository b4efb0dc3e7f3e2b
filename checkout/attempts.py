"""Against card testing: how many cards may be tried for an order, how many be refused to one address in an hour.

Thieves try stolen cards where it is cheap: https://docs.stripe.com/disputes/prevention/card-testing. An order's cards
are counted in its own row. What was refused to an address, and of one card, is counted in Redis over a moving hour;
while Redis is away each process counts alone. Only refusals count: a hundred fans behind one address who pay at once
are a good evening.
"""

import logging
import time
from functools import partial

from django.conf import settings
from django.db import transaction
from limits import RateLimitItemPerHour

from checkout import cards
from checkout.errors import TooManyCards
from checkout.models import Order, Payment
from merchant import journal, moving_windows
from merchant.keyed import keyed

log = logging.getLogger(__name__)
NAME, ADDRESS, CARD = "attempts", "address", "card"


def require_order(payment: Payment) -> None:
    """Another card may be tried for this order. Believe it under its lock. Raises TooManyCards."""
    if used_up(payment):
        raise TooManyCards


def used_up(payment: Payment) -> bool:
    return payment.cards_refused >= int(settings.CARDS_PER_ORDER)


def require_address(ip: str | None) -> None:
    """A card may be tried from this address. Raises TooManyCards, which says when again."""
    if ip is None:
        return
    limit, key = RateLimitItemPerHour(settings.REFUSALS_PER_ADDRESS_AN_HOUR), address_key(ip)
    if not moving_windows.asked(NAME, lambda limiter: limiter.test(limit, ADDRESS, key)):
        again = moving_windows.asked(NAME, lambda limiter: limiter.get_window_stats(limit, ADDRESS, key)).reset_time
        raise TooManyCards(max(1, round(again - time.time())))


def refused(order: Order, payment: Payment, fingerprint: str) -> None:
    """A bank said no to a card of a locked order: count it in the payment, which the caller saves, and once that has
    committed for its address and for the card itself."""
    unusable(order, payment)
    transaction.on_commit(partial(_count, order.subject, payment.address_key, cards.key_of(fingerprint)))


def unusable(order: Order, payment: Payment) -> None:
    """The provider could not read the card of a locked order. No bank said no, so only its order counts it: who sends
    made-up ones for ever would use up what we may ask the provider."""
    payment.cards_refused += 1
    if used_up(payment):
        why = f"{payment.cards_refused} cards were refused: no more are tried"
        journal.record(order.subject, "cards_used_up", actor=journal.WORKER, why=why)


def forget() -> None:
    """Start afresh, as if no card had ever been refused."""
    moving_windows.forget(NAME)


def _count(subject: str, address: str, card: str) -> None:
    _hit(subject, ADDRESS, address, settings.REFUSALS_PER_ADDRESS_AN_HOUR)
    _hit(subject, CARD, card, settings.REFUSALS_PER_CARD_AN_HOUR)


def _hit(subject: str, kind: str, key: str, most: int) -> None:
    """Count one; staff are told with the last that is allowed."""
    limit = RateLimitItemPerHour(most)
    if not key or not moving_windows.asked(NAME, lambda limiter: limiter.hit(limit, kind, key)):
        return
    if moving_windows.asked(NAME, lambda limiter: limiter.get_window_stats(limit, kind, key)).remaining == 0:
        log.warning("attempts.refused_often", extra={"subject": subject, "kind": kind})
        why = f"{most} refusals of one {kind} in an hour: somebody may be trying stolen cards"
        journal.record(subject, f"refused_often_{kind}", actor=journal.WORKER, why=why)


def address_key(ip: str | None) -> str:
    """An address as we keep it, to count by: nothing for none."""
    return keyed("frontrow.attempts", ip).hex() if ip else ""
