"""One Redis client a process, with time-outs short enough for a web request."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> "redis.Redis":
    """A client that answers, or raises ``redis.RedisError``, within half a second and never retries."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=None,
        decode_responses=True,
    )
