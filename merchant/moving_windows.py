"""Counting over a moving time, shared by all processes in Redis; in each process alone while Redis is away."""

import logging
from functools import cache

import redis
from django.conf import settings
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from merchant.redis_client import client

log = logging.getLogger(__name__)


def shared(name: str) -> MovingWindowRateLimiter:
    """What all processes count under this name. Its every use may raise ``redis.RedisError``."""
    return _shared(client().connection_pool, name)


@cache
def alone(name: str) -> MovingWindowRateLimiter:
    """What this process counts under this name by itself."""
    return MovingWindowRateLimiter(MemoryStorage())


def forget(name: str) -> None:
    """Start afresh, as if nothing had ever been counted."""
    alone(name).storage.reset()
    try:
        shared(name).storage.reset()
    except redis.RedisError:
        log.warning("moving_windows.not_forgotten", extra={"counted": name})


@cache
def _shared(pool: "redis.ConnectionPool", name: str) -> MovingWindowRateLimiter:
    storage = RedisStorage(settings.REDIS_URL, connection_pool=pool, key_prefix=f"{settings.REDIS_PREFIX}{name}")
    return MovingWindowRateLimiter(storage)
