"""Two drops sell a hundred units to three hundred fans while something breaks; afterwards every book balances.

`make faults` runs all of it and prints the table. The suite itself runs one small drop.
"""

import os
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from django.db import DatabaseError, connection
from django.db.models import F, Model, QuerySet
from django.db.models.lookups import Exact

from checkout import puller
from checkout.models import Cart, Order, OrderState, Payment, PaymentState, Refund, RefundState, WebhookEvent
from checkout.sandbox.errors import Json
from checkout.tests import fan
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Capture, Drop
from merchant.clock import now
from tests.faults.books import Books, came_late, unheard, unrest
from tests.faults.buyers import Crowd
from tests.faults.conftest import Line
from tests.faults.desk import Desk
from tests.faults.troubles import BETWEEN, TROUBLES, Trouble
from tests.faults.ways import mix
from tests.running_shop import LEASE_SECONDS, RunningShop
from tests.waiting import until

ARRIVE_AROUND_SECONDS = 12.0  # before the trouble begins and after it is over
ROUND_SECONDS = 3.0
TURNS = 4
QUIET_SECONDS = 180.0
Row = TypeVar("Row", bound=Model)
RESTARTS = ("Redis killed", "PostgreSQL restarted", "PostgreSQL crashed")  # what others may be using


@pytest.mark.faults
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.usefixtures("commits_are_written", "gateway_to_the_sandbox", "late_money_waits")
def test_a_drop_loses_nothing(trouble: str, shop: RunningShop, table: list[Line]) -> None:
    if trouble in RESTARTS and ("FRONTROW_TESTS_OWN_SERVICES" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ):
        pytest.skip("PostgreSQL and Redis are not this run's alone")
    _sell(trouble, shop, table, fans=(200, 100), each=(23, 11), patience=60)


@pytest.mark.slow
@pytest.mark.usefixtures("gateway_to_the_sandbox", "late_money_waits")
def test_a_small_drop_loses_nothing_when_its_worker_is_killed(shop: RunningShop, table: list[Line]) -> None:
    _sell("worker SIGKILL", shop, table, fans=(36, 24), each=(6, 4), patience=20)


@dataclass(frozen=True)
class Sale:
    """A drop with those who buy and those who sell. ``each``: the units of every size."""

    drop: Drop
    each: int
    crowd: Crowd
    desk: Desk

    def books(self, charges: list[Json]) -> Books:
        crowd, desk = self.crowd, self.desk
        return Books(
            self.drop, self.each, charges, crowd.promised, desk.gave_back, desk.wrote_off, frozenset(crowd.places)
        )


