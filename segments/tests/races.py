"""Many threads at one point, each with a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import IntegrityError, connection

THREADS = 8
T = TypeVar("T")


def at_once(deed: Callable[[Barrier], T]) -> list[T]:
    """What each of the threads got from ``deed``, which may wait at the barrier where the race is."""
    barrier = Barrier(THREADS, timeout=120)

    def run(_: int) -> T:
        try:
            return deed(barrier)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def refused(deed: Callable[[], object]) -> bool:
    """Whether the database's constraint stopped ``deed``."""
    try:
        deed()
    except IntegrityError:
        return True
    return False
