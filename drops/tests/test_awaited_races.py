"""Twin tests: what comes free runs past those who wait without the claim, and cannot with it."""

import threading

import pytest
from django.db import connection, transaction
from django.db.models import F

from drops import awaited, stock
from drops.errors import HoldExpired, SoldOut
from drops.models import Hold, StockItem
from drops.tests.factories import cart, close_connection, counts, hold, item, order
from drops.tests.test_awaited import CAP, FIRST, LATER, claim, sold_out, take
from drops.tests.test_stock_races import together

pytestmark = pytest.mark.django_db(transaction=True)


def free_then_offer(robe: StockItem) -> str:
    """A worker frees a unit and then makes the offer; a buyer comes in between, as the public does."""
    freed, bought = threading.Event(), threading.Event()
    answer: list[str] = []

    def buy() -> None:
        freed.wait()
        try:
            hold(robe, owner=order("FR-public"))
            answer.append("the public has it")
        except SoldOut:
            answer.append("sold out")
        finally:
            bought.set()
            close_connection()

    buyer = threading.Thread(target=buy)
    buyer.start()
    stock.release(order())
    freed.set()
    bought.wait()
    buyer.join()
    return answer[0]


def test_without_the_claim_the_public_takes_what_was_freed_before_it_is_offered() -> None:
    """The guard taken away: the list is known, but not to the counter."""
    robe = sold_out()
    claim(robe)
    StockItem.objects.update(awaited=0)
    assert free_then_offer(robe) == "the public has it"
    StockItem.objects.update(awaited=1)
    with pytest.raises(SoldOut):
        take(robe)


def test_with_the_claim_it_waits_for_the_head_of_the_list() -> None:
    robe = sold_out()
    claim(robe)
    assert free_then_offer(robe) == "sold out"
    take(robe)
    assert counts(robe) == (1, 0, 0)


def test_without_the_condition_two_offers_take_one_unit_twice() -> None:
    """Looked at first, counted then: both have looked before either counted. (The database refuses at last.)"""
    robe = item(total=1)
    all_looked = threading.Barrier(2)

    def naive(number: int) -> str:
        free = StockItem.objects.get(pk=robe.pk).free
        all_looked.wait()
        if free >= 1:
            StockItem.objects.filter(pk=robe.pk).update(held=F("held") + 1)
        return "offered"

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE drops_stockitem DROP CONSTRAINT stock_never_oversold")
    try:
        assert together(2, naive, threads=2) == ["offered", "offered"]
        assert counts(robe) == (2, 0, -1)
    finally:
        StockItem.objects.update(held=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE drops_stockitem ADD CONSTRAINT stock_never_oversold CHECK (total >= held + sold)"
            )


def test_one_unit_is_offered_once_however_many_offer_it() -> None:
    robe = sold_out()
    owners = [stock.Owner(stock.OwnerKind.PLACE, str(n)) for n in range(8)]
    for owner in owners:
        claim(robe, owner=owner)
    stock.release(order())

    def one(number: int) -> str:
        try:
            take(robe, owner=owners[number], to=cart(str(number)))
        except SoldOut:
            return "not there"
        return "offered"

    answers = together(8, one)
    assert sorted(map(str, answers)) == ["not there"] * 7 + ["offered"]
    robe.refresh_from_db()
    assert (robe.held, robe.awaited, robe.available) == (1, 7, -7)


def test_one_claim_is_turned_into_one_hold_however_many_try() -> None:
    robe = sold_out(8)
    claim(robe)
    stock.release(order())

    def one(number: int) -> str:
        try:
            with transaction.atomic():
                awaited.offer(
                    [stock.Need(robe.pk, 1)], frm=FIRST, to=cart(str(number)), expires_at=LATER, hard_cap_at=CAP
                )
        except HoldExpired:
            return "taken"
        return "offered"

    answers = together(8, one)
    assert sorted(map(str, answers)) == ["offered"] + ["taken"] * 7
    assert (counts(robe), Hold.objects.filter(state="active").count()) == ((1, 0, 7), 1)
