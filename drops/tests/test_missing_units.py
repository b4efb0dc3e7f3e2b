"""The count falls below what was promised: sales stop, the shortfall is known, and what comes back makes up for it."""

import threading

import pytest
from django.db import IntegrityError, transaction

from drops import stock
from drops.errors import SoldOut, UnitsInUse
from drops.models import StockItem
from drops.tests.factories import NOW, cart, counts, hold, item, order
from drops.tests.test_stock_races import THREADS, together
from merchant.models import JournalEntry

pytestmark = pytest.mark.django_db(transaction=True)
BY = "staff:owner"


def short(total: int = 5, sold: int = 3, held: int = 1, taken: int = 3) -> StockItem:
    """Of five robes three are sold and one is held; then three are counted away: two promised ones are missing."""
    robe = item(total=total)
    hold(robe, sold, owner=order())
    stock.commit(order())
    hold(robe, held, owner=cart())
    stock.restock(robe.pk, -taken, actor=BY, why="counted", counted=True)
    return robe


def missing(robe: StockItem) -> int:
    robe.refresh_from_db()
    return robe.missing


def test_c27_stock_below_sold_stops_sales_and_says_how_many_are_missing() -> None:
    robe = short()
    assert (counts(robe), missing(robe)) == ((1, 3, 0), 2)
    with pytest.raises(SoldOut) as refusal:
        hold(robe, owner=order("FR-2"))
    assert refusal.value.in_other_carts is False, "what that cart gives back is not there either"
    entry = JournalEntry.objects.get(subject="stock:ROBE-M")
    assert (entry.verb, entry.why, entry.data) == ("below_what_was_promised", "counted", {"units": -3, "missing": 2})


def test_c27_nobody_takes_promised_units_away_by_mistake() -> None:
    robe = item(total=5)
    hold(robe, 4, owner=order())
    with pytest.raises(UnitsInUse):
        stock.restock(robe.pk, -2, actor=BY, why="a slip")
    with pytest.raises(UnitsInUse):
        stock.restock(robe.pk, -6, actor=BY, why="more than there ever were", counted=True)
    assert (counts(robe), missing(robe)) == ((4, 0, 1), 0)


def test_what_comes_in_makes_up_for_it_before_it_is_on_sale() -> None:
    robe = short()
    stock.restock(robe.pk, 1, actor=BY, why="found one")
    assert (counts(robe), missing(robe)) == ((1, 3, 0), 1)
    stock.restock(robe.pk, 4, actor=BY, why="a parcel")
    assert (counts(robe), missing(robe)) == ((1, 3, 3), 0)


def test_a_cart_that_lets_go_makes_up_for_one() -> None:
    robe = short()
    assert stock.release(cart()) == 1
    assert (counts(robe), missing(robe)) == ((0, 3, 0), 1)


def test_a_cart_that_orders_has_its_unit() -> None:
    robe = short()
    assert stock.commit(cart()) == 1
    assert (counts(robe), missing(robe)) == ((0, 4, 0), 2)


@pytest.mark.parametrize(("restock", "after"), [(True, (1, 0, 1)), (False, (1, 0, 0))])
def test_what_is_refunded_makes_up_for_it_and_the_rest_is_on_sale(
    *, restock: bool, after: tuple[int, int, int]
) -> None:
    robe = short()
    assert stock.take_back(order(), restock=restock) == 3
    assert (counts(robe), missing(robe)) == (after, 0)


def test_an_edited_cart_makes_up_for_what_it_lets_go() -> None:
    robe = short(sold=1, held=3)
    with transaction.atomic():
        stock.change([stock.Need(robe.pk, 2)], owner=cart(), expires_at=NOW, hard_cap_at=NOW)
    assert (counts(robe), missing(robe)) == ((2, 1, 0), 1)


def test_the_database_itself_sells_nothing_while_units_are_missing() -> None:
    robe = short()
    with pytest.raises(IntegrityError, match="missing_units_stop_sales"), transaction.atomic():
        StockItem.objects.filter(pk=robe.pk).update(total=9)


def test_many_who_order_while_it_is_counted_never_get_what_is_not_there() -> None:
    """Whoever was faster: promised is what was held, and what is missing of it is known to the unit."""
    robe = item(total=40)

    def deed(number: int) -> object:
        if number == THREADS // 2:
            return stock.restock(robe.pk, -35, actor=BY, why="counted", counted=True)
        return hold(robe, owner=order(f"FR-{number}"))

    results = together(40, deed)
    held, sold, available = counts(robe)
    assert held == results.count(None)  # who counted is told True
    assert (robe.total - robe.missing, sold, available) == (5, 0, max(5 - held, 0))


def test_without_arithmetic_in_the_row_a_count_forgets_who_ordered_meanwhile() -> None:
    """The guard taken away: the count is written as it was computed, from what was read before."""
    robe = item(total=40)
    read, ordered = threading.Event(), threading.Event()

    def deed(number: int) -> object:
        if number == 0:
            seen = StockItem.objects.get(pk=robe.pk)
            read.set()
            ordered.wait()
            seen.total, seen.missing = max(5, seen.held), max(seen.held - 5, 0)
            seen.save(update_fields=["total", "missing"])
            return None
        read.wait()
        hold(robe, 9, owner=order("FR-1"))
        ordered.set()
        return None

    with pytest.raises(IntegrityError, match="stock_never_oversold"):
        together(2, deed, threads=2)
