"""One Redis client a process, with time-outs short enough for a web request."""

from functools import cache

import redis
from django.conf import settings

SOCKET_SECONDS = 0.5


def client() -> "redis.Redis":
    """A client that answers, or raises ``redis.RedisError``, within ``SOCKET_SECONDS`` and never retries."""
    return _client_of(settings.REDIS_URL)


@cache
def _client_of(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=None,
        decode_responses=True,
    )
