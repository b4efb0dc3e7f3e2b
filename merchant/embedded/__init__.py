"""PostgreSQL and Redis from Python wheels, for the demo and the tests, when no address is configured."""

from merchant.embedded.addresses import database_url, redis_url, urls

__all__ = ["database_url", "redis_url", "urls"]
