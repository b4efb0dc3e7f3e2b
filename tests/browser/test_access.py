"""Everybody can use every page: by keyboard alone, with a name for everything, on a narrow screen.

That no page breaks its Content-Security-Policy is checked by ``complaints`` in every test of this folder.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from checkout.tests import fan
from checkout.tokens import order_token
from merchant.clock import now
from policies.models import Rendering
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop

pytestmark = pytest.mark.browser

# What a reader of the page by ear, or somebody on a phone, would miss. Empty when nothing is wrong.
FAULTS = """() => {
  const faults = [];
  const shown = (e) => e.getClientRects().length > 0;
  const name = (e) => (e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || e.title
    || e.querySelector("img")?.alt || "").trim();
  for (const e of document.querySelectorAll("input:not([type=hidden]),select,textarea,button,a[href],iframe"))
    if (shown(e) && !name(e)) faults.push(`no name: ${e.outerHTML.slice(0, 120)}`);
  for (const e of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${e.src}`);
  for (const e of document.querySelectorAll("[id]"))
    if (document.querySelectorAll(`#${CSS.escape(e.id)}`).length > 1) faults.push(`id twice: ${e.id}`);
  for (const e of document.querySelectorAll("[aria-describedby],[aria-labelledby]"))
    for (const id of (e.getAttribute("aria-describedby") || e.getAttribute("aria-labelledby")).split(" "))
      if (!document.getElementById(id)) faults.push(`points to nothing: ${id}`);
  if (document.querySelectorAll("h1").length !== 1) faults.push(`${document.querySelectorAll("h1").length} h1`);
  if (!document.documentElement.lang) faults.push("no language");
  const tooWide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (tooWide > 0) faults.push(`wider than the screen by ${tooWide}`);
  return faults;
}"""
RING = "e => getComputedStyle(e).outlineStyle + ' ' + getComputedStyle(e).outlineWidth"


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_every_page_of_a_fan_can_be_read(shop: RunningShop, buyer: Buyer, width: int) -> None:
    page = buyer.page
    page.set_viewport_size({"width": width, "height": 800})
    order = order_token(fan.placed(buyer.drop, (buyer.sku, 1), at=now()).token_nonce)
    drop = f"/drops/{buyer.drop.slug}/"

    def faults_at(path: str) -> list[str]:
        page.goto(path)
        return [f"{path}: {fault}" for fault in page.evaluate(FAULTS)]

    found = [*faults_at("/"), *faults_at(drop), *faults_at(f"{drop}cart/")]
    page.goto(drop)
    page.get_by_role("button", name="Add to cart").click()
    sha256 = Rendering.objects.values_list("sha256", flat=True)[0]
    policies = ["", "returns/", "returns/v1/", "changelog/", f"verify/{sha256}/"]
    paths = [f"{drop}cart/", f"{drop}checkout/", f"/orders/{order}/", f"/orders/{order}/pay"]
    for path in [*paths, *(f"/policies/{rest}" for rest in policies)]:
        found += faults_at(path)
    assert found == []


def test_an_address_that_is_nobodys(buyer: Buyer, complaints: list[str]) -> None:
    buyer.page.goto("/drops/nowhere/")
    expect(buyer.page.get_by_role("heading", level=1)).to_be_visible()
    assert buyer.page.evaluate(FAULTS) == []
    assert [complaint for complaint in complaints if "404" not in complaint] == []
    complaints.clear()


def test_buys_by_keyboard_alone(buyer: Buyer) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    tab_to(page, page.get_by_role("button", name="Buy now"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    expect(buyer.card_form.get_by_label("Card number")).to_be_visible()
    for label, value in {
        "E-mail": buyer.email,
        "Name": "A Fan",
        "Street and number": "Long Street 1",
        "Postal code": "12345",
        "City": "Springfield",
    }.items():
        tab_to(page, page.get_by_label(label, exact=True))
        page.keyboard.type(value)
    for label, value in {"Card number": "4242424242424242", "Expiration date": "1234", "Security code": "123"}.items():
        tab_to(page, buyer.card_form.get_by_label(label))
        page.keyboard.type(value)
    tab_to(page, buyer.card_form.get_by_label("ZIP code"))
    page.keyboard.type("94103")
    tab_to(page, page.get_by_label("I know that I have 30 days"))
    page.keyboard.press("Space")
    tab_to(page, buyer.pay_button)
    page.keyboard.press("Enter")
    expect(buyer.headline).to_have_text("Yours.")


def test_who_changes_a_quantity_by_keyboard_stays_there_and_hears_the_sum(shop: RunningShop, buyer: Buyer) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    page.get_by_role("button", name="Add to cart").click()
    less, more = page.get_by_role("button", name="One less"), page.get_by_role("button", name="One more")
    quantity, said = page.get_by_label("Quantity"), page.locator("#hold-news")
    page.wait_for_load_state()  # by then the page's scripts run
    more.press("Enter")
    expect(quantity).to_have_text("2")
    expect(said).to_have_text("The subtotal is $96.00.")
    expect(less).to_be_focused()  # two are the most for one person
    less.press("Enter")
    expect(quantity).to_have_text("1")
    expect(less).to_be_focused()
    less.press("Enter")
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_focused()
    expect(said).to_have_text("Your cart is empty")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until ``wanted`` has the focus; everything passed on the way shows that it has it."""
    focused: Callable[[], bool] = lambda: bool(wanted.evaluate("e => e === document.activeElement"))  # noqa: E731
    for _ in range(60):
        if focused():
            break
        page.keyboard.press("Tab")
    assert focused(), f"{wanted} cannot be reached with Tab"
    assert not wanted.evaluate(RING).startswith("none"), f"nobody sees that {wanted} has the focus"


def test_the_apis_document_is_a_page_in_a_language_that_fits_a_phone(shop: RunningShop, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/api/v1/docs")
    expect(page.get_by_text("Place an order, once")).to_be_visible()
    found = page.evaluate(FAULTS)
    assert [fault for fault in found if "language" in fault or "wider" in fault] == []
    expect(page.locator(".opblock-summary-method").first).to_have_css("color", "rgb(16, 16, 16)")
