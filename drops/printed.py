"""A drop's page as it was printed a moment ago: a thousand fans in one second get the same bytes.

Only what belongs to one fan or one instant is filled in for each: the form's CSRF token and the server's time. The
stock on it is at most half a second old; the live stream says at once what changed since.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils import timezone

FRESH_SECONDS = 0.5
MOST_REMEMBERED = 200
TOKEN = "the-fans-own-csrf-token"  # noqa: S105  # stands where the real one comes


@dataclass(frozen=True, slots=True)
class Print:
    """A page, the time that it says it is, and the next instant at which it says something else by the clock."""

    html: str
    says: datetime
    turns_at: datetime | None


_prints: dict[str, tuple[float, Print]] = {}


def page(request: HttpRequest, slug: str, at: datetime, render: Callable[[], Print]) -> str:
    """The drop's page at ``at`` for this fan; ``render`` makes it where none is remembered."""
    read_at = time.monotonic()
    known = _prints.get(slug)
    if known is None or read_at - known[0] > FRESH_SECONDS or _has_turned(known[1], at):
        if len(_prints) >= MOST_REMEMBERED:
            _prints.clear()
        known = _prints[slug] = (read_at, render())
    printed = known[1]
    return printed.html.replace(TOKEN, get_token(request)).replace(stamp(printed.says), stamp(at))


def stamp(at: datetime) -> str:
    """How a page says what time it is by the server's clock."""
    return f'data-server-now="{timezone.localtime(at).isoformat()}"'


def forget() -> None:
    """Print everything anew: between tests, and after a seed."""
    _prints.clear()


def _has_turned(printed: Print, at: datetime) -> bool:
    return printed.turns_at is not None and printed.turns_at <= at
