"""C27: the count fell below what was promised. A cart is no promise yet: it lets go before anybody pays."""

import threading
from datetime import datetime

import pytest
from django.db import connection

from checkout import carts, expiry
from checkout.cart_queries import cart_view
from checkout.errors import HoldEnded
from checkout.models import Cart, Order
from checkout.tests import fan
from checkout.tests.test_waiting_list import books_balance
from drops import stock
from drops.models import Drop, StockItem
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(total=3, hold_from="cart")


def add(drop: Drop, now: datetime) -> Cart:
    return carts.add(drop, "ROBE-M", 1, token="", now=now)[0]


def counted(units: int) -> None:
    stock.restock(StockItem.objects.get().pk, -units, actor="staff:owner", why="counted", counted=True)


def test_the_newest_carts_let_go_of_what_is_not_there(drop: Drop, now: datetime) -> None:
    first, second, third = (add(drop, now) for _ in range(3))
    counted(2)
    assert expiry.sweep(now) == 2
    item = StockItem.objects.get()
    assert (item.total, item.held, item.missing, item.available) == (1, 1, 0, 0)
    assert [bool(stock.holds_of(carts.owner_of(cart))) for cart in (first, second, third)] == [True, False, False]
    third.refresh_from_db()
    assert cart_view(third, drop, now).hold.ended
    with pytest.raises(HoldEnded):
        fan.placed(drop, at=now, cart_id=third.pk, contact=fan.somebody("third@example.com"))
    fan.placed(drop, at=now, cart_id=first.pk)
    assert (Order.objects.count(), fan.counts(), books_balance()) == (1, (1, 0, 0), True)


def test_what_was_ordered_is_kept_and_stays_a_case_for_staff(drop: Drop, now: datetime) -> None:
    order = fan.placed(drop, ("ROBE-M", 2), at=now)
    add(drop, now)
    counted(2)
    assert expiry.sweep(now) == 1
    assert (StockItem.objects.get().missing, Order.objects.get().pk) == (1, order.pk)
    assert expiry.sweep(now) == 0
    assert fan.counts() == (2, 0, 0)


def test_a_cart_that_is_being_ordered_is_not_waited_for(drop: Drop, now: datetime) -> None:
    """Its fan was faster: the order has it, and the sweep goes on."""
    cart = add(drop, now)
    counted(3)
    freed: list[int] = []
    stranger = connection.copy()

    def sweep() -> None:
        freed.append(expiry.sweep(now))
        connection.close()

    try:
        stranger.set_autocommit(False)
        stranger.cursor().execute("SELECT 1 FROM checkout_cart WHERE id = %s FOR UPDATE", [cart.pk])
        sweeping = threading.Thread(target=sweep)
        sweeping.start()
        sweeping.join()
        stranger.rollback()
    finally:
        stranger.close()
    assert freed == [0]
    assert expiry.sweep(now) == 1
