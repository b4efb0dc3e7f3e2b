"""How often a drop's page was looked at, by day. Counts and nothing else: no cookie, no address, nobody's name.

A visit is one loading of the page by a browser that a person may sit at; who looks five times counts five times. Left
out is what says of itself that it is a machine, what a page fetches by itself, and what is loaded in advance.

The page must not wait for a count: each process adds up for a second, then tells Redis in one round trip; a task brings
the sums into PostgreSQL. What is in between is lost with the process or with Redis: it is counts, a second or a minute
of them. Nothing is ever counted twice.
"""

import logging
import re
import threading
import time
from collections import Counter
from datetime import date

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from drops.models import Drop, DropVisits
from merchant.redis_client import client

log = logging.getLogger(__name__)
ADD_UP_SECONDS = 1.0
MOST_WAITING = 10_000  # without Redis: then the oldest minutes are given up
MACHINES = re.compile(
    r"bot\b|bot[/;_-]|crawl|spider|slurp|preview|facebookexternalhit|embedly|pingdom|monitor|lighthouse|curl/|wget/|"
    r"python|java/|go-http|okhttp|httpclient|node-fetch|axios|postman",
    re.IGNORECASE,
)
_KEY = f"{settings.REDIS_PREFIX}visits"
_counting = threading.Lock()
_waiting: Counter[str] = Counter()
_told_at = 0.0


def seen(request: HttpRequest, slug: str) -> None:
    """Somebody looked at a drop's page. Cannot fail, and asks nobody more than once a second."""
    if not is_a_visit(request):
        return
    global _told_at  # noqa: PLW0603  # one sum a process, behind a lock
    with _counting:
        if len(_waiting) < MOST_WAITING:
            _waiting[f"{timezone.localdate().isoformat()}|{slug}"] += 1
        now = time.monotonic()
        if now - _told_at < ADD_UP_SECONDS:
            return
        _told_at = now
        told = dict(_waiting)
        _waiting.clear()
    _tell(told)


def is_a_visit(request: HttpRequest) -> bool:
    """Whether a person's browser asked for the page itself, to show it now."""
    headers = request.headers
    agent = headers.get("User-Agent", "")
    if request.method != "GET" or not agent or MACHINES.search(agent):
        return False
    # https://www.w3.org/TR/fetch-metadata/: what a script fetches, or a browser in advance, says so
    if headers.get("Sec-Fetch-Dest", "document") != "document":
        return False
    return "prefetch" not in headers.get("Sec-Purpose", "") + headers.get("Purpose", "")


def keep() -> int:
    """Bring what Redis has counted into PostgreSQL. Returns how many visits; 0 while Redis is away.

    Taken from Redis before it is written: a worker that dies in between loses a minute's counts, and doubles none.
    """
    try:
        taken = _take()
    except redis.RedisError:
        log.warning("visits.redis_away")
        return 0
    slugs = {slug for _, slug in taken}
    drops = dict(Drop.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    found = sorted((drops[slug], day, number) for (day, slug), number in taken.items() if slug in drops)
    with transaction.atomic():
        for drop_id, day, number in found:
            DropVisits.objects.bulk_create([DropVisits(drop_id=drop_id, day=day)], ignore_conflicts=True)
            DropVisits.objects.filter(drop_id=drop_id, day=day).update(visits=F("visits") + number)
    return sum(number for _, _, number in found)


def forget() -> None:
    """Start afresh, here and in Redis: between tests."""
    global _told_at  # noqa: PLW0603
    with _counting:
        _waiting.clear()
        _told_at = 0.0
    client().delete(_KEY)


def _tell(told: dict[str, int]) -> None:
    try:
        with client().pipeline(transaction=False) as batch:
            for field, number in told.items():
                batch.hincrby(_KEY, field, number)
            batch.execute()
    except redis.RedisError:
        log.warning("visits.not_told", extra={"visits": sum(told.values())})


def _take() -> dict[tuple[date, str], int]:
    """Everything counted until now, out of Redis at once: two that take get each visit once."""
    with client().pipeline(transaction=True) as batch:
        batch.hgetall(_KEY)
        batch.delete(_KEY)
        counted, _ = batch.execute()
    return {_named(field): int(number) for field, number in counted.items()}


def _named(field: str) -> tuple[date, str]:
    day, slug = field.split("|", 1)
    return date.fromisoformat(day), slug
