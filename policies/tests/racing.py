"""Twins at the same moment, each on a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local
from typing import TypeVar

from django.db import connection

TWINS = 8
T = TypeVar("T")


def race(deed: Callable[[], T]) -> list[T]:
    """Let ``TWINS`` threads do the deed at once; their results in any order."""
    together = Barrier(TWINS)

    def one(_: int) -> T:
        try:
            connection.ensure_connection()
            together.wait(timeout=120)
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(TWINS) as pool:
        return list(pool.map(one, range(TWINS)))


def meeting() -> Callable[[], None]:
    """A place where each twin waits for all others once: all have read before one writes. Who comes again passes."""
    everybody, seen = Barrier(TWINS), local()

    def meet() -> None:
        if not hasattr(seen, "met"):
            seen.met = True
            everybody.wait(timeout=120)

    return meet
