"""Twin tests: each race is first shown without the guard, then gone with it. Real threads, real PostgreSQL."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F

from drops import stock
from drops.errors import HoldExpired, SoldOut, StockMoved
from drops.models import Hold, HoldState, StockItem
from drops.tests.factories import NOW, close_connection, counts, hold, item, order

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
LATER, CAP = NOW + timedelta(minutes=10), NOW + timedelta(minutes=25)


def together(times: int, deed: Callable[[int], object], threads: int = THREADS) -> list[object]:
    """Run ``deed(0) … deed(times - 1)`` on threads that all begin at once; an exception is its result."""
    start = threading.Barrier(threads)

    def one(numbers: range) -> list[object]:
        start.wait()
        try:
            return [_result(deed, number) for number in numbers]
        finally:
            close_connection()

    with ThreadPoolExecutor(threads) as pool:
        shares = pool.map(one, [range(first, times, threads) for first in range(threads)])
        return [result for share in shares for result in share]


def _result(deed: Callable[[int], object], number: int) -> object:
    try:
        return deed(number)
    except (SoldOut, OperationalError) as refusal:
        return refusal


def test_staff_who_press_at_once_add_once() -> None:
    robe = item(total=5)

    def add(number: int) -> str:
        try:
            stock.restock(robe.pk, 3, actor=f"staff:{number}", why="a parcel came", seen=5)
        except StockMoved:
            return "told"
        return "added"

    assert Counter(together(THREADS, add)) == {"added": 1, "told": THREADS - 1}
    assert counts(robe) == (0, 0, 8)


def test_without_the_lock_each_of_them_adds() -> None:
    """All look before one has added."""
    robe = item(total=5)
    everybody_has_looked = threading.Barrier(THREADS)

    def naive(number: int) -> str:
        there = StockItem.objects.get(pk=robe.pk).there
        everybody_has_looked.wait()
        if there != 5:
            return "told"
        StockItem.objects.filter(pk=robe.pk).update(total=F("total") + 3)
        return "added"

    assert Counter(together(THREADS, naive)) == {"added": THREADS}
    assert counts(robe) == (0, 0, 5 + 3 * THREADS)


def test_without_the_guard_reading_then_writing_oversells() -> None:
    """The race itself: all look, then all write what they computed."""
    robe = item(total=1)
    everybody_has_looked = threading.Barrier(THREADS)

    def naive(number: int) -> str:
        seen = StockItem.objects.get(pk=robe.pk)
        everybody_has_looked.wait()
        if seen.available < 1:
            return "sold out"
        seen.held += 1
        seen.save(update_fields=["held"])
        return "mine"

    assert together(THREADS, naive) == ["mine"] * THREADS
    assert counts(robe) == (1, 0, 0)  # eight fans were told that they have the one unit


def test_with_hold_one_unit_goes_to_one_of_200_buyers() -> None:
    """C1."""
    robe = item(total=1)
    results = together(200, lambda number: hold(robe, owner=order(f"FR-{number}")))
    assert results.count(None) == 1
    assert [type(result) for result in results if result is not None] == [SoldOut] * 199
    assert counts(robe) == (1, 0, 0)
    assert Hold.objects.filter(state=HoldState.ACTIVE).count() == 1


def test_with_hold_never_more_than_there_is() -> None:
    robe = item(total=37)
    results = together(100, lambda number: hold(robe, 2, owner=order(f"FR-{number}")))
    assert results.count(None) == 18
    assert counts(robe) == (36, 0, 1)


def two_items_in_the_order_given(first: StockItem, second: StockItem, meet: threading.Barrier | None) -> None:
    with transaction.atomic():
        StockItem.objects.filter(pk=first.pk, available__gte=1).update(held=1)
        if meet:
            meet.wait()
        StockItem.objects.filter(pk=second.pk, available__gte=1).update(held=2)


def test_without_an_order_two_baskets_deadlock() -> None:
    robe, slippers = item("ROBE-M", 50), item("SLIPPERS", 50)
    meet = threading.Barrier(2)
    pairs = [(robe, slippers), (slippers, robe)]
    results = together(2, lambda number: two_items_in_the_order_given(*pairs[number], meet), threads=2)
    assert [result for result in results if "deadlock detected" in str(result)] != []


def test_with_hold_two_baskets_in_opposite_order_both_resolve() -> None:
    """C2."""
    robe, slippers = item("ROBE-M", 500), item("SLIPPERS", 500)
    baskets = [
        [stock.Need(robe.pk, 1), stock.Need(slippers.pk, 1)],
        [stock.Need(slippers.pk, 1), stock.Need(robe.pk, 1)],
    ]

    @transaction.atomic
    def basket(number: int) -> None:
        stock.hold(baskets[number % 2], owner=order(f"FR-{number}"), expires_at=LATER, hard_cap_at=CAP)

    assert together(200, basket) == [None] * 200
    assert (counts(robe), counts(slippers)) == ((200, 0, 300), (200, 0, 300))


def test_without_the_lock_releasing_twice_frees_twice() -> None:
    robe = item(total=9)
    for ref in ("FR-1", "FR-2"):
        hold(robe, 1, owner=order(ref))
    everybody_has_looked = threading.Barrier(2)

    def naive(number: int) -> None:
        held = list(Hold.objects.filter(owner_ref="FR-1", state=HoldState.ACTIVE))
        everybody_has_looked.wait()
        for row in held:
            Hold.objects.filter(pk=row.pk).update(state=HoldState.RELEASED)
            with connection.cursor() as cursor:
                cursor.execute("UPDATE drops_stockitem SET held = held - 1 WHERE id = %s", [robe.pk])

    together(2, naive, threads=2)
    assert counts(robe) == (0, 0, 9)  # the unit of FR-2 is free for sale as well


def test_with_release_and_commit_at_once_units_move_once() -> None:
    """C29: everybody cancels and pays the same orders at the same time."""
    robe = item(total=30)
    for number in range(10):
        hold(robe, 3, owner=order(f"FR-{number}"))

    def deed(number: int) -> int:
        owner = order(f"FR-{number % 10}")
        return stock.release(owner) if number % 3 else 0 if not stock.holds_of(owner) else commit_if_held(owner)

    moved = together(160, deed)
    assert sum(int(str(units)) for units in moved) == 30
    held, sold, available = counts(robe)
    assert (held, sold + available) == (0, 30)
    assert sold == sum(row.quantity for row in Hold.objects.filter(state=HoldState.COMMITTED))


def commit_if_held(owner: stock.Owner) -> int:
    try:
        return stock.commit(owner)
    except HoldExpired:
        return 0
