"""The waiting list in a real browser: joined, offered, bought, with a script and without; and a second first click."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from checkout.tests import fan
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import stock
from drops.models import Drop, StockItem
from merchant.clock import now
from segments.models import Message
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser
OTHERS = stock.Owner(stock.OwnerKind.ORDER, "FR-others")


def sell_out(drop: Drop) -> None:
    item = StockItem.objects.get(components__offer__drop=drop)
    later = now() + timedelta(hours=1)
    stock.hold([stock.Need(item.pk, item.available)], owner=owner(drop), expires_at=later, hard_cap_at=later)


def owner(drop: Drop) -> stock.Owner:
    return stock.Owner(OTHERS.kind, f"{drop.pk} others")


def joins(buyer: Buyer) -> WaitingPlace:
    page = buyer.page
    buyer.opens_the_drop()
    page.get_by_role("link", name=re.compile("Join the waiting list")).first.click()
    page.get_by_label("E-mail").fill(buyer.email)
    page.get_by_role("button", name="Join the waiting list").click()
    expect(page.get_by_role("heading", name="Look in your mail")).to_be_visible()
    page.goto(link_in_the_mail(buyer, "waiting_joined"))
    expect(page.get_by_role("heading", name="You are number 1 in line")).to_be_visible()
    return WaitingPlace.objects.get(drop=buyer.drop)


def link_in_the_mail(buyer: Buyer, kind: str) -> str:
    mail = Message.objects.get(to=buyer.email, kind=kind)
    found = re.search(r"http\S+/waiting/\S+/", mail.text)
    assert found, mail.text
    return found[0]


def buys_what_was_offered(shop: RunningShop, buyer: Buyer) -> None:
    """The worker makes the offer; the fan follows the e-mail's link and finds it in the checkout."""
    stock.release(owner(buyer.drop))
    until(lambda: WaitingPlace.objects.filter(drop=buyer.drop, state=PlaceState.OFFERED).exists())
    buyer.page.goto(link_in_the_mail(buyer, "waiting_offered"))
    expect(buyer.page.get_by_role("heading", name="It is yours for now")).to_be_visible()
    buyer.page.get_by_role("button", name="Buy it now").click()
    expect(buyer.page.get_by_role("heading", name="Checkout")).to_be_visible()
    expect(buyer.pay_button).to_be_visible()


def test_joins_is_offered_and_comes_to_the_checkout(shop: RunningShop, buyer: Buyer) -> None:
    sell_out(buyer.drop)
    place = joins(buyer)
    buys_what_was_offered(shop, buyer)
    buyer.page.go_back()
    buyer.page.get_by_role("button", name="Let it go").click()
    expect(buyer.page.get_by_role("heading", name="You left the list")).to_be_visible()
    assert WaitingPlace.objects.get(pk=place.pk).state == PlaceState.LEFT
    [sku] = buyer.drop.offers.values_list("variant__sku", flat=True)
    assert fan.counts(sku) == (0, 0, 5)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_joins_and_is_offered_without_javascript(shop: RunningShop, buyer: Buyer) -> None:
    sell_out(buyer.drop)
    joins(buyer)
    buys_what_was_offered(shop, buyer)


def test_the_live_page_offers_the_list_when_the_last_one_goes(shop: RunningShop, buyer: Buyer, page: Page) -> None:
    buyer.opens_the_drop()
    link = page.get_by_role("link", name="Join the waiting list")
    expect(link).to_have_count(0)
    sell_out(buyer.drop)
    link.click()
    page.get_by_label("E-mail").fill("nobody")
    page.evaluate("document.querySelector('#waiting form').noValidate = true")
    page.get_by_role("button", name="Join the waiting list").click()
    expect(page.get_by_text("Enter an e-mail address like name@example.com.")).to_be_visible()


TWO_CLICKS = """() => {
  const let_through = [];
  addEventListener("submit", (event) => {
    let_through.push(!event.defaultPrevented);
    event.preventDefault(); // the request itself is not what is looked at
  });
  const add = document.querySelector("#picker [value=cart]");
  add.form.requestSubmit(add);
  add.form.requestSubmit(add);
  return let_through;
}"""


def test_a_second_click_while_the_first_is_under_way_sends_nothing(shop: RunningShop, buyer: Buyer) -> None:
    buyer.opens_the_drop()
    expect(buyer.page.get_by_role("button", name="Buy now · $48.00")).to_be_visible()  # the script is there
    assert buyer.page.evaluate(TWO_CLICKS) == [True, False]


STOPPED = """async () => {
  const heard = (name) => new Promise((done) => navigation.addEventListener(name, done, { once: true }));
  const add = document.querySelector("#picker [value=cart]");
  const [under_way, over] = [heard("navigate"), heard("navigateerror")];
  add.form.requestSubmit(add);
  await under_way;
  setTimeout(() => stop()); // as the browser's own button does
  await over;
  const let_through = new Promise((done) => addEventListener("submit", (event) => {
    done(!event.defaultPrevented);
    event.preventDefault();
  }));
  add.form.requestSubmit(add);
  return let_through;
}"""


@pytest.mark.browser_context_args(service_workers="block")  # so that the cart's page can be held back
def test_who_stopped_the_page_that_did_not_come_presses_again(
    shop: RunningShop, buyer: Buyer, complaints: list[str]
) -> None:
    buyer.page.route("**/cart/", lambda route: None)  # neither answered nor refused
    buyer.opens_the_drop()
    expect(buyer.page.get_by_role("button", name="Buy now · $48.00")).to_be_visible()  # the script is there
    assert buyer.page.evaluate(STOPPED) is True
    complaints.clear()  # of the worker that is blocked
