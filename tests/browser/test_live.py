"""What changes on a page by itself: stock, and the minute when a drop opens."""

import re
import secrets
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from checkout.tests import fan
from drops import scheduling
from drops.models import Drop, DropState, StockItem
from merchant.clock import now
from segments.models import Consent, Footprint, Message
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop
from tests.waiting import known_everywhere

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


@pytest.fixture
def soon(shop: RunningShop) -> Drop:
    """It starts in an hour and a half: no machine is so slow that it starts by itself."""
    slug = f"soon-{secrets.token_hex(3)}"
    start = now() + timedelta(minutes=90)
    return fan.live_drop(slug, skus=(f"{slug}-M",), state=DropState.SCHEDULED, starts_at=start)


def starts(drop: Drop) -> None:
    """Its time has come."""
    drop.starts_at = now()
    drop.save(update_fields=["starts_at"])


def is_live(page: Page) -> None:
    expect(page.locator("[data-phase-label]")).to_have_text("Live now")
    expect(page.get_by_role("status")).to_have_text("Live now")
    expect(page.get_by_role("button", name="Buy now")).to_be_visible()
    assert is_marked(page), "the page was loaded anew"


def test_an_open_page_turns_when_the_drop_starts(page: Page, soon: Drop) -> None:
    page.goto(f"/drops/{soon.slug}/")
    mark(page)
    expect(page.get_by_text("Coming up")).to_be_visible()
    expect(page.get_by_role("timer", name="Time until it opens")).to_be_visible()
    expect(page.get_by_role("button", name="Buy now")).to_have_count(0)
    starts(soon)
    scheduling.set_window(soon)  # which publishes it
    is_live(page)


def test_a_turn_that_got_no_answer_is_asked_for_again(buyer: Buyer, complaints: list[str]) -> None:
    """It is told once, and everybody asks in that second: just then an answer is lost."""
    buyer.opens_the_drop()
    mark(buyer.page)
    expect(buyer.page.get_by_role("button", name="Buy now")).to_be_visible()
    lost: list[str] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.fulfill(status=503)

    buyer.page.route(f"**/drops/{buyer.drop.slug}/", lose_the_first)
    scheduling.pause(buyer.drop, actor="staff:owner", now=now())
    expect(buyer.page.locator("[data-phase-label]")).to_have_text("Paused for a moment")
    assert is_marked(buyer.page), "the page was loaded anew"
    assert len(lost) == 1
    complaints.clear()  # of the 503


def test_who_comes_back_to_the_page_sees_what_is_left_now(buyer: Buyer) -> None:
    """From a phone that slept: its stream is dead and does not know it."""
    buyer.page.route("**/live/**", lambda route: None)  # neither answered nor refused
    buyer.opens_the_drop()
    expect(buyer.page.get_by_role("button", name="Buy now · $48.00")).to_be_visible()  # the script is there
    fan.placed(buyer.drop, (buyer.sku, 2), at=now())
    known_everywhere()
    buyer.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    expect(buyer.page.locator("[data-stock]")).to_have_text("3 left")


def test_a_page_that_hears_no_news_turns_when_its_countdown_has_ended(page: Page, soon: Drop) -> None:
    page.route("**/live/**", lambda route: None)  # neither answered nor refused
    page.clock.install()
    page.goto(f"/drops/{soon.slug}/")
    mark(page)
    countdown = page.get_by_role("timer", name="Time until it opens")
    expect(countdown).to_have_text(re.compile(r"1 h \d\d min \d\d s"))
    page.clock.fast_forward("01:00:00")
    expect(countdown).to_have_text(re.compile(r"\d?\d:\d\d"))
    starts(soon)
    known_everywhere()
    expect(page.get_by_text("Coming up")).to_be_visible()
    page.clock.fast_forward("00:30:00")
    is_live(page)


def test_what_is_typed_and_chosen_before_the_start_is_there_after_it(page: Page, soon: Drop) -> None:
    page.goto(f"/drops/{soon.slug}/")
    mark(page)
    page.get_by_role("radio").check(force=True)  # it lies under its label
    field = page.get_by_label("E-mail")
    field.press_sequentially("fan@")
    scheduling.open_now(soon, actor="staff:owner", now=now())
    is_live(page)
    expect(field).to_be_focused()
    field.press_sequentially("example.com")
    expect(field).to_have_value("fan@example.com")
    expect(page.get_by_role("radio")).to_be_checked()


def test_a_page_with_a_refused_form_turns_too(page: Page, soon: Drop) -> None:
    page.goto(f"/drops/{soon.slug}/")
    page.locator("#tell-me form").evaluate("(form) => { form.noValidate = true; }")
    page.get_by_label("E-mail").fill("nobody")
    page.get_by_role("button", name="Tell me").click()
    expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    mark(page)
    scheduling.open_now(soon, actor="staff:owner", now=now())
    is_live(page)
    expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")


def test_who_came_too_late_is_led_to_the_form(buyer: Buyer) -> None:
    """It is folded up while there is something to buy, and stays so when the page turns: nothing may jump."""
    Drop.objects.filter(pk=buyer.drop.pk).update(waiting_list=False)
    buyer.page.set_viewport_size({"width": 390, "height": 500})
    buyer.opens_the_drop()
    field = buyer.page.get_by_label("E-mail")
    expect(buyer.page.get_by_role("button", name="Buy now")).to_be_visible()
    expect(field).to_be_hidden()
    StockItem.objects.filter(code=buyer.sku).update(total=0)
    scheduling.turn_due(now())
    link = buyer.page.get_by_role("link", name="Hear of the next one")
    expect(link).to_be_visible()
    expect(field).to_be_hidden()
    link.click()
    expect(field).to_be_in_viewport()


def test_what_was_unfolded_stays_so_when_the_page_turns(buyer: Buyer) -> None:
    buyer.opens_the_drop()
    words = buyer.page.get_by_text("Send it back within 30 days")
    buyer.page.get_by_text("30 days to send it back.").click()
    expect(words).to_be_visible()
    scheduling.pause(buyer.drop, actor="staff:owner", now=now())
    expect(buyer.page.get_by_role("button", name="Paused for a moment")).to_be_disabled()
    expect(words).to_be_visible()


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
