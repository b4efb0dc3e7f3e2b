"""A fan is faster than the card form: what they press is neither lost nor turned into something else."""

import pytest
from playwright.sync_api import expect

from tests.browser.buyer import GOOD, Buyer
from tests.browser.held_back import hold_back

pytestmark = pytest.mark.browser
INCOMPLETE = "Your card number is incomplete."
ENDLESS_PATIENCE = """const soon = window.setTimeout;
window.setTimeout = (then, ms, ...given) => soon(then, ms < 4000 ? ms : 600_000, ...given);"""


def test_the_press_waits_for_the_form_and_then_says_what_the_card_lacks(buyer: Buyer) -> None:
    buyer.page.add_init_script(ENDLESS_PATIENCE)
    form_comes = hold_back(buyer.page, "**/sandbox/**/card_form.js")
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.pay_button.click()
    expect(buyer.page.locator("#place")).to_have_text("Placing your order…")
    form_comes()
    expect(buyer.page.locator("#payment-error")).to_have_text(INCOMPLETE)
    buyer.types_card(GOOD)
    buyer.pay_button.click()
    expect(buyer.headline).to_have_text("Yours.")


def test_the_order_does_not_wait_for_long(buyer: Buyer) -> None:
    hold_back(buyer.page, "**/sandbox/**/card_form.js")
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.pay_button.click()
    expect(buyer.headline).to_have_text("One step left: pay for your order")


def test_a_card_form_that_died_does_not_hold_the_order_for_ever(buyer: Buyer) -> None:
    """A wallet's sheet is read by a person, so it is given time; a frame that the phone threw away never answers."""
    buyer.page.clock.install()
    buyer.buys_now()
    buyer.types_card(GOOD)
    buyer.fills_in_the_address()
    buyer.page.locator("iframe[title='Secure card form']").evaluate("(frame) => frame.remove()")
    buyer.pay_button.click()
    expect(buyer.page.locator("#place")).to_have_text("Placing your order…")
    buyer.page.clock.fast_forward("02:01")
    expect(buyer.headline).to_have_text("One step left: pay for your order")


def test_a_card_pressed_on_the_page_that_asks_for_it_is_not_swallowed(buyer: Buyer, complaints: list[str]) -> None:
    orders_without_a_card(buyer, complaints)
    form_comes = hold_back(buyer.page, "**/sandbox/**/card_form.js")
    buyer.page.get_by_role("link", name="Pay $54.00").click()
    buyer.pay_button.click()
    expect(buyer.page.locator("#card button")).to_have_text("One moment…")
    form_comes()
    expect(buyer.page.locator("#payment-error")).to_have_text(INCOMPLETE)
    buyer.types_card(GOOD)
    buyer.pay_button.click()
    expect(buyer.headline).to_have_text("Yours.")


def test_the_page_that_asks_for_a_card_says_when_its_form_stays_away(buyer: Buyer, complaints: list[str]) -> None:
    orders_without_a_card(buyer, complaints)
    buyer.page.route("**/sandbox/stripe.js", lambda route: route.abort())
    buyer.page.get_by_role("link", name="Pay $54.00").click()
    expect(buyer.page.get_by_text("The card form does not answer just now.")).to_be_visible()
    expect(buyer.page.get_by_role("button", name="Pay on the payment provider's page")).to_be_visible()
    expect(buyer.pay_button).to_be_hidden()
    complaints.clear()


def orders_without_a_card(buyer: Buyer, complaints: list[str]) -> None:
    buyer.page.route("**/sandbox/stripe.js", lambda route: route.abort())
    buyer.buys_now()
    expect(buyer.page.get_by_text("The card form does not answer just now.")).to_be_visible()
    buyer.fills_in_the_address()
    buyer.pay_button.click()
    expect(buyer.headline).to_have_text("One step left: pay for your order")
    buyer.page.unroute("**/sandbox/stripe.js")
    complaints.clear()  # of the script that did not come
