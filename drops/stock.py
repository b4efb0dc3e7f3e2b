"""The only writer of stock (with ``drops.awaited``, for what is waited for). Counting is arithmetic in SQL, under the
row's lock, guarded by ``stock_never_oversold``.

Every verb runs in its caller's transaction and touches the hot counters last, in ascending order of their ids: two
baskets in opposite order cannot wait for each other, and a lock lives only until the commit that should follow at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Greatest, Least

from drops.errors import HoldExpired, NotSold, SoldOut, StockMoved, UnitsInUse, UnknownOffer
from drops.models import Hold, HoldState, OwnerKind, StockItem
from merchant import journal
from merchant.models import JournalEntry
from merchant.wake import wake

__all__ = ["Need", "Owner", "OwnerKind"]


MOST_AT_ONCE = 1_000_000  # units in one delivery or count: more is a slip of the keyboard


@dataclass(frozen=True, slots=True)
class Need:
    """Units of one stock item. ``sku`` is what the fan asked for, to say it when there is not enough."""

    stock_item_id: int
    quantity: int
    sku: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Owner:
    """For whom units are kept: a cart or an order, by a reference that checkout chose."""

    kind: OwnerKind
    ref: str


# One round trip for the hot row. `available` is looked at again on the newest version of the row, under its lock.
_HOLD = """
    WITH taken AS (
        UPDATE drops_stockitem SET held = held + %(quantity)s
        WHERE id = %(item_id)s AND available >= %(quantity)s
        RETURNING id
    )
    INSERT INTO drops_hold (stock_item_id, quantity, owner_kind, owner_ref, state, expires_at, hard_cap_at)
    SELECT id, %(quantity)s, %(kind)s, %(ref)s, 'active', %(expires_at)s, %(hard_cap_at)s FROM taken
"""
# In SQL because each order asks it: the ORM would take five times as long to put this question together.
_PARTS = """
    SELECT c.offer_id, c.stock_item_id, c.quantity, v.sku
    FROM drops_offercomponent c JOIN drops_offer o ON o.id = c.offer_id JOIN drops_variant v ON v.id = o.variant_id
    WHERE c.offer_id = ANY(%s)
    ORDER BY c.stock_item_id, c.offer_id
"""


def needs(lines: Iterable[tuple[int, int]]) -> list[Need]:
    """What ``(offer id, quantity)`` lines take from stock, summed for each item, ascending by item.

    Raises UnknownOffer for an offer that takes nothing from any stock.
    """
    wanted: dict[int, int] = {}
    for offer_id, quantity in lines:
        wanted[offer_id] = wanted.get(offer_id, 0) + quantity
    with connection.cursor() as cursor:
        cursor.execute(_PARTS, [list(wanted)])
        found = cursor.fetchall()
    if missing := wanted.keys() - {offer_id for offer_id, *_ in found}:
        raise UnknownOffer(f"No offer {min(missing)}.")
    return summed(Need(item_id, each * wanted[offer_id], sku) for offer_id, item_id, each, sku in found)


def summed(wanted: Iterable[Need]) -> list[Need]:
    """One need an item, ascending by item."""
    sums: dict[int, Need] = {}
    for need in wanted:
        before = sums.get(need.stock_item_id)
        sums[need.stock_item_id] = (
            Need(need.stock_item_id, before.quantity + need.quantity, before.sku) if before else need
        )
    return sorted(sums.values(), key=lambda need: need.stock_item_id)


def hold(wanted: Iterable[Need], *, owner: Owner, expires_at: datetime, hard_cap_at: datetime) -> None:
    """Keep all of these units for ``owner``: one statement an item, ascending. They are not available from here on.

    Raises SoldOut when one is short: the caller must roll back. An owner that already holds one of the items is a
    mistake (IntegrityError by ``one_active_hold_an_owner``); use ``change``.
    """
    for need in sorted(wanted, key=lambda need: need.stock_item_id):
        if not _held(need, owner, expires_at, hard_cap_at):
            raise _sold_out(need)
    wake("live")


def require_there(wanted: Iterable[Need]) -> None:
    """Raises SoldOut where ``hold`` would now. Locks nothing: who asks it first only does less in vain."""
    needs = {need.stock_item_id: need for need in wanted}
    for item in StockItem.objects.filter(pk__in=needs).order_by("pk"):
        if item.available < needs[item.pk].quantity:
            raise _sold_out(needs[item.pk])


def change(wanted: Iterable[Need], *, owner: Owner, expires_at: datetime, hard_cap_at: datetime) -> None:
    """Make the owner's holds exactly these units, taking and freeing only the difference.

    What is held already keeps its times, so no edit ever prolongs it; only new items get the given ones. The caller
    holds a lock on the owner, so that two edits come one after the other. Raises SoldOut: the caller must roll back.
    """
    units = {need.stock_item_id: need for need in wanted if need.quantity}
    before = {kept.stock_item_id: kept for kept in _active(owner).order_by("stock_item_id").select_for_update()}
    for item_id in sorted(units.keys() | before.keys()):
        _change_one(units.get(item_id), before.get(item_id), owner, expires_at, hard_cap_at)
    wake("live")


def hand_over(frm: Owner, to: Owner, *, expires_at: datetime, hard_cap_at: datetime) -> None:
    """What ``frm`` holds is held for ``to`` from now on, until the given times; the counters stay as they are.

    Raises HoldExpired when ``frm`` holds nothing any more.
    """
    moved = _active(frm).update(owner_kind=to.kind, owner_ref=to.ref, expires_at=expires_at, hard_cap_at=hard_cap_at)
    if not moved:
        raise HoldExpired


def holds_of(owner: Owner) -> list[Hold]:
    """The owner's active holds, ascending by item."""
    return list(_active(owner).order_by("stock_item_id"))


