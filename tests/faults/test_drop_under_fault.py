"""A drop sells a hundred units to three hundred fans while something breaks; afterwards every book balances.

`make faults` runs all of it and prints the table. The suite itself runs one small drop.
"""

import os
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.models import F

from checkout import puller
from checkout.models import Cart, Order, OrderState, Payment, PaymentState, Refund, RefundState, WebhookEvent
from checkout.tests import fan
from drops.models import Drop
from merchant.clock import now
from tests.faults.books import Books, came_late, unheard, unrest
from tests.faults.buyers import Crowd
from tests.faults.conftest import Line
from tests.faults.desk import Desk
from tests.faults.troubles import BETWEEN, TROUBLES, Trouble
from tests.running_shop import LEASE_SECONDS, RunningShop
from tests.waiting import until

ARRIVE_AROUND_SECONDS = 12.0  # before the trouble begins and after it is over
ROUND_SECONDS = 3.0
TURNS = 4
QUIET_SECONDS = 180.0
RESTARTS = ("Redis killed", "PostgreSQL restarted", "PostgreSQL crashed")  # what others may be using


@pytest.mark.faults
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.usefixtures("commits_are_written", "gateway_to_the_sandbox")
def test_a_drop_loses_nothing(trouble: str, shop: RunningShop, table: list[Line]) -> None:
    if trouble in RESTARTS and ("FRONTROW_TESTS_OWN_SERVICES" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ):
        pytest.skip("PostgreSQL and Redis are not this run's alone")
    _sell(trouble, shop, table, fans=300, each=34, patience=60)


@pytest.mark.slow
@pytest.mark.usefixtures("gateway_to_the_sandbox")
def test_a_small_drop_loses_nothing_when_its_worker_is_killed(shop: RunningShop, table: list[Line]) -> None:
    _sell("worker SIGKILL", shop, table, fans=60, each=10, patience=20)


