"""How often we may ask the payment provider: a budget for each operation and one for all, shared by every process.

Counted in Redis over a moving second. While Redis is away each process counts alone, at a share of the budget, since
nobody knows how many others there are. Paying comes first: every other operation lives on half of it.
"""

import logging
import random
import time

import redis
from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.strategies import MovingWindowRateLimiter

from checkout.errors import GatewayUnavailable
from merchant import moving_windows

log = logging.getLogger(__name__)
NAME = "budget"
PAYING = frozenset(
    {"payment_intents.create", "payment_intents.confirm", "payment_intents.capture", "checkout.sessions.create"}
)
OTHERS_SHARE = 0.5  # re-reads, cancels and refunds give way to payments
ALONE_SHARE = 0.25
ALL, OTHERS = "all", "others"
WINDOW_SECONDS = 1
PAUSE_SECONDS = (0.05, 0.35)  # between two looks, spread so that those who wait do not look in the same moment


def take(operation: str, *, wait: bool = True) -> None:
    """Wait for a turn to call ``operation``, about ``STRIPE_BUDGET_WAIT_SECONDS`` at most, or not at all.

    Raises GatewayUnavailable when it did not come by then; nothing was asked.
    """
    granted = _granted_to_all
    for look in range(_looks() + 1 if wait else 1):
        if look:
            time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311  # spreads load, guards nothing
        try:
            got_it = granted(operation)
        except redis.RedisError:
            log.warning("budget.alone", extra={"operation": operation})
            granted = _granted_alone
            got_it = granted(operation)
        if got_it:
            return
    raise GatewayUnavailable("our own budget", acted=False)


def used() -> int | None:
    """Calls of the last second, in all; None while Redis is away."""
    limit = RateLimitItemPerSecond(settings.STRIPE_CALLS_PER_SECOND_IN_ALL, WINDOW_SECONDS)
    try:
        left = moving_windows.shared(NAME).get_window_stats(limit, ALL).remaining
    except redis.RedisError:
        return None
    return limit.amount - left


def forget() -> None:
    """Start afresh, as if nothing had ever been called."""
    moving_windows.forget(NAME)


def _looks() -> int:
    return round(float(settings.STRIPE_BUDGET_WAIT_SECONDS) / (sum(PAUSE_SECONDS) / 2))


def _granted_to_all(operation: str) -> bool:
    return _hit(moving_windows.shared(NAME), operation, share=1.0)


def _granted_alone(operation: str) -> bool:
    return _hit(moving_windows.alone(NAME), operation, share=ALONE_SHARE)


def _hit(limiter: MovingWindowRateLimiter, operation: str, *, share: float) -> bool:
    """The narrowest budget first; what a wider one then refuses stays spent, which errs on the safe side."""
    each, in_all = settings.STRIPE_CALLS_PER_SECOND * share, settings.STRIPE_CALLS_PER_SECOND_IN_ALL * share
    budgets = [(operation, each), (ALL, in_all)]
    if operation not in PAYING:
        budgets = [(operation, each * OTHERS_SHARE), (OTHERS, in_all * OTHERS_SHARE), (ALL, in_all)]
    return all(
        limiter.hit(RateLimitItemPerSecond(max(1, int(amount)), WINDOW_SECONDS), name) for name, amount in budgets
    )
