"""The hold's last minutes: a warning in time, more time by keyboard, and what happens when it ended."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from checkout.models import Cart
from drops.models import Hold
from merchant.clock import now
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser


def ends_in(buyer: Buyer, **time: float) -> datetime:
    """Move the buyer's hold near its end, as if they had looked at the page for long. Returns the end."""
    end = now() + timedelta(**time)
    cart = Cart.objects.get(drop=buyer.drop)
    Cart.objects.filter(pk=cart.pk).update(expires_at=end)
    Hold.objects.filter(owner_kind="cart", owner_ref=str(cart.pk)).update(expires_at=end)
    return end


@pytest.mark.parametrize("width", [390, 1280])
def test_a_warning_before_the_end_and_more_time_by_keyboard(shop: RunningShop, buyer: Buyer, width: int) -> None:
    page = buyer.page
    page.set_viewport_size({"width": width, "height": 900})
    buyer.buys_now()
    end = ends_in(buyer, minutes=6)
    page.clock.install()
    page.reload()
    buyer.fills_in_the_address()
    more = page.get_by_role("button", name="Keep it for 10 more minutes")
    expect(page.locator("#hold-timer [data-countdown]")).to_have_text(re.compile(r"\d:\d\d"))  # the script is there
    expect(more).to_be_hidden()
    page.clock.fast_forward("04:30")
    expect(more).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Less than two minutes left.")).to_have_count(1)
    more.focus()
    page.keyboard.press("Enter")
    expect(more).to_be_hidden()
    expect(page.locator("#hold-news")).to_contain_text("Held for you until")
    assert Cart.objects.filter(drop=buyer.drop, expires_at__gte=end + timedelta(minutes=4)).exists()
    expect(page.get_by_label("City", exact=True)).to_have_value("Springfield")


def test_a_hold_that_ended_says_so_and_is_taken_again(shop: RunningShop, buyer: Buyer) -> None:
    buyer.opens_the_drop()
    buyer.page.get_by_role("button", name="Add to cart").click()
    expect(buyer.page.get_by_role("heading", name="Your cart")).to_be_visible()
    ends_in(buyer, seconds=3)
    buyer.page.reload()
    again = buyer.page.get_by_role("button", name="Take them again")
    expect(again).to_be_visible()
    again.click()
    expect(buyer.page.locator("#hold-timer")).to_contain_text("Held for you until")
    assert Hold.objects.filter(owner_kind="cart", state="active", expires_at__gt=now()).exists()


def test_a_hold_that_ends_while_the_shop_is_away_says_so_later(
    shop: RunningShop, buyer: Buyer, complaints: list[str]
) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    ends_in(buyer, minutes=6)
    page.clock.install()
    page.reload()
    clock = page.locator("#hold-timer [data-countdown]")
    expect(clock).to_have_text(re.compile(r"\d:\d\d"))
    with page.expect_event("requestfailed"):
        page.route("**/cart/", lambda route: route.abort())
        page.clock.fast_forward("06:00")
        page.clock.fast_forward("00:02")
    ends_in(buyer, seconds=-1)
    page.unroute("**/cart/")
    until(lambda: a_moment_later(page) and page.get_by_role("button", name="Take them again").is_visible())
    complaints.clear()  # of the page that did not come


def a_moment_later(page: Page) -> bool:
    """In the page's own time."""
    page.clock.fast_forward("00:10")
    return True


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_more_time_without_a_script_keeps_what_was_typed(shop: RunningShop, buyer: Buyer) -> None:
    buyer.buys_now()
    buyer.fills_in_the_address()
    buyer.page.get_by_role("button", name="Keep it for 10 more minutes").click()
    expect(buyer.page.get_by_label("City", exact=True)).to_have_value("Springfield")
    expect(buyer.page.get_by_role("button", name="Pay $54.00", exact=True)).to_be_visible()