def _sell(name: str, shop: RunningShop, table: list[Line], *, fans: int, each: int, patience: float) -> None:
    """One drop from its first fan to its balanced books."""
    trouble, drop, before = TROUBLES[name], _drop(name, fans=fans, each=each), time.monotonic()
    desk = Desk(drop, shop.sandbox.base_url)
    arriving = ARRIVE_AROUND_SECONDS + trouble.stretch
    with Crowd(shop.url, shop.sandbox.base_url, drop.slug, tuple(_skus(drop)), fans, arriving, patience) as crowd:
        until(lambda: len(crowd.promised) >= fans // 10, seconds=120)
        _go_through(trouble, shop, crowd, desk)
        while not crowd.left():
            _a_round(desk, ROUND_SECONDS)
    _let_rest(shop, desk)
    books = Books(drop, each, shop.sandbox.charges(), crowd.promised, desk.gave_back, desk.wrote_off)
    wrong = [*crowd.complaints, *books.faults()]
    print(dict(crowd.answers), _ends(drop))  # noqa: T201  # shown by `pytest -s`, and when the test fails
    table.append(_line(name, crowd, books, wrong, time.monotonic() - before))
    assert wrong == []
    sold = Order.objects.filter(drop=drop, state=OrderState.CONFIRMED).count()
    assert sold > 0, f"nobody bought anything: {crowd.answers}"


def _go_through(trouble: Trouble, shop: RunningShop, crowd: Crowd, desk: Desk) -> None:
    for number in range(trouble.times):
        if number:
            _stretch(BETWEEN, desk)
        if crowd.all_came():
            return  # who is there now pays, and orders nothing any more
        with trouble.comes(shop):
            _stretch(trouble.seconds, desk)


def _stretch(seconds: float, desk: Desk) -> None:
    """Trouble is a stretch of time, not a condition. Meanwhile holds end and staff work."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        _a_round(desk, min(left, ROUND_SECONDS))


def _a_round(desk: Desk, seconds: float) -> None:
    time.sleep(seconds)
    _end_holds(desk.drop, turn=int(time.monotonic() / ROUND_SECONDS) % TURNS)
    desk.work()


def _drop(name: str, *, fans: int, each: int) -> Drop:
    slug = "".join(letter if letter.isalnum() else "-" for letter in name.lower()) + f"-{fans}"
    skus = tuple(f"{slug[:36]}-{size}" for size in "SML")
    pickup = {"pay_at_pickup": True, "pickup_until": now() + timedelta(days=3), "pickup_place": "Long Street 1"}
    starts_at = now() - timedelta(hours=1)
    return fan.live_drop(slug, total=each, skus=skus, starts_at=starts_at, hold_from="cart", **pickup)


def _skus(drop: Drop) -> list[str]:
    return list(drop.offers.order_by("variant__sku").values_list("variant__sku", flat=True))


# --- time, made short ----------------------------------------------------------------------------------------------


def _end_holds(drop: Drop, *, turn: int | None = None) -> None:
    """The time of all carts is up, and of the open orders whose turn it is. Nothing, while the database is away."""
    try:
        at = now()
        waiting = Order.objects.filter(drop=drop, state=OrderState.ACTION_REQUIRED, hold_expires_at__gt=at)
        if turn is not None:
            waiting = waiting.annotate(turn=F("pk") % TURNS).filter(turn=turn)
        waiting.update(hold_expires_at=at)
        Cart.objects.filter(drop=drop, closed_at=None, expires_at__gt=at).update(expires_at=at)
    except DatabaseError:
        connection.close()


def _let_rest(shop: RunningShop, desk: Desk) -> None:
    """Pauses before a next try are cut short, holds end; then wait until nothing moves. Leases keep their time."""
    limit = time.monotonic() + QUIET_SECONDS
    puller.fetch_events(now())  # as it does every few minutes: what did not ring is found
    while (moving := _moving(shop, desk.drop)) or _under_way(shop):
        assert time.monotonic() < limit, f"still moving after {QUIET_SECONDS:.0f} s: {moving}\n{shop.logs()}"
        _end_holds(desk.drop)
        _cut_pauses()
        desk.work()
        time.sleep(0.5)  # polling a condition


def _moving(shop: RunningShop, drop: Drop) -> dict[str, int]:
    money = unheard(drop, shop.sandbox.charges())
    return unrest(drop) | ({"unheard money": money} if money else {})


def _cut_pauses() -> None:
    at = now()
    Payment.objects.filter(state=PaymentState.DUE, due_at__gt=at).update(due_at=at)
    Refund.objects.filter(state=RefundState.DUE, due_at__gt=at).update(due_at=at)
    leased = at + timedelta(seconds=LEASE_SECONDS)  # an event's lease is written where its next try stands
    WebhookEvent.objects.filter(processed_at=None, due_at__gt=leased).update(due_at=at)


def _under_way(shop: RunningShop) -> bool:
    """Whether the provider still does what we hung up on."""
    return any(call["status"] is None and "latency" in (call["fault"] or "") for call in shop.sandbox.requests())


# --- what was seen -------------------------------------------------------------------------------------------------


def _ends(drop: Drop) -> dict[str, int]:
    orders = Order.objects.filter(drop=drop).values_list("state", "payment__error_code")
    return {" ".join(filter(None, end)): number for end, number in Counter(orders).items()}


def _line(trouble: str, crowd: Crowd, books: Books, wrong: list[str], seconds: float) -> Line:
    orders = Order.objects.filter(drop=books.drop)
    references = set(orders.values_list("reference", flat=True))
    paid = [charge for charge in books.charges if charge["paid"] and charge["order"] in references]
    confirmed = orders.filter(state=OrderState.CONFIRMED).count()
    return Line(
        trouble,
        fans=crowd.size,
        orders=len(references),
        confirmed=confirmed,
        ended=len(references) - confirmed,
        charges=len(paid),
        refunds=sum(charge["refunded"] > 0 for charge in paid),
        late=came_late(books.drop),
        no_reply=_number(crowd, "no reply"),
        same_key=crowd.answered_later,
        said_503=_number(crowd, "503"),
        wrong=len(wrong),
        seconds=round(seconds),
    )


def _number(crowd: Crowd, kind: str) -> int:
    return sum(number for answer, number in crowd.answers.items() if answer.startswith(kind))
