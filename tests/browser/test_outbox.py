"""The device's queue and the pages it keeps: an order that the network swallowed is sent again, and answered once."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.core import signing
from playwright.sync_api import BrowserContext, CDPSession, Locator, Page, expect

from checkout.models import Order
from checkout.quote import SALT
from checkout.tests import fan
from drops.models import Drop, DropState, StockItem
from merchant.clock import now
from tests.browser.buyer import GOOD, Buyer
from tests.browser.conftest import complaints_of
from tests.browser.network import Network
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser

SAVED = "Saved on this device, sending…"
NETWORK = r"Failed to load resource|net::ERR_|FetchEvent|Failed to convert value to 'Response'"
DRAWERS = {
    "full": "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); }",
    "full at the end": """const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (...all) {
          const asked = put.apply(this, all);
          this.transaction.abort();
          return asked;
        }""",
    "closed": "IDBDatabase.prototype.transaction = () => { throw new DOMException('closed', 'InvalidStateError'); }",
    "silent": """const nothing = () => ({});
        IDBDatabase.prototype.transaction = () => ({ objectStore: () => ({ get: nothing, getAll: nothing }) })""",
}
NEVER_LATE = "AbortSignal.timeout = () => new AbortController().signal"
NO_SYNC = "SyncManager.prototype.register = async () => {}"  # the page alone sends
NO_CHANCE = "Math.random = () => 0"  # the shortest pauses there are
ORDERS = """() => new Promise((yes) => {
  const asked = indexedDB.open("frontrow");
  asked.onsuccess = () => {
    const all = asked.result.transaction("orders").objectStore("orders").getAll();
    all.onsuccess = () => { asked.result.close(); yes(all.result); };
  };
})"""
KEPT_TEXTS = """async () => {
  const texts = {};
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const answer = await cache.match(request);
      const type = answer.headers.get("Content-Type") || "";
      if (!/font|image/.test(type)) texts[new URL(request.url).pathname] = await answer.text();
    }
  }
  return texts;
}"""


@pytest.fixture(scope="module")
def open_network(running_shop: RunningShop) -> Iterator[Network]:
    with Network(running_shop.url).open() as network:
        yield network


@pytest.fixture(scope="module")
def browser_context_args(browser_context_args: dict[str, Any], open_network: Network) -> dict[str, Any]:
    return {**browser_context_args, "base_url": open_network.url}


@pytest.fixture
def network(open_network: Network) -> Iterator[Network]:
    """Whole at the start of each test, and again at its end."""
    open_network.heal()
    open_network.forget()
    yield open_network
    open_network.heal()


@pytest.fixture
def complaints(context: BrowserContext) -> Iterator[list[str]]:
    """A browser does complain of a network that is away; here that is the matter itself, and nothing else is."""
    heard = complaints_of(context, pardoned=f"{NETWORK}|with a status of (409|422)")
    yield heard
    assert heard == []


@pytest.fixture
def ready(shop: RunningShop, network: Network, buyer: Buyer) -> Buyer:
    """At the checkout page, everything typed, with a worker behind the page."""
    return at_checkout(buyer)


def at_checkout(buyer: Buyer) -> Buyer:
    buyer.buys_now()
    buyer.types_card(GOOD)  # first: while the card form comes, what stands below it moves
    buyer.fills_in_the_address()
    has_a_worker(buyer.page)
    return buyer


def has_a_worker(page: Page) -> None:
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")


def note(page: Page) -> Locator:
    return page.locator("#outbox .note")


def waiting(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(ORDERS)
    return found


def kept_texts(page: Page) -> dict[str, str]:
    found: dict[str, str] = page.evaluate(KEPT_TEXTS)
    return found


def sell_out(buyer: Buyer) -> None:
    """Time goes by: the fan's hold ends, is swept away, and others buy everything."""
    buyer.drop.carts.update(expires_at=now() - timedelta(seconds=1))
    until(lambda: fan.counts(buyer.sku) == (0, 0, 5))
    StockItem.objects.filter(code=buyer.sku).update(sold=5)


