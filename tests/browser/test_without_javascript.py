"""The whole way without a script: forms, links, and the provider's own page for the card."""

import pytest
from playwright.sync_api import Page, expect

from checkout.models import OrderState
from tests.browser.buyer import GOOD, Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.browser_context_args(java_script_enabled=False)]


def test_buys_without_javascript(shop: RunningShop, buyer: Buyer) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    page.get_by_role("link", name="Check out").click()
    buyer.fills_in_the_address()
    buyer.pay_button.click()
    expect(buyer.headline).to_be_visible()

    until(lambda: buyer.order.state == OrderState.ACTION_REQUIRED)
    page.reload()
    expect(buyer.headline).to_have_text("One step left: pay for your order")
    page.get_by_role("link", name="Pay $54.00").click()
    page.get_by_role("button", name="Pay on the payment provider's page").click()
    pay_on_the_providers_page(page)

    expect(buyer.headline).to_be_visible()
    until(lambda: buyer.order.state == OrderState.CONFIRMED)
    page.reload()
    expect(buyer.headline).to_have_text("Yours.")
    assert [charge["amount"] for charge in shop.sandbox.charges() if charge["paid"]][-1] == 5400


def pay_on_the_providers_page(page: Page) -> None:
    page.get_by_label("Card number").fill(GOOD)
    page.get_by_label("Expiry (MM / YY)").fill("12 / 34")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Pay $54.00").click()


def test_what_is_missing_is_said_at_its_field_and_above(buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.page.get_by_label("E-mail", exact=True).fill("fan@localhost")
    buyer.pay_button.click()
    trouble = buyer.page.locator("#trouble")
    expect(trouble).to_contain_text("One thing to mend")
    field = buyer.page.get_by_label("E-mail", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("fan@localhost")
    trouble.get_by_role("link").click()
    expect(field).to_be_focused()
