"""A second tab, and a fan who leaves in the middle of the bank's question and comes back by the e-mail's link."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from checkout.models import Order, OrderState
from checkout.tests import fan
from segments.models import Message
from tests.browser.buyer import ASKS_BACK, GOOD, Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser


def test_a_second_tab_is_led_to_the_same_order(shop: RunningShop, buyer: Buyer, context: BrowserContext) -> None:
    buyer.buys_now()
    second = Buyer(context.new_page(), buyer.drop)
    second.page.goto(f"/drops/{buyer.drop.slug}/checkout/")
    for tab in (buyer, second):
        tab.fills_in_the_address()
        tab.types_card(GOOD)
    buyer.pay_button.click()
    expect(buyer.headline).to_have_text("Yours.")
    second.pay_button.click()
    expect(second.headline).to_have_text("Yours.")
    assert second.page.url == buyer.page.url
    assert Order.objects.filter(drop=buyer.drop).count() == 1
    assert fan.counts(buyer.sku) == (0, 1, 4)
    assert len(shop.sandbox.charges(buyer.order.reference)) == 1


def test_3d_secure_after_leaving_and_coming_back_by_the_mail(
    shop: RunningShop, buyer: Buyer, context: BrowserContext
) -> None:
    buyer.pays(ASKS_BACK)
    until(lambda: buyer.order.state == OrderState.ACTION_REQUIRED)
    buyer.page.goto("about:blank")
    message = until(lambda: Message.objects.filter(key=f"order:{buyer.order.reference}:pay:1").first())
    assert message is not None
    link = re.search(r"https?://\S+/orders/[\w-]+/\S*", message.text)
    assert link is not None
    later = Buyer(context.new_page(), buyer.drop)
    later.page.goto(link.group())
    later.bank.get_by_role("button", name="Complete authentication").click()
    expect(later.headline).to_have_text("Yours.")
    assert [charge["paid"] for charge in shop.sandbox.charges(buyer.order.reference)] == [True]
