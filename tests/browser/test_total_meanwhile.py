"""The total is asked for while a fan goes on: a choice is never lost, and nobody pays what was not on the button."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from checkout.models import Order, ShippingZone
from checkout.totals import tables
from tests.browser.buyer import GOOD, Buyer
from tests.browser.held_back import hold_back
from tests.browser.test_meanwhile import NO_LIMIT, QUOTE
from tests.browser.test_pressed_early import ENDLESS_PATIENCE
from tests.browser.test_totals import pay, total
from tests.running_shop import RunningShop
from tests.waiting import known_everywhere

pytestmark = pytest.mark.browser
AWAY = "The shop does not answer just now"


def at_checkout(buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.types_card(GOOD)
    buyer.fills_in_the_address()
    expect(total(buyer)).to_have_text("$54.00")


without_a_worker = pytest.mark.browser_context_args(service_workers="block")  # which has the page's scripts already


@without_a_worker
def test_a_choice_that_was_made_before_the_scripts_ran_is_asked_for(
    zones: None, buyer: Buyer, complaints: list[str]
) -> None:
    scripts_come = hold_back(buyer.page, "**/js/checkout*.js")
    buyer.buys_now()
    buyer.page.get_by_label("Express").check()
    expect(total(buyer)).to_have_text("$54.00")
    scripts_come()
    expect(total(buyer)).to_have_text("$63.00")
    expect(buyer.page.get_by_label("Express")).to_be_checked()
    complaints.clear()  # of the worker that is blocked


@without_a_worker
def test_a_country_that_was_chosen_before_the_scripts_ran_is_asked_for(
    zones: None, buyer: Buyer, complaints: list[str]
) -> None:
    scripts_come = hold_back(buyer.page, "**/js/checkout*.js")
    buyer.buys_now()
    buyer.page.get_by_label("Country").select_option("DE")
    scripts_come()
    expect(total(buyer)).to_have_text("$73.00")
    complaints.clear()  # of the worker that is blocked


def test_a_total_that_comes_after_the_press_is_agreed_to_first(zones: None, shop: RunningShop, buyer: Buyer) -> None:
    buyer.page.add_init_script(ENDLESS_PATIENCE)
    at_checkout(buyer)
    buyer.page.evaluate(NO_LIMIT)
    token_comes = hold_back(buyer.page, "**/v1/confirmation_tokens*")  # so that the total is always there before it
    total_comes = hold_back(buyer.page, QUOTE)
    buyer.page.get_by_label("Express").check()
    buyer.pay_button.click()
    expect(buyer.page.locator("#place")).to_have_text("Placing your order…")
    total_comes()
    expect(total(buyer)).to_have_text("$63.00")
    trouble = buyer.page.locator("#trouble")
    expect(trouble).to_contain_text("The total is $63.00 now. Please agree to it again.")
    expect(trouble.get_by_role("alert")).to_be_focused()
    assert not Order.objects.filter(drop=buyer.drop).exists()
    pay(buyer, "$63.00").click()
    token_comes()
    expect(buyer.headline).to_have_text("Yours.")
    assert (buyer.order.shipping_title, buyer.order.captured_minor) == ("Express", 6300)


def test_the_same_total_that_comes_after_the_press_orders(zones: None, shop: RunningShop, buyer: Buyer) -> None:
    buyer.page.add_init_script(ENDLESS_PATIENCE)
    at_checkout(buyer)
    buyer.page.evaluate(NO_LIMIT)
    total_comes = hold_back(buyer.page, QUOTE)
    region = buyer.page.get_by_label("State or region")
    region.fill("Ohio")
    region.press("Enter")
    expect(buyer.page.locator("#place")).to_have_text("Placing your order…")
    total_comes()
    expect(buyer.headline).to_have_text("Yours.")
    assert buyer.order.address["region"] == "Ohio"


def test_a_choice_waits_while_an_order_is_on_its_way(zones: None, shop: RunningShop, buyer: Buyer) -> None:
    """Asked for at once, its total would have been paid without having been on the button."""
    at_checkout(buyer)
    token_comes = hold_back(buyer.page, "**/v1/confirmation_tokens*")
    buyer.pay_button.click()
    expect(buyer.page.locator("#place")).to_have_text("Placing your order…")
    asked: list[str] = []
    buyer.page.on("request", lambda request: asked.append(request.url) if "/quote/" in request.url else None)
    buyer.page.get_by_label("Express").check()
    buyer.page.evaluate("() => fetch('/healthz')")  # what was asked before it is known by now
    assert asked == []
    token_comes()
    expect(buyer.page.locator("#trouble")).to_contain_text("The total is $63.00 now. Please agree to it again.")
    pay(buyer, "$63.00").click()
    expect(buyer.headline).to_have_text("Yours.")


def no_answer(route: Route) -> None:
    route.abort()


def too_busy(route: Route) -> None:
    route.fulfill(status=503)


@pytest.mark.parametrize("fault", [no_answer, too_busy])
def test_a_choice_without_an_answer_is_asked_for_again(
    zones: None, buyer: Buyer, complaints: list[str], fault: Callable[[Route], None]
) -> None:
    at_checkout(buyer)
    buyer.page.route(QUOTE, fault)
    buyer.page.get_by_label("Express").check()
    expect(buyer.page.locator("#go").get_by_role("status")).to_contain_text(AWAY)
    expect(buyer.page.get_by_label("Name", exact=True)).to_have_value("A Fan")
    buyer.page.unroute(QUOTE)
    expect(total(buyer)).to_have_text("$63.00")
    expect(buyer.page.locator("#go").get_by_text(AWAY)).to_have_count(0)
    expect(buyer.page.get_by_label("Name", exact=True)).to_have_value("A Fan")
    complaints.clear()


def test_where_nothing_is_sent_the_page_says_so_and_comes_back(zones: None, buyer: Buyer) -> None:
    ShippingZone.objects.filter(title="World").delete()
    known_everywhere(tables.FRESH_SECONDS)
    at_checkout(buyer)
    buyer.page.get_by_label("Country").select_option("DE")
    expect(buyer.page.get_by_text("We cannot send it there.")).to_be_visible()
    expect(buyer.page.locator("#total-news")).not_to_be_empty()
    buyer.page.get_by_label("Country").select_option("US")
    expect(buyer.pay_button).to_be_visible()
