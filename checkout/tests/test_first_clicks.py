"""Two first clicks at once, when the browser has no cart yet: one cart, and the units held are those in it."""

import re

import pytest
from django.test import Client

from checkout.models import Cart
from checkout.tests import fan
from checkout.tests.test_place_order_races import together
from drops.models import Drop
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)
CART = "/drops/winter-robe/cart/"


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(total=9, hold_from="cart")


def browser_at_the_drop() -> tuple[str, str]:
    """(the cookie of the form's protection, the form's token)"""
    client = Client(enforce_csrf_checks=True)
    page = client.get("/drops/winter-robe/").content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return client.cookies["csrftoken"].value, found[1]


def click(cookie: str, token: str) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = cookie
    answer = client.post(CART, {"sku": "ROBE-M", "quantity": "1", "csrfmiddlewaretoken": token})
    assert answer.status_code == 303, answer.content
    return client


def test_two_first_clicks_at_once_fill_one_cart(drop: Drop) -> None:
    cookie, token = browser_at_the_drop()
    together(lambda _: str(click(cookie, token).cookies["frontrow_cart_winter-robe"].value), fans=2)
    assert (Cart.objects.count(), fan.counts()) == (1, (2, 0, 7))
    assert Cart.objects.get().lines.get().quantity == 2


def test_without_a_name_that_both_know_they_make_two(drop: Drop) -> None:
    """What each would draw by itself: the second cookie replaces the first, whose units nobody sees any more."""
    together(lambda _: str(Client().post(CART, {"sku": "ROBE-M", "quantity": "1"}).status_code), fans=2)
    assert (Cart.objects.count(), fan.counts()) == (2, (2, 0, 7))


def test_two_browsers_have_two_carts(drop: Drop) -> None:
    for _ in range(2):
        click(*browser_at_the_drop())
    assert Cart.objects.count() == 2


def test_after_its_order_the_next_cart_is_another(drop: Drop) -> None:
    cookie, token = browser_at_the_drop()
    first = click(cookie, token).cookies["frontrow_cart_winter-robe"].value
    Cart.objects.update(closed_at=fan.START)
    again = click(cookie, token).cookies["frontrow_cart_winter-robe"].value
    assert first != again
    assert Cart.objects.count() == 2
