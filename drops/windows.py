"""Who may buy when. The server's clock decides: a drop opens and ends even where no worker turned its state."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from django.db import models

from drops.errors import NotOpen
from drops.models import Drop, DropState


class Span(Protocol):
    """A sale window, however it was read."""

    @property
    def opens_at(self) -> datetime: ...

    @property
    def closes_at(self) -> datetime | None: ...


class Phase(models.TextChoices):
    """What a fan sees of a drop: its state, corrected by the time."""

    UPCOMING = "upcoming", "Upcoming"
    LIVE = "live", "Live"
    PAUSED = "paused", "Paused"
    SOLD_OUT = "sold_out", "Sold out"
    CLOSED = "closed", "Closed"


_SHOWN = {DropState.PAUSED: Phase.PAUSED, DropState.SOLD_OUT: Phase.SOLD_OUT}


def phase_of(drop: Drop, now: datetime) -> Phase:
    """The phase at ``now``. A draft, which only its merchant sees, is upcoming."""
    if drop.state == DropState.CLOSED or (drop.state != DropState.DRAFT and _over(drop, now)):
        return Phase.CLOSED
    if drop.state == DropState.DRAFT or drop.starts_at is None or now < drop.starts_at:
        return Phase.UPCOMING
    return _SHOWN.get(DropState(drop.state), Phase.LIVE)


def require_open(drop: Drop, now: datetime, windows: Iterable[Span] | None = None) -> None:
    """Let a fan who may buy in this drop at ``now`` pass.

    Raises NotOpen with the next opening, if there is one. A sold-out drop is open: its stock says so better, and what
    comes back can be bought at once. ``windows``: the drop's, where they were read already.
    """
    phase = phase_of(drop, now)
    if phase == Phase.UPCOMING and drop.state != DropState.DRAFT:
        raise NotOpen(drop.starts_at)
    if phase not in {Phase.LIVE, Phase.SOLD_OUT}:
        raise NotOpen
    given: list[Span] = list(drop.windows.all() if windows is None else windows)
    if given and not any(_contains(window, now) for window in given):
        raise NotOpen(min((each.opens_at for each in given if each.opens_at > now), default=None))


def _over(drop: Drop, now: datetime) -> bool:
    return drop.ends_at is not None and drop.ends_at <= now


def _contains(window: Span, now: datetime) -> bool:
    return window.opens_at <= now and (window.closes_at is None or now < window.closes_at)
