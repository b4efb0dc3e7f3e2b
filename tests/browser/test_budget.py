"""What a drop's page may cost a phone: bytes before Stripe's own, and nothing that jumps while the stock changes."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from checkout.tests import fan
from drops import scheduling
from drops.models import Drop, DropState, StockItem
from merchant.clock import now
from tests.browser.shifts import WATCH, shifts
from tests.running_shop import RunningShop

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("complaints")]
SIZES = pytest.mark.parametrize("size", [(390, 844), (1280, 800)], ids=["phone", "desk"])
SCRIPTS_BYTES, STYLES_BYTES = 60_000, 30_000
MOST_SHIFT = 0.01  # a "good" page may have 0.1 in all: https://web.dev/articles/cls
PLACES = """() => Object.fromEntries(
  ["h1", ".when", ".sizes", ".size", ".choose", "#tell-me", "#tell-email", ".knows", ".site-foot"].map((each) => {
    const { left, top, width, height } = document.querySelector(each).getBoundingClientRect();
    return [each, [left, top, width, height]];
  }),
)"""
LOADED = (
    """() => performance.getEntriesByType("resource").map(({ name, decodedBodySize }) => [name, decodedBodySize])"""
)


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


@SIZES
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


def pauses(robe: Drop) -> None:
    scheduling.pause(robe, actor="staff:owner", now=now())


def resumes(robe: Drop) -> None:
    scheduling.resume(robe, actor="staff:owner", now=now())


def sells_out(robe: Drop) -> None:
    StockItem.objects.filter(components__offer__drop=robe).update(total=0)
    scheduling.turn_due(now())


def comes_back(robe: Drop) -> None:
    StockItem.objects.filter(components__offer__drop=robe).update(total=5)
    scheduling.turn_due(now())


def opens(robe: Drop) -> None:
    scheduling.open_now(robe, actor="staff:owner", now=now())


def ends(robe: Drop) -> None:
    scheduling.close(robe, actor="staff:owner", now=now())


TURNS = {
    "paused": ((pauses, "Paused for a moment"), (resumes, "Live now")),
    "sold_out": ((sells_out, "Sold out"), (comes_back, "Live now")),
}


@SIZES
@pytest.mark.parametrize("waiting_list", [True, False], ids=["list", "no_list"])
@pytest.mark.parametrize("phase", TURNS)
def test_a_phase_moves_nothing(
    shop: RunningShop, page: Page, robe: Drop, *, phase: str, waiting_list: bool, size: tuple[int, int]
) -> None:
    """There and back again: everything keeps its place, also what is replaced and therefore counts as no shift."""
    Drop.objects.filter(pk=robe.pk).update(ends_at=now() + timedelta(days=1), waiting_list=waiting_list)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"/drops/{robe.slug}/")
    expect(page.get_by_role("button", name="Buy now · $48.00")).to_be_visible()
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.evaluate(WATCH)
    before = page.evaluate(PLACES)
    for turn, words in TURNS[phase]:
        turn(robe)
        expect(page.locator("[data-phase-label]")).to_have_text(words)
        seen = shifts(page)
        assert page.evaluate(PLACES) == before
        assert sum(value for value, _ in seen) < MOST_SHIFT, seen
    expect(page.get_by_role("button", name="Buy now · $48.00")).to_be_visible()


@SIZES
@pytest.mark.parametrize("waiting_list", [True, False], ids=["list", "no_list"])
@pytest.mark.parametrize("days", [1, None], ids=["with_an_end", "without"])
def test_opening_and_ending_move_nothing(
    shop: RunningShop, page: Page, robe: Drop, *, days: int | None, waiting_list: bool, size: tuple[int, int]
) -> None:
    """Who is about to press when it opens, or when it ends, finds everything where it was."""
    later = {"starts_at": now() + timedelta(hours=2), "ends_at": now() + timedelta(days=days) if days else None}
    Drop.objects.filter(pk=robe.pk).update(state=DropState.SCHEDULED, waiting_list=waiting_list, **later)
    robe.refresh_from_db()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"/drops/{robe.slug}/")
    expect(page.get_by_role("link", name="Tell me before it opens")).to_be_visible()
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.evaluate(WATCH)
    before = page.evaluate(PLACES)
    for turn, words in ((opens, "Live now"), (ends, "Ended")):
        turn(robe)
        expect(page.locator("[data-phase-label]")).to_have_text(words)
        seen = shifts(page)
        assert page.evaluate(PLACES) == before
        assert sum(value for value, _ in seen) < MOST_SHIFT, seen


@SIZES
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


@SIZES
def test_nothing_moves_in_an_embed_when_it_opens_or_ends(
    shop: RunningShop, page: Page, robe: Drop, size: tuple[int, int]
) -> None:
    Drop.objects.filter(pk=robe.pk).update(state=DropState.SCHEDULED, starts_at=now() + timedelta(hours=2))
    robe.refresh_from_db()
    page.set_viewport_size({"width": size[0], "height": 1600})
    page.goto(f"/embed/demo/?drop={robe.slug}")
    embed = page.locator("frontrow-drop").first
    expect(embed.get_by_role("timer", name="Time until it opens")).to_be_visible()
    page.wait_for_load_state("load")
    parts = [embed.locator(each) for each in (".frame", ".sizes", ".size", ".place", ".knows")]
    before = [part.bounding_box() for part in parts]
    opens(robe)
    expect(embed.get_by_role("button", name="Buy now")).to_be_visible()
    assert [part.bounding_box() for part in parts] == before
    ends(robe)
    expect(embed.get_by_text("This drop is over", exact=True)).to_be_visible()
    assert [part.bounding_box() for part in parts] == before


def test_a_jump_would_be_seen(shop: RunningShop, page: Page, robe: Drop) -> None:
    """That the measure above can fail."""
    page.goto(f"/drops/{robe.slug}/")
    expect(page.locator("[data-stock]")).to_have_text("5 left")
    page.evaluate(WATCH)
    page.evaluate("() => document.querySelector('main').prepend(document.createElement('hr'), 'x '.repeat(2000))")
    assert sum(value for value, _ in shifts(page)) > MOST_SHIFT
