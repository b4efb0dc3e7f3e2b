"""Many at once at the waiting list, on real PostgreSQL: the race shown without the guard, and gone with it."""

import threading
from datetime import datetime

import pytest
from django.db import connection, transaction
from django.test import Client

from checkout import waiting_list, waiting_offers
from checkout.models import Cart
from checkout.place_order import place_order
from checkout.tests import fan
from checkout.tests.test_payments import clock
from checkout.tests.test_place_order_races import together
from checkout.tests.test_waiting_list import books_balance, comes_back, gone, join, state
from checkout.tokens import place_token
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import stock
from drops.errors import SoldOut
from drops.models import Drop, Hold, HoldState, StockItem
from segments.models import Message
from tests.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["gone"]
FANS = 16
BUYERS = 200


def test_two_sweeps_at_once_offer_each_unit_once(gone: Drop, now: datetime) -> None:
    places = [join(gone, f"fan{n}", now) for n in range(6)]
    comes_back("a")
    together(lambda _: str(waiting_offers.serve(now)), fans=4)
    assert [state(place) for place in places] == [PlaceState.OFFERED] * 2 + [PlaceState.WAITING] * 4
    assert (Cart.objects.filter(offered=True).count(), fan.counts()) == (2, (3, 0, -4))
    assert Message.objects.filter(kind="waiting_offered").count() == 2
    assert books_balance()