def test_offline_during_the_click_and_back(ready: Buyer, context: BrowserContext, network: Network) -> None:
    context.set_offline(True)
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    expect(note(ready.page)).to_contain_text("You are offline")
    assert network.tried == [f"/drops/{ready.drop.slug}/cart/"]
    context.set_offline(False)
    expect(ready.headline).to_have_text("One step left: pay for your order")  # no token can be made without a network
    assert Order.objects.filter(drop=ready.drop).count() == 1
    assert fan.counts(ready.sku) == (1, 0, 4)
    assert waiting(ready.page) == []


@pytest.mark.parametrize("fault", DRAWERS)
def test_a_phone_that_cannot_store_buys_all_the_same(shop: RunningShop, ready: Buyer, fault: str) -> None:
    ready.page.evaluate(f"() => {{ {DRAWERS[fault]} }}")
    ready.pay_button.click()
    expect(ready.headline).to_have_text("Yours.")
    assert [charge["amount"] for charge in shop.sandbox.charges(ready.order.reference)] == [5400]


def test_what_cannot_be_stored_waits_on_the_page_and_says_so(ready: Buyer, network: Network) -> None:
    ready.page.evaluate(f"() => {{ {DRAWERS['full']} }}")
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text("Sending… leave this page open")
    expect(note(ready.page)).to_contain_text("This device had no room to save it")
    assert waiting(ready.page) == []
    network.away = False
    expect(ready.headline).to_have_text("Yours.")
    assert Order.objects.filter(drop=ready.drop).count() == 1


def test_a_disk_that_is_full_later_forgets_nothing_that_was_stored(ready: Buyer, network: Network) -> None:
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    ready.page.evaluate(f"() => {{ {DRAWERS['full']} }}")
    expect(note(ready.page)).to_contain_text("Sending… leave this page open")
    network.away = False
    expect(ready.headline).to_have_text("Yours.")
    assert Order.objects.filter(drop=ready.drop).count() == 1


def test_what_is_cancelled_on_a_full_disk_is_not_sent_by_the_next_page(
    ready: Buyer, context: BrowserContext, network: Network
) -> None:
    context.set_offline(True)
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    ready.page.evaluate(f"() => {{ {DRAWERS['full']} }}")
    note(ready.page).get_by_role("button", name="Cancel this order").click()
    expect(note(ready.page)).to_contain_text("Nothing was sent, and nothing is charged.")
    until(lambda: waiting(ready.page) == [])
    assert not Order.objects.filter(drop=ready.drop).exists()


def test_a_connection_that_the_browser_closed_is_opened_again(ready: Buyer, network: Network) -> None:
    ready.page.evaluate("""() => {
      const before = IDBDatabase.prototype.transaction;
      IDBDatabase.prototype.transaction = function (...all) {
        window.first ??= this;
        if (this === window.first) throw new DOMException("closed", "InvalidStateError");
        return before.apply(this, all);
      };
    }""")
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    assert [bool(order["body"]) for order in waiting(ready.page)] == [True]


def test_busy_for_a_while(shop: RunningShop, ready: Buyer, network: Network) -> None:
    network.busy = {"Retry-After": "1"}
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    until(lambda: len(network.tried) > 3)
    network.busy = None
    expect(ready.headline).to_have_text("Yours.")
    assert [charge["amount"] for charge in shop.sandbox.charges(ready.order.reference)] == [5400]
    assert fan.counts(ready.sku) == (0, 1, 4)


def test_a_503_that_lasts_ten_seconds(shop: RunningShop, buyer: Buyer, network: Network) -> None:
    page = buyer.page
    page.clock.install()
    at_checkout(buyer)
    network.busy = {}
    buyer.pay_button.click()
    expect(note(page)).to_contain_text(SAVED)
    before, tried = page.evaluate("() => Date.now()"), len(network.tried)
    for _ in range(10):
        a_second_later(page)
    assert page.evaluate("() => Date.now()") - before >= 10_000
    until(lambda: len(network.tried) > tried)
    expect(note(page)).to_contain_text(SAVED)
    assert not Order.objects.filter(drop=buyer.drop).exists()
    network.busy = None
    until(lambda: a_second_later(page) and Order.objects.filter(drop=buyer.drop).exists())
    expect(buyer.headline).to_have_text("Yours.")
    assert [charge["amount"] for charge in shop.sandbox.charges(buyer.order.reference)] == [5400]


