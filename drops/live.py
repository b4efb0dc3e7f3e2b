"""Live news of a drop: one message says all a page needs to follow it. PostgreSQL numbers them, Redis carries them.

A message is numbered under the drop's row lock, together with the reading of what it says: a higher version is never
older news, whoever made it. Losing a message costs seconds: the sweep and the live processes look again by themselves.
"""

import hashlib
import json
import logging
import time
from dataclasses import asdict, dataclass
from datetime import datetime

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import F

from drops.models import Drop, DropState
from drops.queries import public, stock_of
from drops.windows import Phase, phase_of
from merchant.redis_client import client
from merchant.wake import awake

log = logging.getLogger(__name__)

CHANNEL = f"{settings.REDIS_PREFIX}live"
GAP_MILLISECONDS = 200  # at most five messages a second


@dataclass(frozen=True, slots=True)
class News:
    """The newest message of a drop. ``body`` is JSON: version, slug, phase, stock by SKU, times, banner."""

    slug: str
    version: int
    body: str


def refresh(drop: Drop, now: datetime) -> News:
    """The drop's news at ``now``: a new number if anything changed since the last, else the same again."""
    said = _content(drop, now)
    if _digest(said) == drop.live_digest:
        return _news(drop, said)
    with transaction.atomic():
        # No key of the row changes, so orders that point at it do not wait for this lock.
        drop = Drop.objects.select_for_update(no_key=True).get(pk=drop.pk)
        said = _content(drop, now)
        if _digest(said) != drop.live_digest:
            Drop.objects.filter(pk=drop.pk).update(live_version=F("live_version") + 1, live_digest=_digest(said))
            drop.live_version += 1
        return _news(drop, said)


def publish(now: datetime) -> int:
    """Send what is new in any drop to the live processes. Returns how many messages went out.

    Waits for its turn, so that bursts of orders become at most five messages a second. Without Redis it does nothing:
    the live processes then read PostgreSQL.
    """
    try:
        _wait_for_a_turn()
        awake("live")  # what changes from here on asks for another message
        following = public().exclude(state=DropState.CLOSED, live_digest__startswith=Phase.CLOSED)
        return sum(_send(refresh(drop, now)) for drop in following)
    except redis.RedisError:
        log.warning("live.redis_away")
        return 0


def _wait_for_a_turn() -> None:
    gap = f"{settings.REDIS_PREFIX}live:gap"
    while not client().set(gap, "1", nx=True, px=GAP_MILLISECONDS):
        time.sleep(max(client().pttl(gap), 1) / 1000)


def _send(news: News) -> bool:
    """Publish it unless Redis remembers that it was."""
    sent = f"{settings.REDIS_PREFIX}live:sent:{news.slug}"
    if client().get(sent) == str(news.version):
        return False
    client().publish(CHANNEL, news.body)
    client().set(sent, news.version)
    return True


def _content(drop: Drop, now: datetime) -> dict[str, object]:
    return {
        "slug": drop.slug,
        "phase": phase_of(drop, now).value,
        "stock": {sku: asdict(stock) for sku, stock in stock_of(drop.pk).items()},
        "starts_at": drop.starts_at.isoformat() if drop.starts_at else None,
        "ends_at": drop.ends_at.isoformat() if drop.ends_at else None,
        "banner": "",
    }


def _digest(said: dict[str, object]) -> str:
    return f"{said['phase']}:{hashlib.sha256(json.dumps(said).encode()).hexdigest()}"


def _news(drop: Drop, said: dict[str, object]) -> News:
    body = json.dumps({"version": drop.live_version} | said, separators=(",", ":"))
    return News(drop.slug, drop.live_version, body)
