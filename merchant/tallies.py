"""Counting by the minute of the clock: in this process at once, for all processes together a moment later.

For what is counted in every request and may be a moment late. A process counts alone until it has told the others by
Redis, and for as long as Redis is away; what it has not told by then it tells afterwards.
"""

import logging
import time
from dataclasses import dataclass
from threading import Lock

import redis
from django.conf import settings

from merchant.bell import Bell
from merchant.keyed import keyed
from merchant.redis_client import client

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
PAUSE_SECONDS = 0.25

Key = tuple[str, str]  # what is counted, and for whom: an address or a secret, which Redis is told as a mark only


@dataclass(slots=True)
class _Tally:
    """``told``: by all processes, when Redis was last asked. ``untold``: by this one since."""

    told: int = 0
    untold: int = 0


class Tallies:
    """What one process knows of this minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._of: dict[Key, _Tally] = {}
        self._lock = Lock()

    def count(self, what: str, whose: str) -> int:
        """One more for ``whose``; how many there are now in this minute, as far as this process knows."""
        minute = int(time.time()) // WINDOW_SECONDS
        with self._lock:
            if minute != self._minute:
                self._minute, self._of = minute, {}
            tally = self._of.setdefault((what, whose), _Tally())
            tally.untold += 1
            counted = tally.told + tally.untold
        if _bell:
            _bell[0].ring()
        return counted

    def tell(self) -> None:
        """Add to everybody's counts what is new here, and learn what they are."""
        with self._lock:
            minute, of = self._minute, self._of
            news = {key: tally.untold for key, tally in of.items() if tally.untold}
        try:
            told = _added(minute, news)
        except redis.RedisError:
            log.warning("tallies.alone")
            return
        with self._lock:
            for key, by_all in told.items():
                of[key].told, of[key].untold = by_all, of[key].untold - news[key]

    def forget(self) -> None:
        """Start afresh, as if this process had never counted."""
        with self._lock:
            self._of = {}


mine = Tallies()
_bell: list[Bell] = []  # at most one


def tell_in_background() -> None:
    """A thread tells from now on what this process counts. For a web server: any other process counts alone."""
    _bell[:] = [Bell(mine.tell, PAUSE_SECONDS)]


def seconds_left() -> int:
    """Until the minute is over."""
    return WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS


def _added(minute: int, news: dict[Key, int]) -> dict[Key, int]:
    if not news:
        return {}
    with client().pipeline(transaction=False) as batch:
        for (what, whose), more in news.items():
            name = f"{settings.REDIS_PREFIX}tally:{minute}:{what}:{_mark(whose)}"
            batch.incrby(name, more)
            batch.expire(name, 2 * WINDOW_SECONDS)
        return dict(zip(news, batch.execute()[::2], strict=True))


def _mark(whose: str) -> str:
    return keyed("frontrow.tallies", whose).hex()[:32]