def a_second_later(page: Page) -> bool:
    """In the page's own time."""
    page.clock.run_for(1000)
    return True


@pytest.mark.parametrize("seconds", [300, 3600])
def test_a_retry_after_is_waited_for(buyer: Buyer, network: Network, seconds: int) -> None:
    page = buyer.page
    page.clock.install()
    page.add_init_script(NO_CHANCE)
    at_checkout(buyer)
    network.busy = {"Retry-After": str(seconds)}
    buyer.pay_button.click()
    (order,) = until(lambda: [order for order in waiting(page) if order["tries"]])
    tried = len(network.tried)
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.reload()
    expect(note(page)).to_contain_text("The next try is at")
    page.clock.pause_at(tried_again_at(order) - timedelta(seconds=1))
    no_try_is_under_way(page, order["key"])
    assert len(network.tried) == tried, "a second too early"
    page.clock.run_for(1500)
    until(lambda: len(network.tried) == tried + 1)


def tried_again_at(order: dict[str, Any]) -> datetime:
    """By the device's own clock."""
    return datetime.fromtimestamp((order["notBefore"] - order["offset"]) / 1000, UTC)


def no_try_is_under_way(page: Page, key: str) -> None:
    """A try begins in its timer with the order's lock, and gives it back when it has ended."""
    page.evaluate("async (key) => { await navigator.locks.request(`order ${key}`, () => {}); }", key)


def test_why_the_shop_wants_to_be_asked_later_is_told(ready: Buyer, network: Network) -> None:
    network.too_often = "Too many cards were refused from where you are."
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(network.too_often)
    until(lambda: door(ready.drop) in network.tried)
    expect(note(ready.page)).to_contain_text("The next try is at")  # the door's answer, an hour ahead
    expect(note(ready.page)).to_contain_text(network.too_often)
    expect(note(ready.page).get_by_role("button", name="Cancel this order")).to_be_visible()
    assert not Order.objects.filter(drop=ready.drop).exists()


# --- C30: only the server's time counts -----------------------------------------------------------

AHEAD = timedelta(hours=13)  # beyond a payment token's life of twelve


@pytest.fixture
def ahead(shop: RunningShop, network: Network, buyer: Buyer) -> Buyer:
    """At the checkout page, with a phone whose clock is wrong."""
    buyer.page.add_init_script(NO_SYNC)  # the worker's clock is not moved
    buyer.page.clock.install(time=now() + AHEAD)
    return at_checkout(buyer)


def test_c30_a_clock_that_is_ahead_takes_no_card_from_an_order(
    shop: RunningShop, ahead: Buyer, network: Network
) -> None:
    network.busy = {}
    ahead.pay_button.click()
    expect(note(ahead.page)).to_contain_text(SAVED)
    until(lambda: door(ahead.drop) in network.tried)
    network.busy = None
    expect(ahead.headline).to_have_text("Yours.")
    assert [charge["amount"] for charge in shop.sandbox.charges(ahead.order.reference)] == [5400]


def test_c30_a_date_to_come_back_at_is_read_by_the_servers_clock(ahead: Buyer, network: Network) -> None:
    at = now().replace(microsecond=0) + timedelta(minutes=10)
    network.busy = {"Retry-After": format_datetime(at, usegmt=True)}
    ahead.pay_button.click()
    (order,) = until(lambda: [order for order in waiting(ahead.page) if order["tries"]])
    assert order["notBefore"] == at.timestamp() * 1000


def test_c30_a_clock_that_is_set_right_meanwhile_is_noticed(ahead: Buyer, network: Network) -> None:
    """What the shop's last answer said of the time counts, not what the page knew when it was made."""
    network.busy = {"Date": format_datetime(now() + timedelta(hours=1), usegmt=True)}
    ahead.pay_button.click()
    (order,) = until(lambda: [order for order in waiting(ahead.page) if order["tries"]])
    assert timedelta(hours=-12, minutes=-5) < timedelta(milliseconds=order["offset"]) < timedelta(hours=-11)


