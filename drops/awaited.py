"""Units that somebody waits for: what comes free is theirs before it is on sale.

``awaited`` is a standing claim on the hot counter, beside what is held and sold: ``available``, which every sale asks
for, is what is free *less what is waited for*. So whoever frees units (a sweep, a cancellation, a refund, a delivery)
need not know of any waiting list: in the commit that frees them they are kept for it, and nobody has to come in time.
A claim may be larger than what is there; then nothing is on sale, and nothing is missing.

The verbs touch the counters last and in ascending order, like those of ``drops.stock``.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import F, QuerySet

from drops import stock
from drops.errors import HoldExpired, SoldOut, StillThere
from drops.models import Hold, HoldState, StockItem
from drops.stock import Need, Owner
from merchant.wake import wake

# Counts a claim only where the public has nothing to buy, on the newest version of the row, under its lock.
_CLAIM = """
    WITH claimed AS (
        UPDATE drops_stockitem SET awaited = awaited + %(quantity)s
        WHERE id = %(item_id)s AND available < %(each)s
        RETURNING id
    )
    INSERT INTO drops_hold (stock_item_id, quantity, owner_kind, owner_ref, state, expires_at, hard_cap_at)
    SELECT id, %(quantity)s, %(kind)s, %(ref)s, 'awaited', %(now)s, %(now)s FROM claimed
"""


def claim(wanted: Iterable[Need], *, owner: Owner, each: dict[int, int], now: datetime) -> None:
    """Wait for these units: those items of them that are not on sale are kept for ``owner`` as they come free.

    ``each``: how much of an item one buyer needs at least; an item is on sale while that much is available. Raises
    StillThere when everything is on sale: there is nothing to wait for.
    """
    claimed = [need for need in _ascending(wanted) if _claim(need, owner, each.get(need.stock_item_id, 1), now)]
    if not claimed:
        raise StillThere
    wake("live")


def require_gone(wanted: Iterable[Need], *, each: dict[int, int]) -> None:
    """Raises StillThere where ``claim`` would now, and claims nothing."""
    items = StockItem.objects.filter(pk__in=[need.stock_item_id for need in wanted])
    if all(item.available >= each.get(item.pk, 1) for item in items):
        raise StillThere


def claimed_here(item_ids: Iterable[int]) -> bool:
    """Whether anybody waits for units of one of these items."""
    return StockItem.objects.filter(pk__in=item_ids, awaited__gt=0).exists()


def let_go(owner: Owner) -> int:
    """Wait no longer: what was kept for the owner is the next one's, or on sale. Returns how many, 0 a second time."""
    kept = list(_waited(owner).order_by("stock_item_id").select_for_update())
    for row in kept:
        _forget(row)
    if kept:
        wake("live")
    return sum(row.quantity for row in kept)


def offer(wanted: Iterable[Need], *, frm: Owner, to: Owner, expires_at: datetime, hard_cap_at: datetime) -> None:
    """Hold all of what ``frm`` waits for, and what else belongs to it, for ``to``: whole, or not at all.

    Units are taken from what is free, whoever waits for it: who comes first is the caller's to know. What else ``frm``
    waits for, because a set had other parts when it began to, is kept for it no longer. Raises SoldOut when one item is
    short, and HoldExpired when ``frm`` waits for nothing any more: the caller must roll back.
    """
    waits = {kept.stock_item_id: kept for kept in _waited(frm).select_for_update()}
    if not waits:
        raise HoldExpired
    needs = {need.stock_item_id: need for need in wanted}
    for item_id in sorted(needs.keys() | waits.keys()):
        need, kept = needs.get(item_id), waits.get(item_id)
        if kept is None and need is not None:
            stock.hold([need], owner=to, expires_at=expires_at, hard_cap_at=hard_cap_at)
        elif kept is not None and need is None:
            _forget(kept)
        elif kept is not None and need is not None:
            _hand_over(kept, need, to, expires_at, hard_cap_at)
    wake("live")


def _hand_over(kept: Hold, need: Need, to: Owner, expires_at: datetime, hard_cap_at: datetime) -> None:
    """Its quantity too: a set may need another number of it by now."""
    _take(kept, need)
    Hold.objects.filter(pk=kept.pk).update(
        state=HoldState.ACTIVE,
        quantity=need.quantity,
        owner_kind=to.kind,
        owner_ref=to.ref,
        expires_at=expires_at,
        hard_cap_at=hard_cap_at,
    )


def _forget(kept: Hold) -> None:
    Hold.objects.filter(pk=kept.pk).update(state=HoldState.RELEASED)
    StockItem.objects.filter(pk=kept.stock_item_id).update(awaited=F("awaited") - kept.quantity)


def _take(kept: Hold, need: Need) -> None:
    there = F("held") + F("sold") + need.quantity
    taken = StockItem.objects.filter(pk=need.stock_item_id, total__gte=there, missing=0).update(
        held=F("held") + need.quantity, awaited=F("awaited") - kept.quantity
    )
    if not taken:
        raise SoldOut(need.sku, in_other_carts=False)


def _claim(need: Need, owner: Owner, each: int, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "item_id": need.stock_item_id,
                "quantity": need.quantity,
                "each": each,
                "kind": owner.kind.value,
                "ref": owner.ref,
                "now": now,
            },
        )
        return bool(cursor.rowcount)


def _ascending(wanted: Iterable[Need]) -> list[Need]:
    return sorted(wanted, key=lambda need: need.stock_item_id)


def _waited(owner: Owner) -> QuerySet[Hold]:
    return Hold.objects.filter(owner_kind=owner.kind, owner_ref=owner.ref, state=HoldState.AWAITED)
