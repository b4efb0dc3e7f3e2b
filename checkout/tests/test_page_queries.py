"""What each page of checkout asks the database: as much for four things as for one."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import drops.queries
import merchant.store
import policies.queries
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import waiting
from checkout.tests.test_pages import agree
from checkout.tokens import order_token
from drops.models import Drop
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)
SKUS = ("ROBE-L", "ROBE-M", "ROBE-S", "ROBE-X")


@pytest.fixture(autouse=True)
def _nothing_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """While statements are counted, a slow machine must not let a cache run out."""
    for module in (drops.queries, merchant.store, policies.queries):
        monkeypatch.setattr(module, "FRESH_SECONDS", 600.0)


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(skus=SKUS, hold_from="cart")


def with_things(drop: Drop, number: int) -> Client:
    browser = Client()
    for sku in SKUS[:number]:
        assert browser.post(f"/drops/{drop.slug}/cart/", {"sku": sku, "quantity": 1}).status_code == 303
    return browser


def asked(browser: Client, address: str) -> int:
    """Statements of the page's second showing: what a process keeps for a while is warm."""
    browser.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(address).status_code == 200
    return len(queries)


@pytest.mark.parametrize("things", [1, 4])
@pytest.mark.parametrize(("page", "statements"), [("cart", 6), ("checkout", 4)])
def test_cart_and_checkout(drop: Drop, things: int, page: str, statements: int) -> None:
    assert asked(with_things(drop, things), f"/drops/{drop.slug}/{page}/") == statements


@pytest.mark.parametrize("things", [1, 4])
def test_an_order(drop: Drop, things: int) -> None:
    browser = with_things(drop, things)
    address = agree(browser, drop)["Location"]
    assert asked(browser, address) == 4


def test_the_page_that_asks_for_a_card(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    assert asked(Client(), f"/orders/{order_token(order.token_nonce)}/pay") == 4
