"""Conversion at the desk: what is counted, what it is compared with, and what it says when there is nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from checkout import carts, conversion
from checkout.models import Cart, Order
from checkout.pricing import Wanted
from checkout.tests import fan
from drops.models import Drop, DropVisits
from merchant.models import StoreProfile
from merchant.roles import DOOR_STAFF, DROP_MANAGER
from merchant.tests.staff import signed_in
from policies.models import Surface

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/checkout/order/conversion/"


@pytest.fixture(autouse=True)
def _a_day_without_end() -> Iterator[None]:
    """Days are counted: no midnight may come in between, and it is the drop's day whenever the tests run."""
    with time_machine.travel(fan.START, tick=False):
        yield


@pytest.fixture
def both() -> tuple[Drop, Drop]:
    """What is always on sale, and a timed drop."""
    StoreProfile.objects.create(pk=1, name="Shop", currency="USD", country="US")
    candle = fan.live_drop("candle", total=9, skus=("CANDLE-M",), kind="standing", title="Candle")
    return candle, fan.live_drop(total=9)


def visits(drop: Drop, number: int, days_ago: int = 0) -> None:
    DropVisits.objects.create(drop=drop, day=timezone.localdate() - timedelta(days=days_ago), visits=number)


def paid(drop: Drop, sku: str, *names: str, surface: Surface = Surface.CHECKOUT) -> None:
    for name in names:
        who = fan.somebody(f"{name}@example.com")
        fan.placed(drop, (sku, 1), at=datetime.now(UTC), contact=who, surface=surface)
    Order.objects.filter(drop=drop).update(captured_minor=4800)


def test_counts_each_step_and_compares_with_what_is_always_on_sale(both: tuple[Drop, Drop]) -> None:
    candle, robe = both
    at = datetime.now(UTC)
    visits(candle, 100)
    visits(robe, 20)
    carts.add(robe, "ROBE-M", 1, token="", now=at)
    Cart.objects.create(token_hash="offer", drop=robe, offered=True)
    paid(candle, "CANDLE-M", "a", "b")
    paid(robe, "ROBE-M", "c", "d")
    fan.placed(robe, at=at, contact=fan.somebody("open@example.com"), surface=Surface.CHECKOUT)
    found = conversion.report(30, at)
    assert [(row.title, row.visits, row.carts, row.orders, row.paid, row.rate, row.times) for row in found.rows] == [
        ("Candle", 100, 0, 2, 2, 2.0, 1.0),
        ("Winter Robe", 20, 1, 3, 2, 10.0, 5.0),
    ]
    assert (found.standing.rate, found.timed.rate, found.timed.times) == (2.0, 10.0, 5.0)
    assert found.since == timezone.localdate()


def test_what_other_sites_sold_is_told_apart_and_in_no_rate(both: tuple[Drop, Drop]) -> None:
    """Their pages' visits are not counted: with them the rate could pass a hundred."""
    candle, robe = both
    visits(candle, 100)
    visits(robe, 1)
    carts.start(robe, [Wanted("ROBE-M", 1)], now=datetime.now(UTC))
    paid(robe, "ROBE-M", "a", "b", "c", surface=Surface.API)
    paid(robe, "ROBE-M", "d")
    found = conversion.report(30, datetime.now(UTC))
    assert [(row.carts, row.orders, row.paid, row.elsewhere, row.rate) for row in found.rows] == [
        (0, 0, 0, 0, 0.0),
        (0, 1, 1, 3, 100.0),
    ]
    assert found.timed.elsewhere == 3
    page = signed_in(DROP_MANAGER).get(PAGE).content.decode()
    assert "Paid elsewhere" in page


def test_what_was_before_the_first_counted_visit_or_the_period_is_left_out(both: tuple[Drop, Drop]) -> None:
    candle, robe = both
    visits(candle, 7, days_ago=40)
    visits(candle, 5, days_ago=3)
    visits(robe, 3)
    paid(robe, "ROBE-M", "a", "b")
    Order.objects.filter(email="a@example.com").update(placed_at=datetime.now(UTC) - timedelta(days=50))
    assert [(row.visits, row.paid) for row in conversion.report(90, datetime.now(UTC)).rows] == [(12, 0), (3, 1)]
    assert [row.visits for row in conversion.report(30, datetime.now(UTC)).rows] == [5, 3]


def test_the_page_shows_a_table_and_says_the_chart_in_words(both: tuple[Drop, Drop]) -> None:
    candle, robe = both
    visits(candle, 100)
    visits(robe, 20)
    paid(candle, "CANDLE-M", "a")
    paid(robe, "ROBE-M", "c", "d")
    page = signed_in(DROP_MANAGER).get(PAGE, {"days": "7"}).content.decode()
    assert 'aria-label="Candle: 1.0; Winter Robe: 10.0"' in page
    assert "× 10.0" in page
    assert "<strong>7 days</strong>" in page


def test_without_visits_it_says_so_and_bad_periods_are_the_usual_one(both: tuple[Drop, Drop]) -> None:
    client = signed_in(DROP_MANAGER)
    for days in ("", "0", "-1", "x", "9" * 99):
        page = client.get(PAGE, {"days": days}).content.decode()
        assert "Nothing to compare yet" in page
        assert "<strong>30 days</strong>" in page


def test_who_does_not_see_orders_does_not_see_it(both: tuple[Drop, Drop]) -> None:
    assert signed_in(DOOR_STAFF).get(PAGE).status_code == 403
