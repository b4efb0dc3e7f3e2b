"""The payment provider is slow, away, or its script does not load: the order is kept, and the page says so."""

import pytest
from playwright.sync_api import expect

from tests.browser.buyer import GOOD, Buyer
from tests.running_shop import RunningShop

pytestmark = pytest.mark.browser


def test_the_provider_is_down_and_the_order_confirms_by_itself_later(shop: RunningShop, buyer: Buyer) -> None:
    shop.sandbox.fail("payment_intents.*", 500)
    buyer.pays()
    expect(buyer.headline).to_contain_text("Held for you until")
    told = buyer.page.locator("#order-status")
    expect(told).to_contain_text("we keep your order and keep trying")
    expect(told).to_contain_text("You have not been charged")
    shop.sandbox.clear()
    expect(buyer.headline).to_have_text("Yours.", timeout=60_000)
    assert [charge["amount"] for charge in shop.sandbox.charges(buyer.order.reference)] == [5400]


def test_without_the_card_form_the_order_goes_first(shop: RunningShop, buyer: Buyer, complaints: list[str]) -> None:
    shop.sandbox.fail("stripe.js", 503)
    buyer.buys_now()
    expect(buyer.page.get_by_text("The card form does not answer just now.")).to_be_visible()
    assert complaints
    assert all("stripe.js" in complaint for complaint in complaints)
    complaints.clear()
    shop.sandbox.clear()
    buyer.fills_in_the_address()
    buyer.pay_button.click()
    expect(buyer.headline).to_have_text("One step left: pay for your order")
    buyer.pays_with_another(GOOD)
    expect(buyer.headline).to_have_text("Yours.")


def test_an_order_without_a_card_takes_one_while_no_worker_has_come(
    shop: RunningShop, buyer: Buyer, complaints: list[str]
) -> None:
    shop.sandbox.fail("stripe.js", 503)
    buyer.buys_now()
    expect(buyer.page.get_by_text("The card form does not answer just now.")).to_be_visible()
    complaints.clear()
    shop.sandbox.clear()
    buyer.fills_in_the_address()
    with shop.stalled("worker"):
        buyer.pay_button.click()
        expect(buyer.headline).to_have_text("One step left: pay for your order")
        buyer.pays_with_another(GOOD)
        expect(buyer.headline).to_have_text("One moment, your bank is answering")
    expect(buyer.headline).to_have_text("Yours.")
    assert [charge["amount"] for charge in shop.sandbox.charges(buyer.order.reference)] == [5400]
