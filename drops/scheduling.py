"""A drop's way from draft to closed. A move is claimed by UPDATE: of two that try only one does it."""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from drops.errors import IllegalMove, NotReady
from drops.models import Drop, DropKind, DropState, Offer, OfferComponent, SaleWindow, WindowKind
from drops.readiness import hurdles
from merchant import journal
from merchant.wake import wake

DRAFT, SCHEDULED, LIVE = DropState.DRAFT, DropState.SCHEDULED, DropState.LIVE
PAUSED, SOLD_OUT, CLOSED = DropState.PAUSED, DropState.SOLD_OUT, DropState.CLOSED

MOVES: dict[DropState, set[DropState]] = {
    DRAFT: {SCHEDULED},
    SCHEDULED: {DRAFT, LIVE, CLOSED},
    LIVE: {PAUSED, SOLD_OUT, CLOSED},
    PAUSED: {LIVE, CLOSED},
    SOLD_OUT: {LIVE, CLOSED},
    CLOSED: set(),
}


def schedule(drop: Drop, *, actor: str, now: datetime) -> None:
    """Give the drop its public page; it starts by itself. Raises NotReady with everything that is missing."""
    if missing := hurdles(drop, now=now):
        raise NotReady(missing)
    with transaction.atomic():
        set_window(drop)
        _move(drop, SCHEDULED, frm={DRAFT}, verb="scheduled", actor=actor)


def unschedule(drop: Drop, *, actor: str, now: datetime) -> None:
    """Make it a draft again. Raises IllegalMove once it has started."""
    if drop.starts_at is not None and drop.starts_at <= now:
        raise IllegalMove("The drop has started; it can be paused or closed.")
    _move(drop, DRAFT, frm={SCHEDULED}, verb="unscheduled", actor=actor)


def open_now(drop: Drop, *, actor: str, now: datetime) -> None:
    """Start a scheduled drop this instant, ahead of its time."""
    with transaction.atomic():
        _move(drop, LIVE, frm={SCHEDULED}, verb="opened", actor=actor)
        if drop.starts_at is None or drop.starts_at > now:
            _set_times(drop, starts_at=now)


def pause(drop: Drop, *, actor: str, now: datetime) -> None:
    """Stop selling for a while. Carts keep what they hold; placed orders go on."""
    _move(drop, PAUSED, frm={LIVE}, verb="paused", actor=actor)


def resume(drop: Drop, *, actor: str, now: datetime) -> None:
    """Go on selling after a pause."""
    _move(drop, LIVE, frm={PAUSED}, verb="resumed", actor=actor)


def close(drop: Drop, *, actor: str, now: datetime) -> None:
    """End the drop for good, ahead of its end or because it has none. Placed orders go on."""
    with transaction.atomic():
        _move(drop, CLOSED, frm={SCHEDULED, LIVE, PAUSED, SOLD_OUT}, verb="closed", actor=actor)
        started = drop.starts_at is not None and drop.starts_at < now
        if drop.kind == DropKind.TIMED and started and not (drop.ends_at and drop.ends_at <= now):
            _set_times(drop, ends_at=now)


def set_window(drop: Drop) -> None:
    """The public window follows the drop's own start and end. Call it after changing them."""
    if drop.starts_at is None:
        return
    SaleWindow.objects.update_or_create(
        drop=drop,
        kind=WindowKind.PUBLIC,
        defaults={"opens_at": drop.starts_at, "closes_at": drop.ends_at},
    )
    wake("live")


def postpone(drop: Drop, ship_date: date, *, actor: str, why: str) -> None:
    """From now on a pre-order leaves on ``ship_date``; whoever buys from here on is told that day."""
    data = {"from": str(drop.ship_date or ""), "to": str(ship_date)}
    with transaction.atomic():
        Drop.objects.filter(pk=drop.pk).update(ship_date=ship_date)
        drop.ship_date = ship_date
        journal.record(f"drop:{drop.pk}", "postponed", actor=actor, why=why, data=data)
        wake("live")


def turn_due(now: datetime) -> int:
    """Turn every drop whose time or stock says so: start, end, sold out, back on sale. Returns how many moved.

    May run twice at once: each move is claimed. Pages do not wait for it (``windows.phase_of``).
    """
    return (
        _turn(Drop.objects.filter(state=SCHEDULED, starts_at__lte=now), LIVE, "started")
        + _turn(Drop.objects.filter(state__in=[LIVE, PAUSED, SOLD_OUT], ends_at__lte=now), CLOSED, "ended")
        + _turn(_with_stock_left(Drop.objects.filter(state=LIVE), left=False), SOLD_OUT, "sold out")
        + _turn(_with_stock_left(Drop.objects.filter(state=SOLD_OUT), left=True), LIVE, "back on sale")
    )


def _turn(due: QuerySet[Drop], to: DropState, verb: str) -> int:
    moved = 0
    for drop in due:
        try:
            _move(drop, to, frm={DropState(drop.state)}, verb=verb, actor=journal.WORKER)
            moved += 1
        except IllegalMove:
            continue  # somebody else moved it since we looked
    return moved


def _move(drop: Drop, to: DropState, *, frm: set[DropState], verb: str, actor: str) -> None:
    lawful = [state for state in frm if to in MOVES[state]]
    with transaction.atomic():
        if not Drop.objects.filter(pk=drop.pk, state__in=lawful).update(state=to):
            drop.refresh_from_db(fields=["state"])
            raise IllegalMove(f"The drop is {drop.get_state_display().lower()}; it cannot be {verb} now.")
        drop.state = to
        journal.record(f"drop:{drop.pk}", verb, actor=actor)
        wake("live")


def _set_times(drop: Drop, **times: datetime) -> None:
    Drop.objects.filter(pk=drop.pk).update(**times)
    for name, at in times.items():
        setattr(drop, name, at)
    set_window(drop)


def _with_stock_left(drops: QuerySet[Drop], *, left: bool) -> QuerySet[Drop]:
    """Drops that have something unsold (held counts as unsold: it may come back), or that have nothing."""
    short = OfferComponent.objects.filter(
        offer=OuterRef("pk"), stock_item__total__lt=F("stock_item__sold") + F("quantity")
    )
    unsold = Offer.objects.filter(~Exists(short), drop=OuterRef("pk"))
    any_offer = Offer.objects.filter(drop=OuterRef("pk"))
    return drops.filter(Exists(any_offer), Exists(unsold) if left else ~Exists(unsold))
