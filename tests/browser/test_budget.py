"""What a drop's page may cost a phone: bytes before Stripe's own, and nothing that jumps while the stock changes."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from checkout.tests import fan
from drops.models import Drop
from merchant.clock import now
from tests.running_shop import RunningShop

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("complaints")]
PHONE, DESK = (390, 844), (1280, 800)
SCRIPTS_BYTES, STYLES_BYTES = 60_000, 30_000
MOST_SHIFT = 0.01  # a "good" page may have 0.1 in all: https://web.dev/articles/cls
WATCH = """() => {
  window.shifts = [];
  const note = (list) => window.shifts.push(...list.getEntries().map(({ value, sources }) =>
    [value, sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? "gone")]));
  window.watching = new PerformanceObserver(note);
  window.watching.observe({ type: "layout-shift" });
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
LOADED = (
    """() => performance.getEntriesByType("resource").map(({ name, decodedBodySize }) => [name, decodedBodySize])"""
)


def shifts(page: Page) -> list[Any]:
    page.evaluate(TWO_FRAMES)
    found: list[Any] = page.evaluate("() => window.shifts")
    return found


def test_a_drops_page_weighs_little(shop: RunningShop, page: Page, robe: Drop) -> None:
    page.goto(f"/drops/{robe.slug}/")
    expect(page.get_by_role("button", name="Buy now")).to_be_visible()
    page.wait_for_load_state("networkidle")
    loaded = {name.partition("?")[0]: size for name, size in page.evaluate(LOADED)}
    scripts = {name: size for name, size in loaded.items() if name.endswith(".js")}
    styles = {name: size for name, size in loaded.items() if name.endswith(".css")}
    assert scripts, loaded
    assert styles, loaded
    assert 0 < sum(scripts.values()) < SCRIPTS_BYTES, scripts
    assert 0 < sum(styles.values()) < STYLES_BYTES, styles
    assert not any("stripe" in name for name in loaded), "not before the checkout"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_live_stock_moves_nothing(shop: RunningShop, page: Page, robe: Drop, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"/drops/{robe.slug}/")
    stock = page.locator("[data-stock]")
    expect(stock).to_have_text("5 left")
    page.wait_for_load_state("load")
    page.evaluate(WATCH)
    sku = robe.offers.get().variant.sku
    for number, words in enumerate(("3 left", "1 left", "In carts, may come back")):
        units = 2 if number < 2 else 1
        fan.placed(robe, (sku, units), at=now(), contact=fan.somebody(f"fan{number}@example.com"))
        expect(stock).to_have_text(words)
    seen = shifts(page)
    assert sum(value for value, _ in seen) < MOST_SHIFT, seen


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_moves_in_an_embed_when_everything_is_gone(
    shop: RunningShop, page: Page, robe: Drop, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": 1600})
    page.goto(f"/embed/demo/?drop={robe.slug}")
    embed = page.locator("frontrow-drop").first
    expect(embed.locator(".left")).to_have_text("5 left")
    page.wait_for_load_state("load")
    page.evaluate(WATCH)
    sku = robe.offers.get().variant.sku
    for number, units in enumerate((2, 2, 1)):
        fan.placed(robe, (sku, units), at=now(), contact=fan.somebody(f"fan{number}@example.com"))
    expect(embed.get_by_text("In other carts", exact=True)).to_be_visible()
    expect(embed.get_by_role("button", name="Buy now")).to_be_hidden()
    seen = shifts(page)
    assert sum(value for value, _ in seen) < MOST_SHIFT, seen


def test_a_jump_would_be_seen(shop: RunningShop, page: Page, robe: Drop) -> None:
    """That the measure above can fail."""
    page.goto(f"/drops/{robe.slug}/")
    expect(page.locator("[data-stock]")).to_have_text("5 left")
    page.evaluate(WATCH)
    page.evaluate("() => document.querySelector('main').prepend(document.createElement('hr'), 'x '.repeat(2000))")
    assert sum(value for value, _ in shifts(page)) > MOST_SHIFT
