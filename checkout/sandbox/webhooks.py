"""Signed delivery of events, and everything that can go wrong with it."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Coroutine

import httpx

from .errors import Json
from .faults import WebhookFaults

logger = logging.getLogger("stripe_sandbox.webhooks")

ATTEMPTS = 6
AT_ONCE = 20
TIMEOUT = httpx.Timeout(15.0)


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header. https://docs.stripe.com/webhooks#verify-manually"""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Webhooks:
    """Delivers each event at least once and retries with backoff, as Stripe does; the order is nobody's promise."""

    def __init__(self, url: str | None, secret: str, faults: WebhookFaults) -> None:
        self.url = url
        self.secret = secret
        self.faults = faults
        self._kept_back: list[Json] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._client: httpx.AsyncClient | None = None

    def deliver(self, event: Json) -> None:
        """Starts the delivery and returns at once."""
        if not self.url or self._lost():
            return
        if self.faults.reorder > 1:
            self._kept_back.append(event)
            if len(self._kept_back) < self.faults.reorder:
                return
            self.release()
            return
        self._start(self._deliver_in_order([event]))

    def release(self) -> None:
        """Sends what was kept back, the last first."""
        events, self._kept_back = self._kept_back[::-1], []
        if events:
            self._start(self._deliver_in_order(events))

    def forget(self) -> None:
        """Drops what was kept back and whatever is under way."""
        self._kept_back.clear()
        for task in self._tasks:
            task.cancel()

    def _lost(self) -> bool:
        if self.faults.lose > 0:
            self.faults.lose -= 1
            return True
        return self.faults.lose < 0

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_in_order(self, events: list[Json]) -> None:
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        for event in events:
            for _ in range(max(self.faults.repeat, 1)):
                await self._deliver_with_retries(event)

    async def _deliver_with_retries(self, event: Json) -> None:
        for attempt in range(ATTEMPTS):
            if await self._attempt(event):
                event["pending_webhooks"] = 0
                return
            await asyncio.sleep(self.faults.retry_after * 2**attempt)
        logger.warning("gave up delivering %s %s", event["type"], event["id"])

    async def _attempt(self, event: Json) -> bool:
        payload = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            # Real time even when the sandbox's clock was moved: receivers check the age of a signature.
            "Stripe-Signature": signature(payload, self.secret, int(time.time())),
        }
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)
        async with self._slots:
            try:
                response = await self._client.post(self.url or "", content=payload, headers=headers)
            except httpx.HTTPError as error:
                logger.info("delivery of %s failed: %r", event["id"], error)
                return False
        return response.is_success

    async def close(self) -> None:
        self.forget()
        if self._client:
            await self._client.aclose()
