"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(found: Callable[[], T], *, seconds: float = 40.0, every: float = 0.05) -> T:
    """The first answer that is true; fails with the last one when there is none in time."""
    limit = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < limit, f"waited {seconds:.0f} s in vain: {answer!r}"
        time.sleep(every)  # polling a condition
    return answer
