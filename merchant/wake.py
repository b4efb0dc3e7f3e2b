"""Wake a worker after a commit. Losing a wake costs time, never work: a sweeper finds due rows by query."""

import logging
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import redis
from celery import current_app
from django.conf import settings
from django.db import connection, transaction

from merchant.bell import Bell
from merchant.redis_client import client

log = logging.getLogger(__name__)

Queue = Literal["payments", "messages", "webhooks", "live", "evidence"]
TASKS: dict[Queue, str] = {
    "payments": "checkout.tasks.drain_payments",
    "webhooks": "checkout.tasks.drain_webhooks",
    "messages": "segments.tasks.drain_messages",
    "live": "drops.tasks.publish_live",
    "evidence": "checkout.tasks.drain_evidence",
}
ASLEEP_SECONDS = 5
PAUSE_SECONDS = 0.05  # the first ring is answered at once; of hundreds a second, twenty are


def wake(queue: Queue) -> None:
    """Wake the worker of ``queue`` once the open transaction has committed; at once when there is none.

    Coalesced (many wakes in a burst send one task), quick (short socket time-outs, no retry) and unable to fail:
    an unreachable Redis is logged and the sweeper does the rest.
    """
    for entry in connection.run_on_commit:
        hook = entry[1]
        if isinstance(hook, _Ring):  # registered where we are or further out: undone no sooner than we are
            hook.queues.add(queue)
            return
    transaction.on_commit(_Ring({queue}), robust=True)


def awake(queue: Queue) -> None:
    """Called by the task before it reads: from here on a new wake sends a new task."""
    try:
        client().delete(_flag(queue))
    except redis.RedisError:
        log.warning("wake.flag_not_cleared", extra={"queue": queue})


def ring_in_background() -> None:
    """In this process a thread rings from now on, for all requests of a moment at once. For a web server."""
    _bell[:] = [Bell(_ring_for_all, PAUSE_SECONDS)]


@dataclass(eq=False)
class _Ring:
    """What a transaction does once it has committed: one round trip for all the queues that it wakes."""

    queues: set[Queue]

    def __call__(self) -> None:
        if not _bell:
            _ring(self.queues)
            return
        with _adding:
            _wanted.update(self.queues)
        _bell[0].ring()


_wanted: set[Queue] = set()
_adding = Lock()
_bell: list[Bell] = []  # at most one


def _ring_for_all() -> None:
    with _adding:
        queues = set(_wanted)
        _wanted.clear()
    _ring(queues)


def _ring(wanted: set[Queue]) -> None:
    queues = sorted(wanted)
    try:
        with client().pipeline(transaction=False) as batch:
            for queue in queues:
                batch.set(_flag(queue), "1", nx=True, ex=ASLEEP_SECONDS)
            asleep = [queue for queue, was_set in zip(queues, batch.execute(), strict=True) if was_set]
        for queue in asleep:
            current_app.send_task(TASKS[queue], retry=False, ignore_result=True)
    except Exception:  # a committed request must not fail because the broker is away
        log.warning("wake.lost", extra={"queues": queues}, exc_info=settings.DEBUG)


def _flag(queue: Queue) -> str:
    return f"{settings.REDIS_PREFIX}wake:{queue}"