def test_c30_a_countdown_counts_the_servers_time(page: Page, robe: Drop, network: Network) -> None:
    Drop.objects.filter(pk=robe.pk).update(
        state=DropState.SCHEDULED, starts_at=now() + timedelta(days=5, hours=12, minutes=30)
    )
    page.clock.install(time=now() + AHEAD)
    page.goto(f"/drops/{robe.slug}/")
    expect(page.locator("[data-countdown]")).to_have_text("5 days 12 h")


# --- other tabs, other times -----------------------------------------------------------------------


def test_the_answer_is_lost_after_the_commit(shop: RunningShop, ready: Buyer, network: Network) -> None:
    network.loses_answers = 2
    ready.pay_button.click()
    expect(ready.headline).to_have_text("Yours.")
    assert network.posts[-3:] == [f"/drops/{ready.drop.slug}/checkout/", *[door(ready.drop)] * 2]
    assert Order.objects.filter(drop=ready.drop).count() == 1
    assert [charge["amount"] for charge in shop.sandbox.charges(ready.order.reference)] == [5400]


def door(drop: Drop) -> str:
    return f"/drops/{drop.slug}/checkout/kept/"


def test_a_closed_tab_is_taken_up_again(
    shop: RunningShop, ready: Buyer, network: Network, context: BrowserContext
) -> None:
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    ready.page.close()
    network.away = False
    later = context.new_page()
    later.goto("/policies/")
    expect(note(later)).to_contain_text("Your order has arrived")
    assert Order.objects.filter(drop=ready.drop).count() == 1
    note(later).get_by_role("link", name="See your order").click()
    expect(later.locator("#headline")).to_have_text("Yours.")
    assert waiting(later) == []
    assert [charge["amount"] for charge in shop.sandbox.charges(ready.order.reference)] == [5400]


def test_two_tabs_never_send_at_once(ready: Buyer, network: Network, context: BrowserContext) -> None:
    ready.page.evaluate(f"() => {{ {NEVER_LATE} }}")
    ready.page.evaluate(f"() => {{ {NO_SYNC} }}")  # the worker's patience would end, too
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    (order,) = waiting(ready.page)
    context.add_init_script(NEVER_LATE)
    second = context.new_page()
    network.stop_posts()
    network.away = False
    network.forget()
    second.goto("/")
    until(lambda: network.tried == [door(ready.drop)])
    second.evaluate("async (key) => { await (await import('/static/js/outbox.js')).attempt(key); }", order["key"])
    assert network.tried == [door(ready.drop)]
    network.heal()
    expect(ready.headline).to_be_visible()
    until(lambda: not [order for order in waiting(second) if order.get("body")])
    assert network.tried == [door(ready.drop)]
    assert Order.objects.filter(drop=ready.drop).count() == 1


def test_sold_out_before_it_arrives(shop: RunningShop, ready: Buyer, context: BrowserContext) -> None:
    context.set_offline(True)
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    sell_out(ready)
    context.set_offline(False)
    expect(note(ready.page)).to_contain_text("Your hold ended before your order reached us")
    expect(note(ready.page)).to_contain_text("you have not been charged")
    assert not Order.objects.filter(drop=ready.drop).exists()
    assert [name for name in waiting(ready.page) if name.get("body") or name.get("token")] == []
    expect(ready.pay_button).to_be_hidden()
    expect(note(ready.page).get_by_role("link", name="See what is left")).to_be_visible()
    note(ready.page).get_by_role("link", name="Join the waiting list").click()
    expect(ready.page.get_by_role("heading", name="Join the waiting list")).to_be_visible()
    assert waiting(ready.page) == []


