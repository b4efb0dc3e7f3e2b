"""What a fan may do afterwards hangs on what was sold to them, not on what its product is called today."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection

from checkout import fan_requests, parcels
from checkout.after_sale import RequestKind
from checkout.models import Order, OrderLine
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fan_requests import LAST_PARCEL, line_of, paid, ship
from checkout.tests.test_payments import clock
from drops.models import Drop, Product

pytestmark = pytest.mark.django_db(transaction=True)
W, R, C = RequestKind.WITHDRAWAL, RequestKind.RETURN, RequestKind.CANCELLATION
A_MONTH = timedelta(days=31)


def retag(slug: str, *tags: str) -> None:
    """The merchant changes a product after it was sold."""
    assert Product.objects.filter(slug=slug).update(tags=list(tags)) == 1


def may(order: Order, kind: RequestKind) -> tuple[int, str]:
    """How many units, and what stands against it."""
    (option,) = fan_requests.options(order, LAST_PARCEL).lines[kind]
    return option.units, option.hurdle


def test_a_line_keeps_the_tags_of_the_day_it_was_ordered(robe: Drop) -> None:
    retag("robe", "sleepwear", "final-sale")
    order = fan.placed(robe, at=clock())
    retag("robe", "digital")
    assert order.lines.get().tags == ["final-sale", "sleepwear"]
    assert fan.placed(robe, at=clock(), contact=fan.somebody("b@example.com")).lines.get().tags == ["digital"]


@pytest.mark.parametrize("later", ["personalised", "perishable"])
def test_what_the_law_leaves_out_by_now_was_not_left_out_when_it_was_sold(
    robe: Drop, sandbox: SandboxServer, later: str
) -> None:
    order = paid(robe, sandbox)
    retag("robe", later)
    assert may(order, W) == (2, "")


def test_what_was_made_for_one_fan_stays_so_when_the_tag_goes(robe: Drop, sandbox: SandboxServer) -> None:
    retag("robe", "personalised")
    order = paid(robe, sandbox)
    retag("robe")
    units, hurdle = may(order, W)
    assert units == 0
    assert hurdle.startswith("made for you alone")


def test_a_final_sale_begins_with_the_orders_after_it(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    ship(order, 2)
    retag("robe", "final-sale")
    assert may(order, R) == (2, "")


def test_goods_that_are_called_digital_by_now_still_wait_for_their_parcel(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    retag("robe", "digital")
    assert parcels.waiting(order) == {line_of(order): 2}
    assert fan_requests.options(order, LAST_PARCEL + A_MONTH).period.ends_at is None, "nothing was received yet"
    assert may(order, C) == (2, "")


def test_what_was_sold_before_lines_kept_their_tags_has_those_of_the_update(robe: Drop) -> None:
    retag("robe", "sleepwear", "digital")
    order = fan.placed(robe, at=clock())
    OrderLine.objects.update(tags=[])
    with connection.cursor() as cursor:
        cursor.execute(import_module("checkout.migrations.0024_lines_keep_their_tags").AS_TAGGED_TODAY)
    assert order.lines.get().tags == ["sleepwear", "digital"]
