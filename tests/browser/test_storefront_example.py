"""The storefront of docs/examples sells a drop from another origin, with nothing but the API."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from checkout.models import Cart, OrderState
from checkout.tests import fan
from drops.models import Capture, Drop, StockItem
from merchant.clock import now
from policies.models import Acceptance, Surface
from tests.browser.buyer import ASKS_BACK, DECLINED, GOOD, Buyer
from tests.browser.other_site import OtherSite
from tests.browser.terms_of_sale import prices, sold_from_18
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser
EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"


@pytest.fixture
def storefront(other_site: OtherSite, buyer: Buyer) -> Buyer:
    return opens(other_site, buyer)


def opens(site: OtherSite, buyer: Buyer) -> Buyer:
    """Somebody on the example's page, its two addresses changed as its README says."""
    site.pages = {path.name: path.read_text() for path in EXAMPLES.glob("storefront.*")}
    page = site.pages["storefront.html"]
    page = page.replace("http://127.0.0.1:8000", site.shop.url).replace("winter-robe", buyer.drop.slug)
    site.pages["storefront.html"] = page
    buyer.page.goto(f"{site.url}/storefront.html")
    return buyer


def orders(fan_there: Buyer, card: str) -> None:
    page = fan_there.page
    page.get_by_role("button", name="Put in the cart").click()
    fan_there.fills_in_the_address()
    fan_there.types_card(card)
    page.get_by_role("button", name="Order for $54.00").click()


def test_the_example_sells_a_drop_from_another_origin(shop: RunningShop, storefront: Buyer) -> None:
    page = storefront.page
    expect(page.get_by_label("Size")).to_contain_text("5 left")
    orders(storefront, GOOD)
    expect(storefront.headline).to_have_text("Yours.")
    order = storefront.order
    assert (order.state, order.captured_minor, order.cart is not None) == (OrderState.CONFIRMED, 5400, True)
    assert fan.counts(storefront.sku) == (0, 1, 4)
    assert [charge["amount"] for charge in shop.sandbox.charges(order.reference)] == [5400]
    accepted = Acceptance.objects.get(order_ref=order.reference)
    assert (accepted.accepted, accepted.surface) == (True, Surface.API)


def test_the_example_sells_where_a_card_is_charged_only_when_it_is_certain(
    shop: RunningShop, other_site: OtherSite, buyer: Buyer
) -> None:
    """Mounted with another capture method no card would be taken."""
    Drop.objects.filter(pk=buyer.drop.pk).update(capture=Capture.WHEN_CERTAIN)
    orders(opens(other_site, buyer), GOOD)
    expect(buyer.headline).to_have_text("Yours.")
    until(lambda: buyer.order.captured_minor == 5400)
    assert buyer.order.state == OrderState.CONFIRMED


def test_the_examples_rows_add_up_and_follow_the_place_and_the_code(
    off: None, taxes: None, other_site: OtherSite, buyer: Buyer
) -> None:
    prices(other_site, include_tax=False)
    page = opens(other_site, buyer).page
    page.get_by_role("button", name="Put in the cart").click()
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    page.get_by_label("Discount code").fill("friend5")
    page.get_by_label("State or region").fill("CA")
    page.get_by_label("City", exact=True).focus()
    # $48 - 10 % - $5 + $6, and 8.25 % of the goods and of delivery
    button = page.get_by_role("button", name="Order for $47.85")
    expect(button).to_be_visible()
    rows = {row.locator("th").inner_text(): row.locator("td").inner_text() for row in page.locator("#sums tr").all()}
    assert rows == {
        "Subtotal": "$48.00",
        "Delivery": "$6.00",
        "Opening week": "−$4.80",
        "A friend": "−$5.00",
        "Sales tax 8.25 %": "$3.65",
        "Total": "$47.85",
    }
    button.click()
    expect(buyer.headline).to_have_text("Yours.")
    assert buyer.order.captured_minor == 4785


def test_the_example_asks_for_an_age(other_site: OtherSite, buyer: Buyer) -> None:
    sold_from_18(buyer)
    page = opens(other_site, buyer).page
    page.get_by_role("button", name="Put in the cart").click()
    buyer.fills_in_the_address()
    buyer.types_card(GOOD)
    page.get_by_label("Date of birth").fill("1990-12-31")
    page.get_by_role("button", name="Order for $54.00").click()
    expect(buyer.headline).to_have_text("Yours.")


def test_the_example_leads_to_the_waiting_list(storefront: Buyer) -> None:
    page = storefront.page
    page.get_by_role("button", name="Put in the cart").click()
    storefront.fills_in_the_address()
    storefront.types_card(GOOD)
    Cart.objects.filter(drop=storefront.drop).update(expires_at=now() - timedelta(seconds=1))
    until(lambda: fan.counts(storefront.sku) == (0, 0, 5))
    StockItem.objects.filter(code=storefront.sku).update(total=0)
    page.get_by_role("button", name="Order for $54.00").click()
    waiting = page.get_by_role("link", name="Join the waiting list")
    expect(waiting).to_have_attribute("href", re.compile(rf"/drops/{storefront.drop.slug}/waiting/$"))
    expect(page.get_by_role("button", name="Order for $54.00")).to_be_hidden()


def test_the_example_takes_another_card_and_asks_the_bank(shop: RunningShop, storefront: Buyer) -> None:
    orders(storefront, DECLINED)
    expect(storefront.headline).to_have_text("That card did not work")
    storefront.types_card(ASKS_BACK)
    storefront.page.get_by_role("button", name="Pay with this card").click()
    storefront.bank.get_by_role("button", name="Complete authentication").click()
    expect(storefront.headline).to_have_text("Yours.")
    assert [charge["paid"] for charge in shop.sandbox.charges(storefront.order.reference)] == [False, True]


def test_a_site_that_was_not_named_cannot_sell(shop: RunningShop, page: Page, robe: Drop) -> None:
    with OtherSite(shop).open() as stranger:
        stranger.pages = {path.name: path.read_text() for path in EXAMPLES.glob("storefront.*")}
        named = stranger.pages["storefront.html"].replace("http://127.0.0.1:8000", shop.url)
        stranger.pages["storefront.html"] = named.replace("winter-robe", robe.slug)
        page.goto(f"{stranger.url}/storefront.html")
        expect(page.get_by_role("status")).to_have_text("The shop cannot be reached. Try again in a moment.")
        expect(page.get_by_role("button", name="Put in the cart")).to_be_hidden()