def test_c24_what_was_never_held_is_sold_out_before_it_arrives(buyer: Buyer, network: Network) -> None:
    Drop.objects.filter(pk=buyer.drop.pk).update(hold_from="order")
    at_checkout(buyer)
    network.away = True
    buyer.pay_button.click()
    expect(note(buyer.page)).to_contain_text(SAVED)
    StockItem.objects.filter(code=buyer.sku).update(sold=5)
    network.away = False
    expect(note(buyer.page)).to_contain_text("Sold out before your order reached us")
    expect(note(buyer.page)).to_contain_text("Your order was not placed, and you have not been charged.")
    expect(note(buyer.page).get_by_role("link", name="See what is left")).to_be_visible()
    expect(note(buyer.page).get_by_role("link", name="Join the waiting list")).to_be_visible()
    assert not Order.objects.filter(drop=buyer.drop).exists()
    assert [kept for kept in waiting(buyer.page) if kept.get("body")] == []


def test_a_closed_refusal_gives_the_form_back(ready: Buyer, context: BrowserContext) -> None:
    context.set_offline(True)
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    sell_out(ready)
    context.set_offline(False)
    expect(note(ready.page)).to_contain_text("Your hold ended before your order reached us")
    expect(ready.pay_button).to_be_hidden()
    note(ready.page).get_by_role("button", name="Close").click()
    expect(note(ready.page)).to_have_count(0)
    ready.page.get_by_label("City").fill("Shelbyville")
    StockItem.objects.filter(code=ready.sku).update(sold=4)  # one comes back
    ready.pay_button.click()
    expect(ready.headline).to_have_text("Yours.")
    assert ready.order.address["city"] == "Shelbyville"


def test_the_browser_sends_it_on_when_no_page_is_open(
    shop: RunningShop, ready: Buyer, network: Network, context: BrowserContext
) -> None:
    """Background Sync: the bonus of a browser that has it. DevTools says to the worker that the network is back."""
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    elsewhere = context.new_page()
    assert until(lambda: sync_tags(ready.page)) == ["orders"], "the page asked for it"
    ready.page.close()
    network.forget()
    network.away = False
    devtools = context.new_cdp_session(elsewhere)
    ours = registration(devtools, elsewhere, network.url)
    sync = {"origin": network.url, "registrationId": ours, "tag": "orders", "lastChance": False}
    devtools.send("ServiceWorker.dispatchSyncEvent", sync)
    until(lambda: Order.objects.filter(drop=ready.drop).exists())
    assert set(network.tried) == {door(ready.drop)}, "no page is open: only the worker can have sent it"
    elsewhere.goto("/policies/")
    expect(note(elsewhere)).to_contain_text("Your order has arrived")
    note(elsewhere).get_by_role("link", name="See your order").click()
    expect(elsewhere.locator("#headline")).to_have_text("Yours.")
    assert [charge["amount"] for charge in shop.sandbox.charges(ready.order.reference)] == [5400]


def sync_tags(page: Page) -> list[str]:
    found: list[str] = page.evaluate("async () => (await navigator.serviceWorker.ready).sync.getTags()")
    return found


def registration(devtools: CDPSession, page: Page, origin: str) -> str:
    """The id under which the browser knows the shop's worker."""
    known: list[str] = []

    def heard(said: dict[str, Any]) -> None:
        known.extend(each["registrationId"] for each in said["registrations"] if each["scopeURL"].startswith(origin))

    devtools.on("ServiceWorker.workerRegistrationUpdated", heard)
    devtools.send("ServiceWorker.enable")
    until(lambda: page.evaluate("() => true") and known)
    return known[0]


def test_cancelled_before_it_was_sent(ready: Buyer, context: BrowserContext, network: Network) -> None:
    context.set_offline(True)
    ready.pay_button.click()
    note(ready.page).get_by_role("button", name="Cancel this order").click()
    expect(note(ready.page)).to_contain_text("Nothing was sent, and nothing is charged.")
    tried = list(network.tried)
    context.set_offline(False)
    note(ready.page).get_by_role("button", name="Close").click()
    expect(note(ready.page)).to_have_count(0)
    ready.page.reload()
    expect(ready.pay_button).to_be_visible()
    assert network.tried == tried
    assert waiting(ready.page) == []
    assert not Order.objects.filter(drop=ready.drop).exists()


