"""The storefront of docs/examples sells a drop from another origin, with nothing but the API."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from checkout.models import OrderState
from checkout.tests import fan
from drops.models import Drop
from policies.models import Acceptance, Surface
from tests.browser.buyer import ASKS_BACK, DECLINED, GOOD, Buyer
from tests.browser.other_site import OtherSite
from tests.running_shop import RunningShop

pytestmark = pytest.mark.browser
EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"


@pytest.fixture
def storefront(other_site: OtherSite, buyer: Buyer) -> Buyer:
    """Somebody on the example's page, its two addresses changed as its README says."""
    other_site.pages = {path.name: path.read_text() for path in EXAMPLES.glob("storefront.*")}
    page = other_site.pages["storefront.html"]
    page = page.replace("http://127.0.0.1:8000", other_site.shop.url).replace("winter-robe", buyer.drop.slug)
    other_site.pages["storefront.html"] = page
    buyer.page.goto(f"{other_site.url}/storefront.html")
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
