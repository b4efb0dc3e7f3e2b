"""After the sale: a fan withdraws on a phone; a bank disputes a payment, and a person submits the answer."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from checkout.after_sale import FanRequest, RequestState
from checkout.contact import Address, Contact
from checkout.evidence import EvidencePack, PackState
from checkout.models import Order, OrderState
from checkout.order_request import Placed
from checkout.place_order import place_order
from checkout.tests import fan
from drops.models import Drop
from merchant.clock import now
from merchant.roles import POLICY_REVIEWER
from segments.models import Message
from tests.browser.buyer import Buyer
from tests.running_shop import RunningShop
from tests.waiting import until

pytestmark = pytest.mark.browser

PASSWORD = "a password of the tests"
BERLIN = Address("Lange Straße 1", "", "Berlin", "10115", "", "DE")


@pytest.fixture
def reviewer(shop: RunningShop, page: Page, complaints: list[str]) -> Page:
    """The desk of a policy reviewer who has just signed in."""
    if not User.objects.filter(username="reviewer").exists():
        person = User.objects.create_user("reviewer", password=PASSWORD, is_staff=True)
        person.groups.add(Group.objects.get(name=POLICY_REVIEWER))
    page.goto("/admin/")
    page.get_by_label("Username").fill("reviewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    return page


def bought(robe: Drop, shop: RunningShop, sku: str) -> tuple[Placed, Order]:
    """Two pieces that go to Berlin, paid."""
    agreed = fan.quoted(robe, (sku, 2), at=now(), country="DE")
    contact = Contact("fan@example.com", "A Fan", "", BERLIN)
    wanted = fan.request(agreed, contact=contact, confirmation_token=fan.card(shop.sandbox))
    placed = place_order(robe, wanted, person=fan.PERSON, now=now())
    order = fan.found(placed)
    until(lambda: Order.objects.filter(pk=order.pk, state=OrderState.CONFIRMED).exists())
    return placed, order


def fits(page: Page) -> bool:
    """Nothing is wider than the window."""
    wide: Any = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return bool(wide <= 0)


def test_a_fan_withdraws_on_a_phone(page: Page, robe: Drop, shop: RunningShop, complaints: list[str]) -> None:
    placed, order = bought(robe, shop, Buyer(page, robe).sku)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/orders/{placed.token}/")
    assert fits(page)
    page.get_by_role("link", name="Withdraw from contract here").click()
    expect(page.get_by_label("Your name")).to_have_value("A Fan")
    page.get_by_label(re.compile("Robe")).select_option("1")
    assert fits(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("I withdraw from the contract for")).to_be_visible()
    assert fits(page)
    assert FanRequest.objects.filter(order=order).count() == 0
    page.get_by_role("button", name="Confirm withdrawal").click()
    expect(page.get_by_text("Withdrawal: received")).to_be_visible()
    assert fits(page)
    asked = FanRequest.objects.get(order=order)
    assert asked.state == RequestState.ACCEPTED
    mail = Message.objects.get(key=f"order:{order.reference}:asked:{asked.pk}")
    assert asked.statement in mail.text


def test_a_dispute_arrives_and_is_staged_and_a_person_submits(reviewer: Page, robe: Drop, shop: RunningShop) -> None:
    _, order = bought(robe, shop, Buyer(reviewer, robe).sku)
    order.payment.refresh_from_db()
    dispute_id = shop.sandbox.dispute(order.payment.intent_id)
    until(lambda: EvidencePack.objects.filter(dispute__provider_id=dispute_id, state=PackState.STAGED).exists())
    pack = EvidencePack.objects.get(dispute__provider_id=dispute_id)

    reviewer.goto("/admin/checkout/dispute/")
    reviewer.get_by_role("row", name=re.compile(order.reference)).get_by_role("link", name="$102.00").click()
    expect(reviewer.get_by_role("heading", name="Answer: ready to be submitted")).to_be_visible()
    expect(reviewer.get_by_text("Nothing is submitted by itself.")).to_be_visible()
    reviewer.get_by_text("Submit to the bank…").first.click()
    expect(reviewer.get_by_text("There is no second one, and it cannot be taken back.")).to_be_visible()
    reviewer.get_by_role("button", name="Submit to the bank", exact=True).click()
    expect(reviewer.get_by_text("On its way to the bank.")).to_be_visible()
    until(lambda: EvidencePack.objects.filter(pk=pack.pk, state=PackState.SUBMITTED).exists())
    reviewer.reload()
    expect(reviewer.get_by_role("heading", name="Answer: submitted to the bank")).to_be_visible()
    reviewer.goto("/admin/checkout/dispute/rates/")
    expect(reviewer.get_by_role("rowheader", name="Winter Robe").first).to_be_visible()
