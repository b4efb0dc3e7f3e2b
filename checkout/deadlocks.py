"""Where transactions wait for each other in a ring PostgreSQL takes one of them out. Ours lock in one order, so that
there is no ring (docs/adr/0029); a person at the database's own prompt keeps to none."""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError
from psycopg.errors import DeadlockDetected

log = logging.getLogger(__name__)
TRIES = 3
P = ParamSpec("P")
T = TypeVar("T")


def pause() -> None:
    """Who comes again at once may take a row before the one who waits for it is awake, and make the same ring."""
    time.sleep(random.uniform(0.05, 0.15))  # noqa: S311  # two who were taken out need not come back together


def tried_again(deed: Callable[P, T]) -> Callable[P, T]:
    """For a deed that is one transaction of its own, a durable one. Where it was taken out of a ring nothing of it has
    happened, and those it waited for go on: it is done once more, before anybody is told of an error."""

    @wraps(deed)
    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            try:
                return deed(*args, **kwargs)
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
                log.warning("deadlock.tried_again", extra={"deed": deed.__qualname__})
            pause()
        return deed(*args, **kwargs)

    return done