def prolong(owner: Owner, until: datetime) -> datetime:
    """Keep what the owner holds until ``until``, but never past its hard cap and never shorter than before.

    Returns when it ends now. Raises HoldExpired when nothing is held.
    """
    _active(owner).update(expires_at=Greatest(F("expires_at"), Least(Value(until), F("hard_cap_at"))))
    return _earliest_end(owner)


def defer(owner: Owner, until: datetime) -> datetime:
    """Keep what the owner holds until exactly ``until``, past the hard cap: the provider is in trouble, not the fan.
    Once it is well again that may be sooner than was said before.

    Returns when it ends now. Raises HoldExpired when nothing is held.
    """
    _active(owner).update(expires_at=until, hard_cap_at=Greatest(F("hard_cap_at"), Value(until)))
    return _earliest_end(owner)


def release(owner: Owner) -> int:
    """Free what the owner holds. Returns the units that came back: 0 the second time."""
    return _turn(owner, HoldState.ACTIVE, HoldState.RELEASED, held=-1)


def commit(owner: Owner) -> int:
    """What the owner holds is sold. Returns the units sold: 0 the second time.

    Raises HoldExpired when the units were freed before, whoever has them now.
    """
    units = _turn(owner, HoldState.ACTIVE, HoldState.COMMITTED, held=-1, sold=1)
    if not units and not _of(owner).filter(state=HoldState.COMMITTED).exists():
        raise HoldExpired
    return units


def take_back(owner: Owner, *, restock: bool) -> int:
    """What was sold to the owner is not sold any more (a refund). Returns the units: 0 the second time.

    With ``restock`` they can be sold again; without (they did not come back) the stock is that much smaller.
    """
    return _turn(owner, HoldState.COMMITTED, HoldState.RELEASED, sold=-1, total=0 if restock else -1)


def take_back_some(owner: Owner, wanted: Iterable[Need], *, restock: bool) -> None:
    """A part of what was sold to the owner is not sold any more; ``restock`` as in ``take_back``.

    The caller holds a lock on the owner, and calls this once for one return. Raises NotSold, and changes nothing, when
    fewer than that are sold to the owner.
    """
    with transaction.atomic():
        for need in sorted(wanted, key=lambda need: need.stock_item_id):
            _shrink(owner, need)
            _count(need.stock_item_id, need.quantity, sold=-1, total=0 if restock else -1)
        wake("live")


def add_item(code: str, total: int = 0) -> StockItem:
    """The stock item of this code; made with ``total`` units if there was none."""
    return StockItem.objects.get_or_create(code=code, defaults={"total": total})[0]


@transaction.atomic
def restock(item_id: int, delta: int, *, actor: str, why: str, counted: bool = False, seen: int | None = None) -> bool:
    """Add ``delta`` units (or take away, when negative), with a line in the journal.

    Raises UnitsInUse when fewer than that are free. With ``counted`` the units are really not there, whatever was
    promised of them: nothing more is sold, what is *missing* is remembered, and what comes in makes up for it first.
    ``seen``: how many were ``there`` when the form was shown: sent twice it counts once, False the second time. Raises
    StockMoved when somebody else changed them since then.
    """
    item = StockItem.objects.select_for_update(no_key=True).get(pk=item_id)
    before = {} if seen is None else {"there_before": seen}
    if seen is not None and item.there != seen:
        _require_twin(item, {"units": delta, **before}, actor, why)
        return False
    if (item.free + delta < 0 and not counted) or item.there + delta < 0:
        raise UnitsInUse(item.code, item.free)
    there, promised = F("total") - F("missing") + delta, F("held") + F("sold")
    StockItem.objects.filter(pk=item_id).update(
        total=Greatest(there, promised), missing=Greatest(promised - there, Value(0))
    )
    item.refresh_from_db()
    verb, data = ("below_what_was_promised", {"missing": item.missing}) if item.missing else ("restocked", {})
    journal.record(f"stock:{item.code}", verb, actor=actor, why=why, data={"units": delta, **before, **data})
    wake("live")
    return True


