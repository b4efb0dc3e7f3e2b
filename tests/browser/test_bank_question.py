"""The bank's question on the order's page, and a hand on its keyboard, while the page asks for news again and again."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.buyer import ASKS_BACK, BANK_FRAME, Buyer
from tests.browser.test_pressed_early import orders_without_a_card
from tests.running_shop import RunningShop

pytestmark = pytest.mark.browser
STRIPE_JS = "**/sandbox/stripe.js"
NEWS = re.compile(r"/orders/[\w-]+/(\?.*)?$")


def hears_news(page: Page, times: int) -> None:
    """The order's page has asked so often how the order stands, and was answered."""
    for _ in range(times):
        with page.expect_response(NEWS):
            pass


def pays_with_a_card_whose_bank_asks(buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.types_card(ASKS_BACK)
    buyer.fills_in_the_address()
    buyer.pay_button.click()


def test_a_bank_that_cannot_be_reached_is_asked_once_and_then_by_the_button(
    shop: RunningShop, buyer: Buyer, complaints: list[str]
) -> None:
    tried: list[str] = []

    def away(route: Route) -> None:
        if "/orders/" in buyer.page.url:
            tried.append(buyer.page.url)
            route.abort()
        else:
            route.continue_()

    buyer.page.route(STRIPE_JS, away)
    pays_with_a_card_whose_bank_asks(buyer)
    button = buyer.page.get_by_role("button", name="Confirm with your bank")
    expect(buyer.page.locator("#order-news")).to_contain_text("Press the button to be asked again.")
    expect(button).to_be_visible()
    hears_news(buyer.page, 3)
    assert len(tried) == 1
    buyer.page.unroute(STRIPE_JS)
    button.click()
    buyer.bank.get_by_role("button", name="Complete authentication").click()
    expect(buyer.headline).to_have_text("Yours.")
    complaints.clear()  # of the script that did not come


def test_a_banks_window_that_is_lost_can_be_opened_again(shop: RunningShop, buyer: Buyer) -> None:
    pays_with_a_card_whose_bank_asks(buyer)
    expect(buyer.page.locator(BANK_FRAME)).to_be_visible()
    buyer.page.locator("dialog").evaluate("(dialog) => dialog.remove()")
    hears_news(buyer.page, 2)
    buyer.page.get_by_role("button", name="Confirm with your bank").click()
    buyer.bank.get_by_role("button", name="Complete authentication").click()
    expect(buyer.headline).to_have_text("Yours.")


def test_who_is_at_a_button_stays_there_while_news_come(buyer: Buyer, complaints: list[str]) -> None:
    orders_without_a_card(buyer, complaints)
    cancel = buyer.page.get_by_role("button", name="Cancel the order")
    cancel.focus()
    hears_news(buyer.page, 3)
    expect(cancel).to_be_focused()
    before = cancel.element_handle()
    hears_news(buyer.page, 2)
    assert before.evaluate("button => button.isConnected"), "what says the same is not put in anew"
