"""The hands of a worker process: as many payments at once as it takes to use the whole budget of a slow provider.

At a second a call, twenty payments a second of two calls each keep forty hands waiting for an answer.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection

from checkout import payments

log = logging.getLogger(__name__)
_stopping = threading.Event()
_counting = threading.Lock()
_busy = 0


def put_to_work(clock: Callable[[], datetime]) -> "list[Future[None]]":
    """Let a hand begin for each payment that is due, at most ``PAYMENT_THREADS`` in this process, and return at once.

    A hand pays one order after the other until nothing is due. The process ends when its hands have.
    """
    hands = _engage(payments.count_due(clock(), most=settings.PAYMENT_THREADS))
    return [_pool().submit(_work, clock) for _ in range(hands)]


def stop(**_: Any) -> None:
    """Finish what is begun, and begin nothing more. What stays due is for another worker."""
    _stopping.set()


def _engage(wanted: int) -> int:
    global _busy  # noqa: PLW0603  # one number a process, behind a lock
    with _counting:
        hands = min(wanted, int(settings.PAYMENT_THREADS) - _busy)
        _busy += hands
        return hands


def _release() -> None:
    global _busy  # noqa: PLW0603
    with _counting:
        _busy -= 1


def _work(clock: Callable[[], datetime]) -> None:
    try:
        while not _stopping.is_set() and payments.drain(clock, limit=1):
            pass
    except Exception:  # nobody waits for this hand: what happened must be said here
        log.exception("payment.hand_failed")
        raise
    finally:
        connection.close()
        _release()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.PAYMENT_THREADS, thread_name_prefix="payer")
