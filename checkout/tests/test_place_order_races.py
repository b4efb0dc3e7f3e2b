"""Many fans in the same instant, on real PostgreSQL: the race shown without the guard, and gone with it."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection, transaction

from checkout import deadlocks
from checkout.errors import Busy, KeyInFlight
from checkout.models import Allowance, IdempotencyKey, Order
from checkout.place_order import place_order
from checkout.tests import fan
from drops.errors import SoldOut
from drops.models import Drop, StockItem
from merchant.models import StoreProfile
from tests.waiting import somebody_waits_for_us, until

FANS = 16


def together(act: Callable[[int], str], fans: int = FANS) -> Counter[str]:
    """Run ``act`` in as many threads, released at once; count what they answered."""
    gate = threading.Barrier(fans)
    answers: list[str] = []

    def run(number: int) -> None:
        try:
            gate.wait()
            answers.append(act(number))
        except Exception as error:
            answers.append(type(error).__name__)
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(fans)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(answers)


def meanwhile(deed: Callable[[], object]) -> threading.Thread:
    """Begin a deed in a connection of its own, and come back when it waits for what is locked in this one."""

    def run() -> None:
        try:
            deed()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    until(somebody_waits_for_us)
    return thread


@pytest.mark.django_db(transaction=True)
def test_c1_one_unit_many_buyers_one_order(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop(total=1)
    requests = [fan.request(fan.quoted(drop, at=now), contact=fan.somebody(f"{n}@example.com")) for n in range(FANS)]

    def buy(number: int) -> str:
        try:
            place_order(drop, requests[number], person=fan.PERSON, now=now)
        except SoldOut:
            return "sold out"
        return "placed"

    assert together(buy) == {"placed": 1, "sold out": FANS - 1}
    assert Order.objects.count() == 1
    assert fan.counts() == (1, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_c2_two_baskets_in_opposite_order_do_not_deadlock(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop(total=FANS, skus=("ROBE-L", "ROBE-M"))
    lines = [("ROBE-L", 1), ("ROBE-M", 1)]
    baskets = [fan.quoted(drop, *(lines[:: 1 if n % 2 else -1]), at=now) for n in range(FANS)]
    requests = [fan.request(agreed, contact=fan.somebody(f"{n}@example.com")) for n, agreed in enumerate(baskets)]

    def buy(number: int) -> str:
        return str(place_order(drop, requests[number], person=fan.PERSON, now=now).reply["status"])

    answers = together(buy)
    assert answers == {"placed": FANS}
    assert fan.counts("ROBE-L") == fan.counts("ROBE-M") == (FANS, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_c5_one_key_many_twins_one_order(robe: Drop, now: datetime) -> None:
    request = fan.request(fan.quoted(robe, at=now))
    answers = together(lambda _: place_order(robe, request, person=fan.PERSON, now=now).token)
    assert list(answers.values()) == [FANS]
    assert Order.objects.count() == 1
    assert fan.counts() == (1, 0, 4)


@pytest.mark.django_db(transaction=True)
def test_without_the_unique_key_twins_order_twice(robe: Drop, now: datetime) -> None:
    """The guard taken away: look first, insert then. Every twin looks before any has inserted."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE checkout_idempotencykey DROP CONSTRAINT idempotency_key_once_a_drop")
    all_looked = threading.Barrier(FANS)

    def naive(_: int) -> str:
        with transaction.atomic():
            known = IdempotencyKey.objects.filter(drop=robe, key="k").exists()
            all_looked.wait()
            if not known:
                IdempotencyKey.objects.create(drop=robe, key="k", body_hmac="")
        return "twin" if known else "ordered"

    try:
        assert together(naive) == {"ordered": FANS}
    finally:
        IdempotencyKey.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE checkout_idempotencykey ADD CONSTRAINT idempotency_key_once_a_drop UNIQUE (drop_id, key)"
            )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("held", "refusal"),
    [
        (
            "INSERT INTO checkout_idempotencykey (drop_id, key, body_hmac) SELECT id, 'k', '' FROM drops_drop",
            KeyInFlight,
        ),
        ("SELECT 1 FROM drops_stockitem FOR UPDATE", Busy),
    ],
)
def test_a_lock_that_is_not_had_in_time_is_a_refusal_that_wrote_nothing(
    robe: Drop, now: datetime, monkeypatch: pytest.MonkeyPatch, held: str, refusal: type[Exception]
) -> None:
    monkeypatch.setattr("checkout.order_keys.LOCK_TIMEOUT", "50ms")
    request = fan.request(fan.quoted(robe, at=now), idempotency_key="k")
    stranger = connection.copy()
    try:
        stranger.set_autocommit(False)
        stranger.cursor().execute(held)
        with pytest.raises(refusal):
            place_order(robe, request, person=fan.PERSON, now=now)
        stranger.rollback()
    finally:
        stranger.close()
    assert (Order.objects.count(), fan.counts()) == (0, (0, 0, 5))
    assert place_order(robe, request, person=fan.PERSON, now=now).replayed is False


@pytest.mark.django_db(transaction=True)
def test_who_is_taken_out_of_a_deadlock_orders_all_the_same(
    robe: Drop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of ours locks the stock before a person's allowance; somebody at the database's own prompt may."""
    fan.orders(robe, at=now)
    request = fan.request(fan.quoted(robe, at=now))
    answers: list[str] = []
    somebody_is_done = threading.Event()
    monkeypatch.setattr(deadlocks, "pause", somebody_is_done.wait)

    def buy() -> None:
        try:
            answers.append(str(place_order(robe, request, person=fan.PERSON, now=now).reply["status"]))
        finally:
            connection.close()

    buying = threading.Thread(target=buy)
    with transaction.atomic():
        StockItem.objects.select_for_update().get()
        buying.start()
        until(somebody_waits_for_us)
        Allowance.objects.select_for_update().get()
    somebody_is_done.set()
    buying.join()
    assert answers == ["placed"]
    assert (Order.objects.count(), fan.counts()) == (2, (2, 0, 3))