def _sell(
    name: str, shop: RunningShop, table: list[Line], *, fans: tuple[int, int], each: tuple[int, int], patience: float
) -> None:
    """Two drops at once from their first fan to their balanced books: one charges with the bank's yes, the other when
    it is certain. Money that comes too late waits at the head of their lists."""
    trouble, before = TROUBLES[name], time.monotonic()
    arriving = ARRIVE_AROUND_SECONDS + trouble.stretch
    sales = []
    for capture, many, few in zip(Capture, fans, each, strict=True):
        drop = _drop(name, capture, fans=many, each=few)
        address = (shop.url, shop.sandbox.base_url, drop.slug, tuple(_skus(drop)))
        crowd = Crowd(*address, ways=mix(many), arriving=arriving, patience=patience)
        sales.append(Sale(drop, few, crowd, Desk(drop, shop.sandbox.base_url)))
    with ExitStack() as doors:
        for sale in sales:
            doors.enter_context(sale.crowd)
        until(lambda: sum(len(sale.crowd.promised) for sale in sales) >= sum(fans) // 10, seconds=120)
        _go_through(trouble, shop, sales)
        while not all(sale.crowd.left() for sale in sales):
            _a_round(sales, ROUND_SECONDS)
    _let_rest(shop, sales)
    charges = shop.sandbox.charges()
    wrong = [fault for sale in sales for fault in (*sale.crowd.complaints, *sale.books(charges).faults())]
    for sale in sales:
        print(dict(sale.crowd.answers), _ends(sale.drop))  # noqa: T201  # shown by `pytest -s`, and on a failure
    table.append(_line(name, sales, charges, wrong, time.monotonic() - before))
    assert wrong == []
    for sale in sales:
        sold = Order.objects.filter(drop=sale.drop, state=OrderState.CONFIRMED)
        assert sold.exists(), f"nobody bought anything: {sale.crowd.answers}"


def _go_through(trouble: Trouble, shop: RunningShop, sales: list[Sale]) -> None:
    for number in range(trouble.times):
        if number:
            _stretch(BETWEEN, sales)
        if all(sale.crowd.all_came() for sale in sales):
            return  # who is there now pays, and orders nothing any more
        with trouble.comes(shop):
            _stretch(trouble.seconds, sales)


def _stretch(seconds: float, sales: list[Sale]) -> None:
    """Trouble is a stretch of time, not a condition. Meanwhile holds end and staff work."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        _a_round(sales, min(left, ROUND_SECONDS))


def _a_round(sales: list[Sale], seconds: float) -> None:
    time.sleep(seconds)
    for sale in sales:
        _end_holds(sale.drop, turn=int(time.monotonic() / ROUND_SECONDS) % TURNS)
        sale.desk.work()


def _drop(name: str, capture: Capture, *, fans: int, each: int) -> Drop:
    letters = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    slug = f"{letters}-{capture.value[:4]}-{fans}".replace("_", "-")
    skus = tuple(f"{slug[:36]}-{size}" for size in "SML")
    pickup = {"pay_at_pickup": True, "pickup_until": now() + timedelta(days=3), "pickup_place": "Long Street 1"}
    starts_at = now() - timedelta(hours=1)
    more = pickup | {"starts_at": starts_at, "hold_from": "cart", "capture": capture}
    return fan.live_drop(slug, total=each, skus=skus, **more)


def _skus(drop: Drop) -> list[str]:
    return list(drop.offers.order_by("variant__sku").values_list("variant__sku", flat=True))


# --- time, made short ----------------------------------------------------------------------------------------------


def _end_holds(drop: Drop, *, turn: int | None = None) -> None:
    """The time of all carts is up, and of what else waits whose turn it is. Nothing, while the database is away."""
    try:
        at = now()
        Cart.objects.filter(drop=drop, offered=False, closed_at=None, expires_at__gt=at).update(expires_at=at)
        _end_orders(Order.objects.filter(drop=drop), turn, at)
        _end_offers(drop, turn, at)
    except DatabaseError:
        connection.close()


def _end_orders(orders: QuerySet[Order], turn: int | None, at: datetime) -> None:
    """Those that wait for their fan; and those that a provider in trouble keeps from taking what is set aside."""
    waiting = orders.filter(state=OrderState.ACTION_REQUIRED, hold_expires_at__gt=at)
    _of_turn(waiting, turn).update(hold_expires_at=at)
    put_off = orders.filter(state=OrderState.DEFERRED, deferral_ends_at__gt=at, payment__capture_before__isnull=False)
    _of_turn(put_off, turn).update(hold_expires_at=at, deferral_ends_at=at)


def _end_offers(drop: Drop, turn: int | None, at: datetime) -> None:
    """What is held for those in line; and the waiting of who has paid."""
    offers = Cart.objects.filter(drop=drop, offered=True, closed_at=None, expires_at__gt=at)
    _of_turn(offers, turn).update(expires_at=at)
    late = WaitingPlace.objects.filter(drop=drop, state=PlaceState.WAITING, refund_by__gt=at)
    _of_turn(late, turn).update(refund_by=at)


def _of_turn(rows: QuerySet[Row], turn: int | None) -> QuerySet[Row]:
    return rows if turn is None else rows.filter(Exact(F("pk") % TURNS, turn))


def _let_rest(shop: RunningShop, sales: list[Sale]) -> None:
    """The drops are over, pauses before a next try are cut short, holds end; then wait until nothing moves. Leases keep
    their time."""
    limit = time.monotonic() + QUIET_SECONDS
    Drop.objects.filter(pk__in=[sale.drop.pk for sale in sales]).update(ends_at=now())
    puller.fetch_events(now())  # as it does every few minutes: what did not ring is found
    while (moving := _moving(shop, sales)) or _under_way(shop):
        assert time.monotonic() < limit, f"still moving after {QUIET_SECONDS:.0f} s: {moving}\n{shop.logs()}"
        for sale in sales:
            _end_holds(sale.drop)
            sale.desk.work()
        _cut_pauses()
        time.sleep(0.5)  # polling a condition


def _moving(shop: RunningShop, sales: list[Sale]) -> dict[str, int]:
    charges = shop.sandbox.charges()
    money = Counter({"unheard money": sum(unheard(sale.drop, charges) for sale in sales)})
    return dict(+sum((Counter(unrest(sale.drop)) for sale in sales), money))


def _cut_pauses() -> None:
    at = now()
    waiting = [PaymentState.DUE, PaymentState.LETTING_GO]
    Payment.objects.filter(state__in=waiting, due_at__gt=at).update(due_at=at)
    Refund.objects.filter(state=RefundState.DUE, due_at__gt=at).update(due_at=at)
    leased = at + timedelta(seconds=LEASE_SECONDS)  # an event's lease is written where its next try stands
    WebhookEvent.objects.filter(processed_at=None, due_at__gt=leased).update(due_at=at)


def _under_way(shop: RunningShop) -> bool:
    """Whether the provider still does what we hung up on."""
    return any(call["status"] is None and "latency" in (call["fault"] or "") for call in shop.sandbox.requests())


# --- what was seen -------------------------------------------------------------------------------------------------


def _ends(drop: Drop) -> dict[str, int]:
    orders = Counter(Order.objects.filter(drop=drop).values_list("state", "payment__error_code"))
    places = Counter(WaitingPlace.objects.filter(drop=drop, order=None).values_list("state"))
    return {" ".join(filter(None, end)): number for end, number in (*orders.items(), *places.items())}


def _line(trouble: str, sales: list[Sale], charges: list[Json], wrong: list[str], seconds: float) -> Line:
    orders = Order.objects.filter(drop__in=[sale.drop for sale in sales])
    references = set(orders.values_list("reference", flat=True))
    ours = [charge for charge in charges if charge["order"] in references and charge["status"] == "succeeded"]
    paid = [charge for charge in ours if charge["paid"]]
    places = WaitingPlace.objects.filter(drop__in=[sale.drop for sale in sales], order=None)
    confirmed = orders.filter(state=OrderState.CONFIRMED).count()
    crowds = [sale.crowd for sale in sales]
    return Line(
        trouble,
        fans=sum(crowd.size for crowd in crowds),
        orders=len(references),
        confirmed=confirmed,
        ended=len(references) - confirmed,
        charges=len(paid),
        refunds=sum(charge["refunded"] > 0 for charge in paid),
        let_go=len(ours) - len(paid),
        late=sum(came_late(sale.drop) for sale in sales),
        in_line=places.count(),
        offered=places.exclude(cart=None).count(),
        taken=places.filter(state=PlaceState.BOUGHT).count(),
        no_reply=_number(crowds, "no reply"),
        same_key=sum(crowd.answered_later for crowd in crowds),
        said_503=_number(crowds, "503"),
        wrong=len(wrong),
        seconds=round(seconds),
    )


def _number(crowds: list[Crowd], kind: str) -> int:
    answers = sum((crowd.answers for crowd in crowds), Counter[str]())
    return sum(number for answer, number in answers.items() if answer.startswith(kind))
