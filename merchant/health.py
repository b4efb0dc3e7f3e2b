"""``/healthz`` says that the process answers; ``/readyz`` that what it needs answers too."""

import time

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from merchant.redis_client import client

WORKER_SEEN_SECONDS = 30


def worker_was_here() -> None:
    """Leave a mark that a worker lives; it fades after half a minute."""
    client().set(_mark(), int(time.time()), ex=WORKER_SEEN_SECONDS)


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, Redis and a worker answer; 503 names what does not. Only the database stops an order."""
    found = {"database": _database(), **redis_and_worker()}
    answer = JsonResponse(found, status=200 if all(found.values()) else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # Django's own door: who asks every second reads the answer
    return answer


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except DatabaseError:
        return False


def redis_and_worker() -> dict[str, bool]:
    """Whether Redis answers, and whether a worker was seen in the last half minute."""
    try:
        return {"redis": bool(client().ping()), "worker": bool(client().exists(_mark()))}
    except redis.RedisError:
        return {"redis": False, "worker": False}


def _mark() -> str:
    return f"{settings.REDIS_PREFIX}worker-seen"