def _require_twin(item: StockItem, deed: dict[str, int], actor: str, why: str) -> None:
    """The same form was heard before; or somebody else was faster, which is said."""
    changes = JournalEntry.objects.filter(subject=f"stock:{item.code}", data__there_before=deed["there_before"])
    if changes.filter(actor=actor, why=why, data__contains=deed).exists():
        return
    last = changes.order_by("pk").last()
    who = f"{last.actor.removeprefix('staff:')} changed it by {last.data['units']:+d}" if last else "It changed"
    raise StockMoved(f"{who} meanwhile: {item.there} units are there now. Look again before you change it.")


def _shrink(owner: Owner, need: Need) -> None:
    """Take units out of the owner's committed holds of one item: a hold that gets empty is released."""
    sold = _of(owner).filter(state=HoldState.COMMITTED, stock_item_id=need.stock_item_id)
    left = need.quantity
    for kept in sold.order_by("id").select_for_update():
        taken = min(left, kept.quantity)
        if taken == kept.quantity:
            Hold.objects.filter(pk=kept.pk).update(state=HoldState.RELEASED)
        elif taken:
            Hold.objects.filter(pk=kept.pk).update(quantity=F("quantity") - taken)
        left -= taken
    if left:
        raise NotSold(need.sku)


def _turn(owner: Owner, frm: HoldState, to: HoldState, *, held: int = 0, sold: int = 0, total: int = 0) -> int:
    """Move the owner's holds from one state to another and the counters with them, once."""
    with transaction.atomic():
        # A twin waits here, and then finds none left.
        kept = list(_of(owner).filter(state=frm).order_by("stock_item_id", "id").select_for_update())
        if not kept:
            return 0
        Hold.objects.filter(pk__in=[row.pk for row in kept]).update(state=to)
        for row in kept:
            _count(row.stock_item_id, row.quantity, held=held, sold=sold, total=total)
        wake("live")
        return sum(row.quantity for row in kept)


def _change_one(
    need: Need | None, kept: Hold | None, owner: Owner, expires_at: datetime, hard_cap_at: datetime
) -> None:
    """From what is kept of one item to what is needed of it."""
    enough = True
    if kept is None and need is not None:
        enough = _held(need, owner, expires_at, hard_cap_at)
    elif kept is not None and need is None:
        Hold.objects.filter(pk=kept.pk).update(state=HoldState.RELEASED)
        _count(kept.stock_item_id, kept.quantity, held=-1)
    elif kept is not None and need is not None and kept.quantity != need.quantity:
        Hold.objects.filter(pk=kept.pk).update(quantity=need.quantity)
        enough = _count(need.stock_item_id, need.quantity - kept.quantity, held=1)
    if need is not None and not enough:
        raise _sold_out(need)


def _held(need: Need, owner: Owner, expires_at: datetime, hard_cap_at: datetime) -> bool:
    """True when there was enough of it."""
    values: dict[str, int | str | datetime] = {
        "item_id": need.stock_item_id,
        "quantity": need.quantity,
        "kind": owner.kind.value,
        "ref": owner.ref,
        "expires_at": expires_at,
        "hard_cap_at": hard_cap_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, values)
        return bool(cursor.rowcount)


def _count(item_id: int, units: int, *, held: int = 0, sold: int = 0, total: int = 0) -> bool:
    """Add ``units`` times each number to its counter; False, and nothing counted, when too few are available."""
    enough = StockItem.objects.filter(pk=item_id)
    if (more := units * (held + sold - total)) > 0:  # else nothing is asked of those who wait
        enough = enough.filter(available__gte=more)
    counters: dict[str, Any] = {
        "held": F("held") + units * held,
        "sold": F("sold") + units * sold,
        "total": F("total") + units * total,
    }
    given_up = -units * (held + sold)
    if given_up > 0:  # what was promised and is not there is made up for before anything is on sale again
        made_up = Least(F("missing"), Value(given_up))
        counters["missing"] = F("missing") - made_up
        counters["total"] -= Value(0) if total else made_up
    return enough.update(**counters) == 1


def _sold_out(need: Need) -> SoldOut:
    item = StockItem.objects.get(pk=need.stock_item_id)
    may_come_back = item.there - item.sold - item.awaited
    return SoldOut(need.sku or item.code, in_other_carts=may_come_back >= need.quantity)


def _earliest_end(owner: Owner) -> datetime:
    ends = _active(owner).order_by("expires_at").values_list("expires_at", flat=True).first()
    if ends is None:
        raise HoldExpired
    return ends


def _active(owner: Owner) -> QuerySet[Hold]:
    return _of(owner).filter(state=HoldState.ACTIVE)


def _of(owner: Owner) -> QuerySet[Hold]:
    return Hold.objects.filter(owner_kind=owner.kind, owner_ref=owner.ref)
