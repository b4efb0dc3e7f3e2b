"""The live process's switchboard: one subscription to Redis, any number of listeners, the newest news of each drop.

A listener costs a waiter in one event, nothing else; a broadcast sets the event. Slow listeners skip to the newest.
"""

import asyncio
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import redis
import redis.asyncio
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from drops import live
from drops.live import News
from drops.queries import public
from merchant.clock import now
from merchant.store import current_store

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
WITHOUT_REDIS_SECONDS = 2.0


class Feed:
    """The newest news of one drop, and who waits for the next."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        self.version = -1
        self.frame = b""
        self.listeners = 0
        self.loading: asyncio.Task[bool] | None = None
        self._turned = asyncio.Event()

    def tell(self, version: int, body: str) -> None:
        """Pass on a message; one that is not newer than what was told is dropped."""
        if version > self.version:
            self.version = version
            self.frame = f"id: {version}\ndata: {body}\n\n".encode()
            self.turn()

    def turn(self) -> None:
        """Wake all who wait now: for news, or to let them send a heartbeat."""
        self._turned.set()
        self._turned.clear()

    async def turned(self) -> None:
        await self._turned.wait()


class Hub:
    """All feeds of a live process. Make it inside the running event loop."""

    def __init__(self) -> None:
        self.closing = False
        self._redis_is_there = True
        self._feeds: dict[str, Feed] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._database = ThreadPoolExecutor(1, thread_name_prefix="live-database")

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._follow_redis()), asyncio.create_task(self._beat())]

    async def stop(self) -> None:
        """Let every listener go and end the subscription."""
        self.closing = True
        for feed in self._feeds.values():
            feed.turn()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._database.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def listening(self, slug: str) -> Iterator[Feed]:
        """The feed of a drop, kept as long as somebody listens; the first one lets it load."""
        feed = self._feeds.setdefault(slug, Feed(slug))
        feed.listeners += 1
        try:
            yield feed
        finally:
            feed.listeners -= 1
            if not feed.listeners:
                self._feeds.pop(slug, None)

    async def loaded(self, feed: Feed) -> bool:
        """Wait for the feed's first news; False when there is no such drop. However many wait, it is read once."""
        if feed.version < 0:
            feed.loading = feed.loading or asyncio.create_task(self._load(feed))
            return await asyncio.shield(feed.loading)
        return True

    async def is_named(self, origin: str) -> bool:
        """Whether the merchant named this site as one that may sell; False while the database is away."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._database, _is_named, origin)
        except DatabaseError:
            return False

    async def _load(self, feed: Feed) -> bool:
        try:
            news = await asyncio.get_running_loop().run_in_executor(self._database, _read, feed.slug)
        finally:
            feed.loading = None
        if news:
            feed.tell(news.version, news.body)
        return news is not None

    async def _load_all(self) -> None:
        for feed in list(self._feeds.values()):
            try:
                await self._load(feed)
            except Exception:  # listeners keep what they have; the next look comes soon
                log.warning("live.database_away", exc_info=settings.DEBUG)

    async def _follow_redis(self) -> None:
        while True:
            with suppress(redis.RedisError, OSError):
                await self._pass_on()
            if self._redis_is_there:
                log.warning("live.redis_away")
            self._redis_is_there = False
            await self._load_all()
            await asyncio.sleep(WITHOUT_REDIS_SECONDS)

    async def _pass_on(self) -> None:
        async with (
            redis.asyncio.Redis.from_url(
                settings.REDIS_URL,
                socket_connect_timeout=1,
                socket_keepalive=True,
                decode_responses=True,
                retry=Retry(NoBackoff(), 0),  # a silent reconnection would hide what was missed
            ) as client,
            client.pubsub(ignore_subscribe_messages=True) as subscription,
        ):
            await subscription.subscribe(live.CHANNEL)
            self._redis_is_there = True
            await self._load_all()  # what was said while nobody listened
            async for message in subscription.listen():
                self._take(message["data"])

    def _take(self, body: str) -> None:
        said = json.loads(body)
        if feed := self._feeds.get(said["slug"]):
            feed.tell(said["version"], body)

    async def _beat(self) -> None:
        """Now and then look for what Redis may have lost, and let every listener show that it lives."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._load_all()
            for feed in self._feeds.values():
                feed.turn()


def _is_named(origin: str) -> bool:
    close_old_connections()
    return origin in current_store().allowed_origins


def _read(slug: str) -> News | None:
    close_old_connections()
    drop = public().filter(slug=slug).first()
    return live.refresh(drop, now()) if drop else None
