"""The desk gives money back: what will happen stands on the button, and the fan's page says what happened."""

import re

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from checkout.models import Order, OrderState
from checkout.tests import fan
from drops.models import Drop
from merchant.clock import now
from merchant.roles import SUPPORT
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser

PASSWORD = "a password of the tests"


@pytest.fixture
def support(shop: RunningShop, page: Page, complaints: list[str]) -> Page:
    """The desk of somebody in support who has just signed in."""
    if not User.objects.filter(username="support").exists():
        person = User.objects.create_user("support", password=PASSWORD, is_staff=True)
        person.groups.add(Group.objects.get(name=SUPPORT))
    page.goto("/admin/")
    page.get_by_label("Username").fill("support")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    return page


def test_one_of_two_goes_back_and_on_sale_again(support: Page, robe: Drop, shop: RunningShop) -> None:
    sku = Buyer(support, robe).sku
    placed = fan.orders(robe, (sku, 2), at=now(), confirmation_token=fan.card(shop.sandbox))
    order = fan.found(placed)
    until(lambda: Order.objects.filter(pk=order.pk, state=OrderState.CONFIRMED).exists())

    support.goto(f"/admin/checkout/order/{order.pk}/change/")
    support.get_by_role("link", name=re.compile("Refund…")).click()
    support.get_by_label(re.compile("Robe")).fill("1")
    support.get_by_label("Why").fill("too small")
    support.get_by_role("button", name="See what will happen").click()
    support.get_by_role("button", name="Refund $48.00 and put 1 back on sale").click()
    expect(support.get_by_text("The fan gets an e-mail once the provider has made it.")).to_be_visible()
    until(lambda: Order.objects.get(pk=order.pk).refunded_minor == 4800)
    assert fan.counts(sku) == (0, 1, 4)

    support.goto(f"/orders/{placed.token}/")
    expect(support.get_by_role("heading", level=1)).to_have_text("Yours, and partly refunded")
