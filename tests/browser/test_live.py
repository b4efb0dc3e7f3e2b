"""What changes on a page by itself: stock, and the minute when a drop opens."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from checkout.tests import fan
from drops.models import Drop, DropState, StockItem
from merchant.clock import now
from segments.models import Consent, Footprint, Message
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("complaints")]


def mark(page: Page) -> None:
    page.evaluate("() => { window.sameDocument = true; }")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("() => window.sameDocument"))


def test_stock_falls_on_a_second_screen_when_an_order_is_placed(buyer: Buyer, context: BrowserContext) -> None:
    Drop.objects.filter(pk=buyer.drop.pk).update(hold_from="order")
    second = context.new_page()
    second.goto(f"/drops/{buyer.drop.slug}/")
    mark(second)
    stock = second.locator("[data-stock]")
    expect(stock).to_have_text("5 left")
    buyer.pays()
    expect(stock).to_have_text("4 left")
    expect(buyer.headline).to_have_text("Yours.")
    expect(stock).to_have_text("4 left")
    assert is_marked(second), "the page was loaded anew"


def test_what_is_sold_out_elsewhere_cannot_be_chosen_here(buyer: Buyer) -> None:
    StockItem.objects.filter(code=buyer.sku).update(total=2)
    page = buyer.page
    buyer.opens_the_drop()
    expect(page.get_by_role("button", name="Buy now")).to_be_visible()
    fan.placed(buyer.drop, (buyer.sku, 2), at=now())
    expect(page.locator("[data-stock]")).to_have_text("In carts, may come back")
    expect(page.get_by_role("radio")).to_be_disabled()
    expect(page.get_by_role("button", name="Buy now")).to_be_hidden()


def test_an_open_page_turns_when_the_drop_starts(shop: RunningShop, page: Page) -> None:
    start = now() + timedelta(seconds=8)
    fan.live_drop("soon", skus=("SOON-M",), state=DropState.SCHEDULED, starts_at=start)
    page.goto("/drops/soon/")
    mark(page)
    expect(page.get_by_text("Coming up")).to_be_visible()
    expect(page.get_by_role("timer", name="Time until it opens")).to_be_visible()
    expect(page.get_by_role("button", name="Buy now")).to_have_count(0)
    expect(page.locator("[data-phase-label]")).to_have_text("Live now", timeout=40_000)
    expect(page.get_by_role("status")).to_have_text("Live now")
    expect(page.get_by_role("button", name="Buy now")).to_be_visible()
    assert is_marked(page), "the page was loaded anew"


def test_somebody_wants_to_be_told(shop: RunningShop, page: Page) -> None:
    drop = fan.live_drop("later", skus=("LATER-M",), state=DropState.SCHEDULED, starts_at=now() + timedelta(days=2))
    page.goto("/drops/later/")
    page.get_by_label("E-mail").fill("tell-me@example.com")
    page.get_by_label("Write to me about drops").check()
    page.get_by_role("button", name="Tell me").click()
    expect(page.get_by_role("heading", name="Look in your mail")).to_be_visible()
    link = re.search(r"http\S+/tell-me/\S+/", Message.objects.get(to="tell-me@example.com").text)
    assert link
    page.goto(link[0])
    assert not Consent.objects.filter(fan__email="tell-me@example.com").exists()
    page.get_by_role("button", name="Yes, write to me").click()
    expect(page.get_by_role("heading", name="You are on the list")).to_be_visible()
    assert Consent.objects.get(fan__email="tell-me@example.com").source == f"drop:{drop.slug}"
    assert Footprint.objects.get(fan__email="tell-me@example.com").subject == f"drop:{drop.slug}"
