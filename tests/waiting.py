"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

import drops.printed
import drops.queries

T = TypeVar("T")


def until(found: Callable[[], T], *, seconds: float = 120.0, every: float = 0.05) -> T:
    """The first answer that is true; fails with the last one when there is none in time."""
    limit = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < limit, f"waited {seconds:.0f} s in vain: {answer!r}"
        time.sleep(every)  # polling a condition
    return answer


# A drop's page is printed out of what may be remembered already.
LONGEST_REMEMBERED = drops.queries.FRESH_SECONDS + drops.printed.FRESH_SECONDS


def known_everywhere(remembered_seconds: float = LONGEST_REMEMBERED) -> None:
    """Waits until no process remembers how a drop, a rule or a table was: as long as any may, or as long as what was
    changed may be."""
    then = time.monotonic() + remembered_seconds
    until(lambda: time.monotonic() > then)


def somebody_waits_for_us() -> bool:
    """Whether another connection stands still because of what this one has locked in its open transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_locks mine JOIN pg_locks theirs USING (transactionid)"
            " WHERE mine.pid = pg_backend_pid() AND NOT theirs.granted LIMIT 1"
        )
        return cursor.fetchone() is not None