def test_a_token_that_is_too_old_stays_behind(
    shop: RunningShop, ready: Buyer, network: Network, context: BrowserContext
) -> None:
    was_shown_earlier(ready.page, timedelta(hours=12, minutes=1))
    network.busy = {"Retry-After": "300"}
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    (order,) = until(lambda: [order for order in waiting(ready.page) if order["tries"]])
    assert order["token"].startswith("ctoken_")
    ready.page.close()
    network.heal()  # the worker still leaves it alone: its clock is not moved
    later = context.new_page()
    later.add_init_script(NO_CHANCE)
    later.clock.set_fixed_time(order["tokenEnds"] / 1000 + 60)
    later.goto("/policies/")
    expect(note(later)).to_contain_text("Your order has arrived")
    note(later).get_by_role("link", name="See your order").click()
    expect(later.locator("#headline")).to_have_text("One step left: pay for your order")
    assert ready.order.payment.confirmation_token == ""
    assert shop.sandbox.charges(ready.order.reference) == []


def test_after_a_day_the_device_forgets_it(ready: Buyer, network: Network, context: BrowserContext) -> None:
    network.busy = {"Retry-After": "300"}  # so that the worker, whose clock is not moved, leaves it alone
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    until(lambda: [order for order in waiting(ready.page) if order["notBefore"]])
    ready.page.close()
    network.heal()
    network.forget()
    later = context.new_page()
    later.clock.set_fixed_time(now() + timedelta(hours=25))
    later.goto("/policies/")
    expect(note(later)).to_contain_text("Your order could not be sent")
    (left,) = waiting(later)
    assert set(left) == {"key", "title", "drop", "checkout", "uncertain", "at", "said"}
    assert network.tried == []


def test_what_waited_longer_than_a_quote_lasts_is_placed(shop: RunningShop, ready: Buyer, network: Network) -> None:
    was_shown_earlier(ready.page, timedelta(minutes=31))
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    network.away = False
    expect(ready.headline).to_have_text("Yours.")
    assert network.posts[-1] == door(ready.drop)
    assert [charge["amount"] for charge in shop.sandbox.charges(ready.order.reference)] == [5400]


def test_what_waited_longer_and_costs_more_now_is_agreed_anew(ready: Buyer, network: Network) -> None:
    was_shown_earlier(ready.page, timedelta(minutes=31))
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    ready.drop.offers.update(price_minor=5000)
    network.away = False
    ready.page.get_by_role("button", name="Pay $56.00").click()
    expect(ready.headline).to_have_text("Yours.")
    assert ready.order.total_minor == 5600


def was_shown_earlier(page: Page, ago: timedelta) -> None:
    """As if the page had been open for so long: the running shop's clock cannot be moved, the quote's time can."""
    field = page.locator("[name=quote]")
    shown = signing.loads(field.input_value(), salt=SALT)
    shown["at"] -= ago.total_seconds()
    field.evaluate("(field, token) => { field.value = token; }", signing.dumps(shown, salt=SALT, compress=True))


def test_another_total_is_agreed_anew_on_the_page(ready: Buyer, network: Network) -> None:
    network.away = True
    ready.pay_button.click()
    expect(note(ready.page)).to_contain_text(SAVED)
    ready.drop.offers.update(price_minor=5000)
    network.away = False
    expect(ready.page.locator("#trouble")).to_contain_text("The total changed")
    expect(ready.page.get_by_label("City")).to_have_value("Springfield")
    expect(note(ready.page)).to_have_count(0)
    ready.page.get_by_role("button", name="Pay $56.00").click()
    expect(ready.headline).to_have_text("Yours.")
    assert ready.order.total_minor == 5600


