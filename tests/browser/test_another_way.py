"""Who does not want to wait, for a bank or for a provider in trouble, pays on the provider's own page."""

import pytest
from playwright.sync_api import expect

from tests.browser.buyer import ASKS_BACK, BANK_FRAME, Buyer
from tests.browser.test_without_javascript import pay_on_the_providers_page
from tests.running_shop import RunningShop

pytestmark = pytest.mark.browser


def pays_there(shop: RunningShop, buyer: Buyer) -> None:
    """A worker may be asking about the card just then: the page of the order says so, and one presses again."""
    here = buyer.page.url
    opens_it(buyer)
    while "unused" in buyer.page.url:
        expect(buyer.page.get_by_text("nothing else was tried")).to_be_visible()
        buyer.page.goto(here)
        opens_it(buyer)
    pay_on_the_providers_page(buyer.page)
    expect(buyer.headline).to_have_text("Yours.")
    assert [charge["paid"] for charge in shop.sandbox.charges(buyer.order.reference)] == [True]


def opens_it(buyer: Buyer) -> None:
    with buyer.page.expect_navigation():
        buyer.page.get_by_role("button", name="Pay on the payment provider's page").click()


def test_a_bank_that_asks_leaves_the_providers_page(shop: RunningShop, buyer: Buyer) -> None:
    buyer.pays(ASKS_BACK)
    expect(buyer.page.locator(BANK_FRAME)).to_be_visible()
    buyer.page.goto(buyer.page.url + "pay")
    expect(buyer.page.get_by_text("Your bank still waits for your answer")).to_be_visible()
    expect(buyer.page.locator("#card")).to_have_count(0)
    pays_there(shop, buyer)


def test_a_deferred_order_can_be_paid_there_instead_of_waiting(shop: RunningShop, buyer: Buyer) -> None:
    shop.sandbox.fail("payment_intents.confirm", 429)
    buyer.pays()
    expect(buyer.headline).to_contain_text("Held for you until")
    buyer.page.get_by_role("link", name="Pay another way").click()
    expect(buyer.page.get_by_text("We keep trying your card")).to_be_visible()
    pays_there(shop, buyer)
