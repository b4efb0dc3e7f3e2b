"""Units that are waited for: never on sale, never lost, whoever frees them."""

from datetime import timedelta

import pytest
from django.db import transaction

from drops import awaited, stock
from drops.errors import HoldExpired, SoldOut, StillThere
from drops.models import Hold, HoldState, StockItem
from drops.queries import stock_of
from drops.tests.factories import NOW, cart, counts, drop, hold, item, offer, order

pytestmark = pytest.mark.django_db

LATER, CAP = NOW + timedelta(minutes=20), NOW + timedelta(minutes=25)
FIRST, SECOND = stock.Owner(stock.OwnerKind.PLACE, "1"), stock.Owner(stock.OwnerKind.PLACE, "2")


def sold_out(total: int = 1) -> StockItem:
    robe = item(total=total)
    hold(robe, total, owner=order())
    return robe


def claim(robe: StockItem, units: int = 1, owner: stock.Owner = FIRST) -> None:
    with transaction.atomic():
        awaited.claim([stock.Need(robe.pk, units)], owner=owner, each={robe.pk: 1}, now=NOW)


def take(robe: StockItem, units: int = 1, owner: stock.Owner = FIRST, to: stock.Owner | None = None) -> None:
    with transaction.atomic():
        awaited.offer([stock.Need(robe.pk, units)], frm=owner, to=to or cart(), expires_at=LATER, hard_cap_at=CAP)


def free_by_release(robe: StockItem) -> None:
    stock.release(order())


def free_by_refund(robe: StockItem) -> None:
    stock.commit(order())
    stock.take_back(order(), restock=True)


def free_by_line(robe: StockItem) -> None:
    stock.commit(order())
    stock.take_back_some(order(), [stock.Need(robe.pk, 1)], restock=True)


def free_by_delivery(robe: StockItem) -> None:
    stock.restock(robe.pk, 1, actor="staff:owner", why="a parcel came")


@pytest.mark.parametrize("free", [free_by_release, free_by_refund, free_by_line, free_by_delivery])
def test_what_comes_free_is_not_on_sale_while_somebody_waits(free: object) -> None:
    robe = sold_out()
    claim(robe)
    free(robe)  # type: ignore[operator]  # one of the four above
    robe.refresh_from_db()
    assert (robe.free, robe.available) == (1, 0)
    with pytest.raises(SoldOut), transaction.atomic():
        hold(robe, owner=order("FR-2"))
    take(robe)
    robe.refresh_from_db()
    assert (robe.free, robe.available, robe.awaited) == (0, 0, 0)
    assert [kept.quantity for kept in stock.holds_of(cart())] == [1]


def test_what_nobody_waits_for_is_on_sale_at_once() -> None:
    robe = sold_out(3)
    claim(robe, 2)
    stock.release(order())
    assert counts(robe) == (0, 0, 1)


def test_who_waits_for_more_than_is_there_makes_nothing_missing() -> None:
    robe = sold_out(2)
    claim(robe, 5)
    robe.refresh_from_db()
    assert (robe.available, robe.free, robe.missing) == (-5, 0, 0)
    stock.release(order())
    assert counts(robe) == (0, 0, -3)
    with pytest.raises(SoldOut), transaction.atomic():
        take(robe, 5)
    assert counts(robe) == (0, 0, -3)


def test_there_is_nothing_to_wait_for_while_it_is_on_sale() -> None:
    robe = item(total=1)
    with pytest.raises(StillThere):
        claim(robe)
    assert (counts(robe), Hold.objects.count()) == ((0, 0, 1), 0)


def test_only_what_is_sold_out_of_a_set_is_kept() -> None:
    robe, slippers = sold_out(), item("SLIPPERS", 9)
    needs = [stock.Need(robe.pk, 1), stock.Need(slippers.pk, 2)]
    awaited.claim(needs, owner=FIRST, each={robe.pk: 1, slippers.pk: 2}, now=NOW)
    assert counts(slippers) == (0, 0, 9)
    stock.release(order())
    with transaction.atomic():
        awaited.offer(needs, frm=FIRST, to=cart(), expires_at=LATER, hard_cap_at=CAP)
    assert (counts(robe), counts(slippers)) == ((1, 0, 0), (2, 0, 7))


def test_who_leaves_makes_room_once() -> None:
    robe = sold_out()
    claim(robe)
    claim(robe, owner=SECOND)
    assert (awaited.let_go(FIRST), awaited.let_go(FIRST)) == (1, 0)
    stock.release(order())
    assert counts(robe) == (0, 0, 0)
    with pytest.raises(HoldExpired), transaction.atomic():
        take(robe)
    take(robe, owner=SECOND)
    assert counts(robe) == (1, 0, 0)


def test_merchants_may_take_out_what_is_only_waited_for() -> None:
    robe = sold_out(2)
    claim(robe, 2)
    stock.release(order())
    stock.restock(robe.pk, -1, actor="staff:owner", why="damaged")
    robe.refresh_from_db()
    assert (robe.total, robe.free, robe.awaited) == (1, 1, 2)


def test_the_page_says_sold_out_and_counts_as_coming_back_what_nobody_waits_for() -> None:
    made = offer(drop(), total=3)
    robe = item("ROBE-M")
    hold(robe, 3, owner=order())
    claim(robe, 2)
    shown = stock_of(made.drop_id)["ROBE-M"]
    assert (shown.available, shown.in_carts) == (0, 1)
    stock.release(order())
    shown = stock_of(made.drop_id)["ROBE-M"]
    assert (shown.available, shown.in_carts) == (1, 0)


def test_counters_are_the_sum_of_claims() -> None:
    robe = sold_out()
    claim(robe, 2)
    claim(robe, 1, SECOND)
    waited = sum(kept.quantity for kept in Hold.objects.filter(state=HoldState.AWAITED))
    robe.refresh_from_db()
    assert robe.awaited == waited == 3
