"""A drop on sale, somebody in front of a browser, and an ear at the browser's console."""

import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, ViewportSize

from checkout.models import Discount, DiscountDrop, ShippingRate, ShippingZone, TaxRate
from checkout.tests import fan
from checkout.totals import tables
from drops.models import Drop, DropState
from merchant.clock import now
from merchant.models import StoreProfile
from tests.browser.buyer import Buyer
from tests.browser.other_site import OtherSite
from tests.running_shop import RunningShop, working_in
from tests.waiting import known_everywhere

# Right after it scrolled, Chromium may give a click to the card form's frame that was there before, and it is lost: a
# test's click comes that fast, a hand's does not. What looks at a phone or at scrolling sets its own size.
SO_HIGH_THAT_NOTHING_SCROLLS: ViewportSize = {"width": 1280, "height": 2600}
EXPECTED = r"with a status of (409|422)|both allow-scripts and allow-same-origin for its sandbox"


@pytest.fixture(scope="session")
def base_url(running_shop: RunningShop) -> str:
    return running_shop.url


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any], base_url: str) -> dict[str, Any]:
    """A process that has had a browser test of another folder before has kept arguments without an address."""
    return {**browser_context_args, "base_url": base_url, "viewport": SO_HIGH_THAT_NOTHING_SCROLLS}


@pytest.fixture
def shop(shop: RunningShop) -> RunningShop:
    """The running shop, with no drop on sale that another test has left: with each order its news look at every one."""
    Drop.objects.exclude(state__in=[DropState.DRAFT, DropState.CLOSED]).update(state=DropState.CLOSED)
    return shop


@pytest.fixture
def robe(shop: RunningShop, request: pytest.FixtureRequest) -> Drop:
    """A live drop of this test alone: one size at $48.00, five units, held from the cart on, two a person."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    slug = f"{words[:40]}-{secrets.token_hex(3)}"
    start = now() - timedelta(hours=1)
    return fan.live_drop(slug, total=5, skus=(f"{slug[-15:]}-M",), starts_at=start, hold_from="cart")


@pytest.fixture
def complaints(context: BrowserContext) -> Iterator[list[str]]:
    """What the browser complained of: errors of scripts, files that did not load, breaches of the security policy.

    A form that is shown again (409, 422) is no reason to complain, nor is the sandbox of the embed's demo, which keeps
    its origin. A test that provokes complaints empties the list; anything left fails it.
    """
    heard = complaints_of(context, pardoned=EXPECTED)
    yield heard
    assert heard == []


def complaints_of(context: BrowserContext, *, pardoned: str) -> list[str]:
    """A list that fills by itself. ``pardoned``: what the console may say; an error that a script threw never is."""
    heard: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not re.search(pardoned, message.text):
            heard.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    context.on("console", listen)
    context.on("weberror", lambda error: heard.append(str(error.error)))
    return heard


@pytest.fixture
def buyer(page: Page, robe: Drop, complaints: list[str]) -> Buyer:
    return Buyer(page, robe)


@pytest.fixture(scope="session")
def named_site(running_shop: RunningShop, django_db_blocker: Any) -> Iterator[OtherSite]:
    """One for all tests: it takes some seconds until every process of the shop knows who may sell."""
    with OtherSite(running_shop).open() as site:
        with django_db_blocker.unblock(), working_in(running_shop.database):
            site.is_named_by_the_merchant()
        yield site


@pytest.fixture
def other_site(shop: RunningShop, named_site: OtherSite) -> OtherSite:
    """A site that is not the shop's, and that its merchant has named as one that may sell; still without a page."""
    named_site.pages, named_site.frames = {}, ""
    return named_site


@pytest.fixture
def off(buyer: Buyer) -> None:
    """Ten percent off by itself, and a code for five dollars, in this test's drop alone."""
    with transaction.atomic():  # without a drop of its own it would hold in all of them
        by_itself, _ = Discount.objects.get_or_create(
            code="", defaults={"title": "Opening week", "basis_points": 1000, "currency": "USD"}
        )
        code, _ = Discount.objects.get_or_create(
            code="FRIEND5", defaults={"title": "A friend", "kind": "amount", "amount_minor": 500, "currency": "USD"}
        )
        for discount in (by_itself, code):
            DiscountDrop.objects.create(discount=discount, drop=buyer.drop)


@pytest.fixture
def taxes(shop: RunningShop, db: None) -> Iterator[None]:
    """19 % in Germany; 8.25 % in California alone. Gone with the test, others share the shop."""
    TaxRate.objects.create(title="VAT", country="DE", basis_points=1900)
    TaxRate.objects.create(title="Sales tax", country="US", region="CA", basis_points=825)
    yield
    TaxRate.objects.all().delete()
    StoreProfile.objects.update(prices_include_tax=True)


@pytest.fixture
def zones(shop: RunningShop, db: None) -> Iterator[None]:
    """Two ways to the United States, one to the rest of the world; gone with the test, others share the shop."""
    states, world = (
        ShippingZone.objects.create(title="US", countries=["US"]),
        ShippingZone.objects.create(title="World"),
    )
    option = {"code": "standard", "title": "Standard delivery", "note": "3 to 5 days"}
    ShippingRate.objects.create(zone=states, price_minor=600, **option)
    ShippingRate.objects.create(zone=states, code="express", title="Express", price_minor=1500, position=1)
    ShippingRate.objects.create(zone=world, price_minor=2500, **option)
    known_everywhere(tables.FRESH_SECONDS)
    yield
    ShippingZone.objects.all().delete()
    known_everywhere(tables.FRESH_SECONDS)
