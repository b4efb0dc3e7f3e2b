"""One Redis client a process, with time-outs short enough for a web request."""

from functools import cache

import redis
from django.conf import settings


def client() -> "redis.Redis":
    """A client that answers, or raises ``redis.RedisError``, within half a second and never retries."""
    return _client_of(settings.REDIS_URL)


@cache
def _client_of(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=None,
        decode_responses=True,
    )
