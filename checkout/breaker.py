"""Stops asking a provider that is in trouble, so that orders are deferred at once and none waits for a time-out.

*Closed*: calls go through. *Open*, when of the last half minute's calls half or more went wrong (no answer, 429, 5xx,
or an answer slower than ``STRIPE_SLOW_SECONDS``): they are refused. After a pause *half-open*: a few probes go through;
when they come back well it closes, when one does not it is open for another pause. A declined card and a refusal are
answers. All processes share it in Redis; while that is away each judges by its own calls.

(pybreaker counts failures in a row and knows no rate, which a provider that fails every other call would never trip.)
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import redis

from checkout.breaker_memory import Counted, Memory, OwnMemory, SharedMemory, Verdict
from checkout.errors import GatewayUnavailable
from merchant.redis_client import client

log = logging.getLogger(__name__)
SLICE_SECONDS = 5
WINDOW_SLICES, MINUTE_SLICES = 6, 12
LEAST_CALLS, WORST_SHARE = 10, 0.5
PAUSE = timedelta(seconds=10)
PROBES, GOOD_PROBES = 3, 2
PROBE_SECONDS = 30  # by then a probe has come back, or its worker died and others may probe

State = Literal["closed", "open", "half-open"]
T = TypeVar("T")
_own = OwnMemory()


@dataclass(frozen=True, slots=True)
class Status:
    """How the provider does, as far as we see: ``since`` when it is not closed, calls and failures of a minute."""

    state: State
    since: datetime | None
    calls: int
    failures: int


def admit(now: datetime) -> None:
    """Raises GatewayUnavailable when the provider should be left alone; nothing was asked."""
    if not _remembering(lambda memory: _may_pass(memory, now)):
        raise GatewayUnavailable("breaker", acted=False)


def is_closed() -> bool:
    """Whether calls go through. Asking takes no probe's place."""
    return _remembering(lambda memory: memory.verdict()) is None


def record(*, well: bool, now: datetime) -> None:
    """Note how a call ended, and change the state by it."""
    _remembering(lambda memory: _note(memory, well, now))


def status(now: datetime) -> Status:
    """What the desk and the figures show."""
    return _remembering(lambda memory: _status(memory, now))


def forget() -> None:
    """Start afresh, as if nothing had ever been called."""
    _own.decide(None)
    _remembering(lambda memory: memory.decide(None))


def _remembering(ask: Callable[[Memory], T]) -> T:
    try:
        return ask(SharedMemory(client()))
    except redis.RedisError:
        return ask(_own)


def _may_pass(memory: Memory, now: datetime) -> bool:
    verdict = memory.verdict()
    if verdict is None:
        return True
    return verdict.until <= now.timestamp() and memory.tick(_name("probe", verdict, now)) <= PROBES


def _note(memory: Memory, well: bool, now: datetime) -> None:
    memory.count(_slice(now), well=well)
    verdict = memory.verdict()
    if verdict is None:
        if not well and _is_bad(memory.counted(_slices(now, WINDOW_SLICES))):
            _open(memory, now.timestamp(), now)
    elif verdict.until > now.timestamp():
        pass  # the late end of a call that began before: the verdict stands
    elif not well:
        _open(memory, verdict.since, now)
    elif memory.tick(_name("good", verdict, now)) >= GOOD_PROBES:
        memory.decide(None)
        log.warning("breaker.closed")


def _is_bad(counted: Counted) -> bool:
    return counted.calls >= LEAST_CALLS and counted.failures >= counted.calls * WORST_SHARE


def _open(memory: Memory, since: float, now: datetime) -> None:
    memory.decide(Verdict(since, (now + PAUSE).timestamp()))
    log.error("breaker.open", extra={"since": since})


def _status(memory: Memory, now: datetime) -> Status:
    verdict, minute = memory.verdict(), memory.counted(_slices(now, MINUTE_SLICES))
    if verdict is None:
        return Status("closed", None, minute.calls, minute.failures)
    state: State = "open" if verdict.until > now.timestamp() else "half-open"
    return Status(state, datetime.fromtimestamp(verdict.since, tz=UTC), minute.calls, minute.failures)


def _name(what: str, verdict: Verdict, now: datetime) -> str:
    return f"{what}:{verdict.until}:{int(now.timestamp() - verdict.until) // PROBE_SECONDS}"


def _slice(now: datetime) -> int:
    return int(now.timestamp()) // SLICE_SECONDS


def _slices(now: datetime, count: int) -> list[int]:
    return [_slice(now) - back for back in range(count)]
