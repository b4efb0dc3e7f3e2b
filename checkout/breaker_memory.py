"""What the breaker remembers: calls by slices of time, the verdict, and ticks. In Redis for all, or in one process."""

import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

import redis
from django.conf import settings

KEPT_SECONDS = 120  # counts of a slice, and ticks
VERDICT_SECONDS = 3600  # after an hour in which nobody asked anything, nothing is known


@dataclass(frozen=True, slots=True)
class Counted:
    calls: int
    failures: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Not closed since then; until when no call goes through. Seconds since 1970."""

    since: float
    until: float


class Memory(Protocol):
    def count(self, number: int, *, well: bool) -> None:
        """Count a call in the slice with this number."""

    def counted(self, numbers: Iterable[int]) -> Counted:
        """The sums of these slices."""

    def verdict(self) -> Verdict | None:
        """None: closed."""

    def decide(self, verdict: Verdict | None) -> None:
        """None closes, and forgets the calls so far: they speak of the trouble that is over."""

    def tick(self, name: str) -> int:
        """How often this name was ticked, this time included."""


class SharedMemory:
    """In Redis. Every method may raise ``redis.RedisError``."""

    def __init__(self, server: "redis.Redis") -> None:
        self._server = server

    def count(self, number: int, *, well: bool) -> None:
        with self._server.pipeline(transaction=False) as batch:
            batch.hincrby(_key("calls", number), "calls", 1)
            batch.hincrby(_key("calls", number), "failures", 0 if well else 1)
            batch.expire(_key("calls", number), KEPT_SECONDS)
            batch.execute()

    def counted(self, numbers: Iterable[int]) -> Counted:
        with self._server.pipeline(transaction=False) as batch:
            for number in numbers:
                batch.hgetall(_key("calls", number))
            rows = batch.execute()
        return Counted(sum(int(row.get("calls", 0)) for row in rows), sum(int(row.get("failures", 0)) for row in rows))

    def verdict(self) -> Verdict | None:
        said = self._server.get(_key("verdict"))
        return Verdict(**json.loads(said)) if said else None

    def decide(self, verdict: Verdict | None) -> None:
        if verdict is not None:
            self._server.set(_key("verdict"), json.dumps(asdict(verdict)), ex=VERDICT_SECONDS)
            return
        self._server.delete(_key("verdict"), *self._server.scan_iter(_key("*")))

    def tick(self, name: str) -> int:
        with self._server.pipeline(transaction=False) as batch:
            batch.incr(_key("tick", name))
            batch.expire(_key("tick", name), KEPT_SECONDS)
            return int(batch.execute()[0])


class OwnMemory:
    """In this process, for the time that Redis is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[int] = Counter()
        self._failures: Counter[int] = Counter()
        self._ticks: Counter[str] = Counter()
        self._verdict: Verdict | None = None

    def count(self, number: int, *, well: bool) -> None:
        with self._lock:
            self._calls[number] += 1
            self._failures[number] += not well
            for old in [each for each in self._calls if each < number - KEPT_SECONDS]:
                del self._calls[old], self._failures[old]

    def counted(self, numbers: Iterable[int]) -> Counted:
        with self._lock:
            these = list(numbers)
            return Counted(sum(self._calls[each] for each in these), sum(self._failures[each] for each in these))

    def verdict(self) -> Verdict | None:
        return self._verdict

    def decide(self, verdict: Verdict | None) -> None:
        with self._lock:
            self._verdict = verdict
            self._ticks.clear()
            if verdict is None:
                self._calls.clear()
                self._failures.clear()

    def tick(self, name: str) -> int:
        with self._lock:
            self._ticks[name] += 1
            return self._ticks[name]


def _key(*parts: object) -> str:
    return ":".join([f"{settings.REDIS_PREFIX}breaker", *map(str, parts)])
