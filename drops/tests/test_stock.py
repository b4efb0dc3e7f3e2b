"""What stock promises, one deed at a time."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from drops import stock
from drops.errors import HoldExpired, NotSold, SoldOut, StockMoved, UnitsInUse, UnknownOffer
from drops.models import Hold, HoldState, OfferComponent
from drops.tests.factories import NOW, cart, counts, drop, hold, item, offer, order
from merchant.models import JournalEntry

pytestmark = pytest.mark.django_db

LATER, CAP = NOW + timedelta(minutes=10), NOW + timedelta(minutes=25)


def test_holds_units_until_a_time() -> None:
    robe = item(total=5)
    hold(robe, 2, owner=order())
    assert counts(robe) == (2, 0, 3)
    [kept] = stock.holds_of(order())
    assert (kept.quantity, kept.expires_at, kept.hard_cap_at, kept.state) == (2, LATER, CAP, HoldState.ACTIVE)


def test_refuses_what_is_sold_out() -> None:
    robe = item(total=1)
    hold(robe, owner=order("FR-1"))
    stock.commit(order("FR-1"))
    with pytest.raises(SoldOut) as refusal:
        hold(robe, owner=order("FR-2"))
    assert (refusal.value.sku, refusal.value.in_other_carts) == ("ROBE-M", False)
    assert counts(robe) == (0, 1, 0)
    assert stock.holds_of(order("FR-2")) == []


def test_says_when_other_carts_have_it() -> None:
    robe = item(total=1)
    hold(robe, owner=cart())
    with pytest.raises(SoldOut) as refusal:
        hold(robe, owner=order())
    assert refusal.value.in_other_carts is True


def test_takes_all_items_or_none() -> None:
    robe, slippers = item("ROBE-M", 5), item("SLIPPERS", 0)
    with pytest.raises(SoldOut) as refusal, transaction.atomic():
        stock.hold(
            [stock.Need(robe.pk, 1), stock.Need(slippers.pk, 1)], owner=order(), expires_at=LATER, hard_cap_at=CAP
        )
    assert refusal.value.sku == "SLIPPERS"
    assert (counts(robe), counts(slippers)) == ((0, 0, 5), (0, 0, 0))


def test_sums_two_lines_that_share_one_stock() -> None:
    """C3: each line alone would fit."""
    autumn, winter = drop("autumn"), drop("winter")
    single, robe = offer(autumn, "ROBE-M", total=3), item("ROBE-M")
    bundle = offer(winter, "SET-M", total=9)
    OfferComponent.objects.create(offer=bundle, stock_item=robe, quantity=2)
    needs = stock.needs([(single.pk, 1), (bundle.pk, 1), (single.pk, 1)])
    assert needs == [stock.Need(robe.pk, 4), stock.Need(item("SET-M").pk, 1)]
    with pytest.raises(SoldOut), transaction.atomic():
        stock.hold(needs, owner=order(), expires_at=LATER, hard_cap_at=CAP)
    assert counts(robe) == (0, 0, 3)


def test_an_offer_that_is_not_there_is_unknown() -> None:
    with pytest.raises(UnknownOffer):
        stock.needs([(404, 1)])


def test_the_same_item_held_twice_by_one_owner_is_a_mistake() -> None:
    robe = item(total=5)
    hold(robe, owner=cart())
    with pytest.raises(IntegrityError, match="one_active_hold_an_owner"):
        hold(robe, owner=cart())
    assert counts(robe) == (1, 0, 4)


def test_release_returns_units_once() -> None:
    """C29."""
    robe = item(total=5)
    hold(robe, 3, owner=order())
    assert (stock.release(order()), stock.release(order())) == (3, 0)
    assert counts(robe) == (0, 0, 5)


def test_commit_sells_once() -> None:
    robe = item(total=5)
    hold(robe, 3, owner=order())
    assert (stock.commit(order()), stock.commit(order())) == (3, 0)
    assert counts(robe) == (0, 3, 2)


def test_refuses_to_commit_what_was_freed_and_sold_to_another() -> None:
    """C4: a stale hold completes while everything is allocated."""
    robe = item(total=1)
    hold(robe, owner=order("FR-1"))
    stock.release(order("FR-1"))
    hold(robe, owner=order("FR-2"))
    with pytest.raises(HoldExpired):
        stock.commit(order("FR-1"))
    assert counts(robe) == (1, 0, 0)


def test_what_is_sold_cannot_be_released() -> None:
    robe = item(total=1)
    hold(robe, owner=order())
    stock.commit(order())
    assert stock.release(order()) == 0
    assert counts(robe) == (0, 1, 0)


@pytest.mark.parametrize(("restock", "after"), [(True, (0, 0, 5)), (False, (0, 0, 3))])
def test_takes_back_what_was_sold_once(restock: bool, after: tuple[int, int, int]) -> None:
    robe = item(total=5)
    hold(robe, 2, owner=order())
    stock.commit(order())
    assert [stock.take_back(order(), restock=restock) for _ in range(2)] == [2, 0]
    assert counts(robe) == after


@pytest.mark.parametrize(("restock", "after"), [(True, (0, 1, 4)), (False, (0, 1, 2))])
def test_takes_back_a_part_of_what_was_sold(restock: bool, after: tuple[int, int, int]) -> None:
    robe = item(total=5)
    hold(robe, 3, owner=order())
    stock.commit(order())
    stock.take_back_some(order(), [stock.Need(robe.pk, 2)], restock=restock)
    assert counts(robe) == after
    with pytest.raises(NotSold):
        stock.take_back_some(order(), [stock.Need(robe.pk, 2)], restock=restock)
    stock.take_back_some(order(), [stock.Need(robe.pk, 1)], restock=restock)
    assert counts(robe)[:2] == (0, 0)
    assert stock.take_back(order(), restock=True) == 0


def test_a_part_that_is_not_sold_changes_nothing() -> None:
    robe, slippers = item("ROBE-M", 5), item("SLIPPERS", 5)
    hold(robe, 1, owner=order())
    stock.commit(order())
    with pytest.raises(NotSold):
        stock.take_back_some(order(), [stock.Need(robe.pk, 1), stock.Need(slippers.pk, 1)], restock=True)
    assert (counts(robe), counts(slippers)) == ((0, 1, 4), (0, 0, 5))


def test_an_order_takes_over_the_holds_of_its_cart() -> None:
    """C19: the fan's own cart is not in the way of the fan's order."""
    robe = item(total=1)
    hold(robe, owner=cart())
    stock.hand_over(cart(), order(), expires_at=LATER, hard_cap_at=CAP)
    assert counts(robe) == (1, 0, 0)
    assert [kept.quantity for kept in stock.holds_of(order())] == [1]
    with pytest.raises(HoldExpired):
        stock.hand_over(cart(), order("FR-2"), expires_at=LATER, hard_cap_at=CAP)


def test_prolongs_never_past_the_hard_cap_and_never_backwards() -> None:
    robe = item()
    hold(robe, owner=order())
    assert stock.prolong(order(), NOW + timedelta(minutes=20)) == NOW + timedelta(minutes=20)
    assert stock.prolong(order(), NOW + timedelta(minutes=5)) == NOW + timedelta(minutes=20)
    assert stock.prolong(order(), NOW + timedelta(hours=3)) == CAP
    assert stock.defer(order(), NOW + timedelta(hours=2)) == NOW + timedelta(hours=2)
    stock.release(order())
    with pytest.raises(HoldExpired):
        stock.prolong(order(), NOW)


def change(*needs: stock.Need, minutes: int = 10) -> None:
    with transaction.atomic():
        stock.change(
            needs,
            owner=cart(),
            expires_at=NOW + timedelta(minutes=minutes),
            hard_cap_at=NOW + timedelta(minutes=25),
        )


def test_a_cart_takes_and_frees_only_the_difference() -> None:
    robe, slippers = item("ROBE-M", 3), item("SLIPPERS", 3)
    change(stock.Need(robe.pk, 1))
    change(stock.Need(robe.pk, 3), stock.Need(slippers.pk, 1))
    assert (counts(robe), counts(slippers)) == ((3, 0, 0), (1, 0, 2))
    change(stock.Need(robe.pk, 2))
    assert (counts(robe), counts(slippers)) == ((2, 0, 1), (0, 0, 3))
    change()
    assert (counts(robe), counts(slippers)) == ((0, 0, 3), (0, 0, 3))
    assert stock.holds_of(cart()) == []


def test_an_edit_never_extends_the_hold() -> None:
    """C33."""
    robe = item("ROBE-M", 3)
    change(stock.Need(robe.pk, 1))
    change(stock.Need(robe.pk, 1), minutes=20)
    change(stock.Need(robe.pk, 2), minutes=20)
    assert [kept.expires_at for kept in stock.holds_of(cart())] == [LATER]


def test_a_cart_cannot_grow_past_the_stock() -> None:
    robe = item("ROBE-M", 2)
    change(stock.Need(robe.pk, 1))
    with pytest.raises(SoldOut) as refusal:
        change(stock.Need(robe.pk, 3))
    assert refusal.value.in_other_carts is False
    assert counts(robe) == (1, 0, 1)
    assert [kept.quantity for kept in stock.holds_of(cart())] == [1]


def test_restocks_with_a_line_in_the_journal() -> None:
    robe = item(total=5)
    stock.restock(robe.pk, 3, actor="staff:owner", why="a parcel came")
    assert counts(robe) == (0, 0, 8)
    [entry] = JournalEntry.objects.filter(subject="stock:ROBE-M")
    assert (entry.verb, entry.actor, entry.why, entry.data) == (
        "restocked",
        "staff:owner",
        "a parcel came",
        {"units": 3},
    )


def test_a_form_that_is_sent_twice_adds_once() -> None:
    robe = item(total=5)
    heard = [stock.restock(robe.pk, 3, actor="staff:owner", why="a parcel came", seen=5) for _ in range(2)]
    assert heard == [True, False]
    assert counts(robe) == (0, 0, 8)
    stock.restock(robe.pk, 3, actor="staff:owner", why="a parcel came", seen=8)
    assert counts(robe) == (0, 0, 11), "another parcel"


def test_who_changes_what_a_colleague_changed_meanwhile_is_told_of_it() -> None:
    robe = item(total=5)
    hold(robe, 2, owner=order())
    stock.commit(order())
    stock.restock(robe.pk, 3, actor="staff:maya", why="a parcel came", seen=5)  # what sells is still there
    with pytest.raises(StockMoved, match=r"maya changed it by \+3 meanwhile: 8 units are there now\. Look again"):
        stock.restock(robe.pk, 3, actor="staff:owner", why="a parcel came", seen=5)
    with pytest.raises(StockMoved, match=r"^It changed meanwhile: 8 units"):
        stock.restock(robe.pk, 3, actor="staff:owner", why="a parcel came", seen=6)
    assert counts(robe) == (0, 2, 6)


def test_units_in_use_cannot_be_taken_out() -> None:
    robe = item(total=5)
    hold(robe, 3, owner=order())
    with pytest.raises(UnitsInUse) as refusal:
        stock.restock(robe.pk, -3, actor="staff:owner", why="lost")
    assert refusal.value.free == 2
    stock.restock(robe.pk, -2, actor="staff:owner", why="lost")
    assert counts(robe) == (3, 0, 0)


def test_the_database_itself_refuses_to_oversell() -> None:
    robe = item(total=1)
    with pytest.raises(IntegrityError, match="stock_never_oversold"), transaction.atomic():
        type(robe).objects.filter(pk=robe.pk).update(held=2)


def test_counters_are_the_sum_of_holds() -> None:
    robe = item(total=9)
    for ref in "abc":
        hold(robe, 2, owner=cart(ref))
    stock.commit(cart("a"))
    stock.release(cart("b"))
    held = sum(row.quantity for row in Hold.objects.filter(state=HoldState.ACTIVE))
    sold = sum(row.quantity for row in Hold.objects.filter(state=HoldState.COMMITTED))
    assert counts(robe) == (held, sold, 9 - held - sold) == (2, 2, 5)
