"""Counting over a moving time, shared by all processes in Redis; in each process alone while Redis is away."""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
from django.conf import settings
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from merchant.redis_client import client

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def shared(name: str) -> MovingWindowRateLimiter:
    """What all processes count under this name. Its every use may raise ``redis.RedisError``."""
    return _shared(client().connection_pool, name)


@cache
def alone(name: str) -> MovingWindowRateLimiter:
    """What this process counts under this name by itself."""
    return MovingWindowRateLimiter(MemoryStorage())


def asked(name: str, question: Callable[[MovingWindowRateLimiter], Answer]) -> Answer:
    """What is counted under this name answers: for all processes, or for this one alone while Redis is away."""
    try:
        return question(shared(name))
    except redis.RedisError:
        log.warning("moving_windows.alone", extra={"counted": name})
        return question(alone(name))


def wait_for(name: str, limit: RateLimitItem, *key: str) -> int:
    """Count one more under this key: 0, or the seconds until there is room where there is none now."""

    def question(limiter: MovingWindowRateLimiter) -> int:
        if limiter.hit(limit, *key):
            return 0
        return max(1, round(limiter.get_window_stats(limit, *key).reset_time - time.time()))

    return asked(name, question)


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