def test_nobody_is_overtaken_by_what_comes_back_while_the_sweep_goes_through(
    gone: Drop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit seemed to lie there, the first in line could not have it, and then one came back: it is theirs."""
    first, second = join(gone, "first", now), join(gone, "second", now)
    item = StockItem.objects.get()
    item.held = 2  # what a sweep may have read a moment ago
    monkeypatch.setattr(waiting_offers, "_lying", lambda: [item])
    offer = waiting_offers.offer

    def one_comes_back_after(place_id: int, *, now: datetime) -> bool:
        offered = offer(place_id, now=now)
        if place_id == first.pk and not offered:
            comes_back("b")
        return offered

    monkeypatch.setattr(waiting_offers, "offer", one_comes_back_after)
    assert (waiting_offers.serve(now), state(first), state(second)) == (0, PlaceState.WAITING, PlaceState.WAITING)
    assert (waiting_offers.serve(now), state(first), state(second)) == (1, PlaceState.OFFERED, PlaceState.WAITING)


def test_without_the_places_lock_two_sweeps_make_two_offers_of_one_place(gone: Drop, now: datetime) -> None:
    """Looked at without its lock: both find it waiting, and both make it a cart."""
    place = join(gone, "first", now)
    comes_back("a")
    all_looked = threading.Barrier(2)

    def naive(number: int) -> str:
        waits = WaitingPlace.objects.get(pk=place.pk).state == PlaceState.WAITING
        all_looked.wait()
        if waits:
            Cart.objects.create(token_hash=f"offer {number}", drop=gone, offered=True)
        return "offered" if waits else "not"

    assert together(naive, fans=2) == {"offered": 2}
    assert Cart.objects.filter(offered=True).count() == 2
    Cart.objects.all().delete()
    answers = together(lambda _: str(waiting_offers.offer(place.pk, now=now)), fans=8)
    assert answers == {"True": 1, "False": 7}
    assert Cart.objects.filter(offered=True).count() == 1


def test_two_hundred_buyers_against_the_offer_and_the_head_has_it(gone: Drop, now: datetime) -> None:
    """They order while the units come back and are offered: none of them gets one past those who wait."""
    first, second = join(gone, "first", now), join(gone, "second", now)
    agreed = [fan.quoted(gone, at=now) for _ in range(10)]
    over = threading.Event()

    def act(number: int) -> str:
        if number == 0:
            comes_back("a")
            waiting_offers.serve(now)
            over.set()
            return "swept"
        for turn in range(BUYERS // 10):
            request = fan.request(agreed[number - 1], contact=fan.somebody(f"{number}-{turn}@example.com"))
            try:
                place_order(gone, request, person=fan.PERSON, now=now)
            except SoldOut:
                continue
            return "bought past the list"
        return "sold out"

    assert together(act, fans=11) == {"swept": 1, "sold out": 10}
    assert over.is_set()
    assert [state(place) for place in (first, second)] == [PlaceState.OFFERED] * 2
    assert fan.counts() == (3, 0, 0)
    assert books_balance()


def test_one_person_from_many_tabs_has_one_place(gone: Drop, now: datetime) -> None:
    answers = together(lambda _: str(join(gone, "first", now).pk), FANS)
    assert list(answers.values()) == [FANS]
    assert (WaitingPlace.objects.count(), fan.counts()) == (1, (3, 0, -1))
    assert Message.objects.filter(kind="waiting_joined").count() == 1


def test_without_the_unique_place_a_person_waits_twice(gone: Drop, now: datetime) -> None:
    all_looked = threading.Barrier(2)
    place = join(gone, "first", now)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_place_a_person")

    def naive(_: int) -> str:
        known = WaitingPlace.objects.filter(person_key="k").exists()
        all_looked.wait()
        if not known:
            waiting_list._write(gone, "k@example.com", "k", 1, offer_id=place.offer_id)
        return "known" if known else "joined"

    try:
        assert together(naive, fans=2) == {"joined": 2}
    finally:
        WaitingPlace.objects.filter(person_key="k").delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX one_place_a_person ON checkout_waitingplace (offer_id, person_key)"
                " WHERE state IN ('waiting', 'offered')"
            )


def test_a_worker_killed_between_freeing_and_offering_loses_nothing(gone: Drop, now: datetime) -> None:
    """It freed and never came to offer: what it freed is nobody else's, and the next sweep offers it."""
    place = join(gone, "first", now)
    comes_back("b")  # and SIGKILL
    with pytest.raises(SoldOut):
        fan.placed(gone, at=now)
    assert waiting_offers.sweep(now) == 1
    assert (state(place), fan.counts(), books_balance()) == (PlaceState.OFFERED, (3, 0, 0), True)


def test_a_worker_killed_in_the_middle_of_an_offer_has_offered_nothing(
    gone: Drop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = join(gone, "first", now)
    comes_back("b")

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("checkout.waiting_offers.awaited.offer", killed)
        with pytest.raises(Killed):
            waiting_offers.sweep(now)
    assert (state(place), Cart.objects.count(), fan.counts()) == (PlaceState.WAITING, 0, (2, 0, 0))
    assert Message.objects.filter(kind="waiting_offered").count() == 0
    assert waiting_offers.sweep(now) == 1


def test_leaving_and_being_offered_at_once_ends_in_one_of_them(gone: Drop, now: datetime) -> None:
    place, behind = join(gone, "first", now), join(gone, "second", now)
    comes_back("b")

    def act(number: int) -> str:
        if number == 0:
            return str(waiting_offers.offer(place.pk, now=now))
        waiting_list.leave(place.pk, now=now)
        return "left"

    together(act, fans=2)
    waiting_offers.sweep(now)
    assert (state(place), state(behind), fan.counts()) == (PlaceState.LEFT, PlaceState.OFFERED, (3, 0, 0))
    assert books_balance()


def test_who_leaves_while_an_offer_is_being_made_leaves_its_units_to_the_next(gone: Drop, now: datetime) -> None:
    """Their leaving saw no offer yet, and stands at the place's lock until there is one."""
    place, behind = join(gone, "first", now), join(gone, "second", now)
    comes_back("b")

    def leave() -> None:
        waiting_list.leave(place.pk, now=now)
        connection.close()

    leaving = threading.Thread(target=leave)
    with transaction.atomic():
        waiting_offers._offer(place.pk, now, "worker")
        leaving.start()
        until(somebody_waits_for_us)
    leaving.join()
    assert (state(place), fan.counts(), Cart.objects.filter(closed_at=None).count()) == (PlaceState.LEFT, (2, 0, 0), 0)
    waiting_offers.sweep(now)
    assert (state(behind), books_balance()) == (PlaceState.OFFERED, True)


def test_staff_free_and_somebody_joins_at_once_and_nothing_is_left_lying(gone: Drop, now: datetime) -> None:
    """Either it was on sale before the fan came, who is told so, or it is kept for them."""

    def act(number: int) -> str:
        if number == 0:
            comes_back("b")
            return "freed"
        try:
            join(gone, "first", now)
        except Exception as error:
            return type(error).__name__
        return "joined"

    answers = together(act, fans=2)
    assert answers["freed"] == 1
    kept = Hold.objects.filter(state=HoldState.AWAITED).count()
    assert (kept, fan.counts()) in [(1, (2, 0, 0)), (0, (2, 0, 1))]
    with transaction.atomic():
        stock.release(stock.Owner(stock.OwnerKind.ORDER, "FR-a"))
    assert books_balance()


@pytest.mark.parametrize("path", ["cart/", "cart/lines/ROBE-M/"])
def test_who_changes_the_cart_of_an_offer_that_is_let_go_in_that_moment_is_told_so(gone: Drop, path: str) -> None:
    place, taken = join(gone, "first", clock()), threading.Event()
    comes_back("a")
    waiting_offers.serve(clock())
    browser, answers = Client(raise_request_exception=False), []
    browser.post(f"/waiting/{place_token(WaitingPlace.objects.get(pk=place.pk).token_nonce)}/buy")

    def change() -> None:
        taken.wait()
        answers.append(browser.post(f"/drops/{gone.slug}/{path}", {"sku": "ROBE-M", "quantity": 1 + (path != "cart/")}))
        connection.close()

    changing = threading.Thread(target=change)
    changing.start()
    with transaction.atomic():
        Cart.objects.select_for_update().get(offered=True)
        taken.set()
        until(somebody_waits_for_us)
        Cart.objects.update(closed_at=clock(), expires_at=None)  # as leaving the list does
    changing.join()
    assert [(answer.status_code, "Your hold ended" in answer.text) for answer in answers] == [(409, True)]