def test_a_reload_while_the_shop_is_gone_shows_what_was_seen_last(buyer: Buyer, network: Network) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    has_a_worker(page)
    until(lambda: f"/drops/{buyer.drop.slug}/" in kept_texts(page))
    network.away = True
    page.reload()
    expect(page.get_by_role("heading", name="Winter Robe")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Last seen at \d\d:\d\d · the shop does not answer just now"))).to_be_visible()
    expect(page.locator("[data-stock]")).to_have_text("5 left")
    expect(page.get_by_role("button", name="Buy now")).to_be_disabled()
    network.away = False
    expect(page.get_by_text("Last seen at")).to_have_count(0)
    page.get_by_role("button", name="Buy now").click()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()


def test_a_reload_without_a_network_says_so(buyer: Buyer, network: Network, context: BrowserContext) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    has_a_worker(page)
    until(lambda: f"/drops/{buyer.drop.slug}/" in kept_texts(page))
    context.set_offline(True)
    page.reload()
    expect(page.get_by_text(re.compile(r"Last seen at \d\d:\d\d · you are offline"))).to_be_visible()
    page.get_by_text("30 days to send it back.").click()
    expect(page.get_by_text("Send it back within 30 days.")).to_be_visible()
    page.goto(f"/drops/{buyer.drop.slug}/cart/")
    expect(page.get_by_role("heading", name="Waiting for the shop")).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()


def test_a_checkout_without_a_shop_is_its_outline_and_knows_nobody(ready: Buyer, network: Network) -> None:
    page = ready.page
    until(lambda: drop_page(ready) in kept_texts(page))
    network.away = True
    page.reload()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    expect(page.get_by_text("The shop does not answer just now")).to_be_visible()
    expect(page.get_by_text("whatever else you had typed here is kept nowhere")).to_be_visible()
    assert [typed for typed in (ready.email, "Long Street", "Springfield") if typed in page.content()] == []
    page.get_by_role("link", name="The drop, as it was last seen").click()
    expect(page.get_by_role("heading", name="Winter Robe")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    network.away = False
    expect(page.get_by_label("City")).to_be_visible()


@pytest.mark.parametrize("spike", ["answers 503", "does not answer"])
def test_a_reload_in_the_spike_shows_what_was_seen_last(buyer: Buyer, network: Network, spike: str) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    has_a_worker(page)
    until(lambda: drop_page(buyer) in kept_texts(page))
    if spike == "answers 503":
        network.spike = True
    else:
        network.stop_pages()
    page.reload()
    expect(page.get_by_text(re.compile(r"Last seen at \d\d:\d\d · the shop does not answer just now"))).to_be_visible()
    expect(page.locator("[data-stock]")).to_have_text("5 left")
    network.heal()
    expect(page.get_by_text("Last seen at")).to_have_count(0)
    expect(page.get_by_role("button", name="Buy now")).to_be_enabled()


def test_nothing_secret_is_kept(shop: RunningShop, buyer: Buyer, network: Network) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    has_a_worker(page)
    page.goto("/policies/returns/")
    buyer.pays()
    expect(buyer.headline).to_have_text("Yours.")
    page.goto("/")
    buyer.opens_the_drop()
    texts = until(lambda: found if {"/", drop_page(buyer)} <= set(found := kept_texts(page)) else None)
    assert texts is not None
    addresses = [path for path in texts if not re.match(r"/(static|media)/|/theme.css", path)]
    assert sorted(addresses) == sorted(["/", "/offline/", "/offline/checkout/", "/policies/returns/", drop_page(buyer)])
    (csrf,) = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken"]
    pages = "".join(texts[path] for path in addresses)
    secrets = ("csrfmiddlewaretoken", "nonce", csrf, buyer.email, "Long Street", "/orders/", "ctoken_")
    assert [secret for secret in secrets if secret in pages] == []
    assert waiting(page) == []


def drop_page(buyer: Buyer) -> str:
    return f"/drops/{buyer.drop.slug}/"


def test_turned_off_it_leaves_nothing_behind(shop: RunningShop, buyer: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    page = buyer.page
    buyer.opens_the_drop()
    has_a_worker(page)
    until(lambda: drop_page(buyer) in kept_texts(page))
    monkeypatch.setenv("SERVICE_WORKER", "false")
    shop.restart("web")
    page.reload()
    page.evaluate("async () => { await (await navigator.serviceWorker.getRegistration())?.update(); }")
    until(lambda: kept_texts(page) == {})
    until(lambda: page.evaluate("async () => (await navigator.serviceWorker.getRegistrations()).length") == 0)
    monkeypatch.delenv("SERVICE_WORKER")
    shop.restart("web")
