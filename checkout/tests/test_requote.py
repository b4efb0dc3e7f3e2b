"""The checkout page and the API when the place, the delivery or the code is another one."""

from typing import Any

import pytest
from django.test import Client

from checkout.models import Discount, Order, ShippingRate, ShippingZone, TaxRate
from checkout.tests.test_pages import CONTACT, drop, form_of, with_cart
from drops.models import Drop
from merchant import store
from merchant.models import StoreProfile
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["drop"]


@pytest.fixture
def tables(shop: StoreProfile) -> None:
    states, world = ShippingZone.objects.create(title="US", countries=["US"]), ShippingZone.objects.create(title="All")
    ShippingRate.objects.create(zone=states, code="standard", title="Standard", price_minor=700)
    ShippingRate.objects.create(zone=states, code="express", title="Express", price_minor=1500, position=1)
    ShippingRate.objects.create(zone=world, code="world", title="Worldwide", price_minor=2500)
    Discount.objects.create(title="Opening week", code="SAVE10", basis_points=1000, currency="USD")


def requoted(browser: Client, drop: Drop, **changes: Any) -> str:
    page = browser.get(f"/drops/{drop.slug}/checkout/").content.decode()
    answer = browser.post(f"/drops/{drop.slug}/checkout/quote/", form_of(page) | CONTACT | changes)
    assert answer.status_code == 200
    return answer.content.decode()


def ordered(browser: Client, drop: Drop, page: str, **changes: Any) -> Any:
    return browser.post(f"/drops/{drop.slug}/checkout/", CONTACT | form_of(page) | changes)


def test_the_page_comes_back_as_it_was_filled_in(tables: None, drop: Drop) -> None:
    page = requoted(with_cart(drop), drop, shipping_option="express")
    assert "Pay $63.00" in page
    assert 'value="Springfield"' in page


def test_an_option_that_is_not_offered_there_gives_way_to_the_first(tables: None, drop: Drop) -> None:
    assert "Pay $73.00" in requoted(with_cart(drop), drop, shipping_option="express", country="DE")


def test_a_code_is_applied_ordered_and_remembered(tables: None, drop: Drop) -> None:
    browser = with_cart(drop)
    page = requoted(browser, drop, discount_code="save10")
    assert "Code <b>SAVE10</b> is applied." in page
    assert "Opening week" in page
    answer = ordered(browser, drop, page)
    assert answer.status_code == 303
    order = Order.objects.get()
    assert (order.total_minor, order.discount_minor) == (4800 - 480 + 700, 480)
    told = browser.get(answer["Location"]).content.decode()
    assert "Opening week" in told
    assert "−$4.80" in told


def test_a_code_is_removed(tables: None, drop: Drop) -> None:
    page = requoted(with_cart(drop), drop, discount_code="SAVE10", remove_discount="1")
    assert "is applied" not in page
    assert "Pay $55.00" in page


def test_a_wrong_code_is_told_beside_its_field(tables: None, drop: Drop) -> None:
    page = requoted(with_cart(drop), drop, discount_code="<b>NOPE")
    assert "We do not know this code." in page
    assert 'value="&lt;B&gt;NOPE"' in page
    assert "Pay $55.00" in page


def test_without_codes_nobody_is_asked_for_one(drop: Drop) -> None:
    assert "Discount code" not in with_cart(drop).get(f"/drops/{drop.slug}/checkout/").content.decode()


def test_a_discount_that_ended_meanwhile_is_agreed_to_anew(tables: None, drop: Drop) -> None:
    browser = with_cart(drop)
    page = requoted(browser, drop, discount_code="SAVE10")
    Discount.objects.update(is_on=False)
    answer = ordered(browser, drop, page)
    assert answer.status_code == 409
    assert "The total is $55.00 now." in answer.content.decode()
    assert "We do not know this code." in answer.content.decode()


def test_where_nothing_goes_the_page_says_so(drop: Drop) -> None:
    ShippingRate.objects.create(
        zone=ShippingZone.objects.create(title="DE", countries=["DE"]), code="s", title="S", price_minor=1
    )
    page = requoted(with_cart(drop), drop)
    assert "Nothing that weighs and costs as much is delivered there." in page
    assert "Try with this address" in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_cart_it_leads_to_the_cart(drop: Drop, method: str) -> None:
    answer = getattr(Client(), method)(f"/drops/{drop.slug}/checkout/quote/", follow=True)
    assert answer.redirect_chain[-1][0] == f"/drops/{drop.slug}/cart/"


def test_tax_on_top_is_a_line_of_its_own(tables: None, drop: Drop) -> None:
    StoreProfile.objects.update(prices_include_tax=False)
    store.forget_store()
    TaxRate.objects.create(title="Sales tax", country="US", region="CA", basis_points=825)
    page = requoted(with_cart(drop), drop)
    assert "Sales tax 8.25 %" in page
    assert "inside the total" not in page
    assert "Pay $59.54" in page  # 48.00 + 7.00 + 3.96 + 0.58


# --- the API --------------------------------------------------------------------------------------


def asked(drop: Drop, **fields: Any) -> Any:
    body = {"lines": [{"sku": "ROBE-M", "quantity": 1}], "country": "US"} | fields
    return Client().post(f"/api/v1/drops/{drop.slug}/quote", body, content_type="application/json")


def test_the_api_says_what_was_taken_off_and_why_not(tables: None, drop: Drop) -> None:
    told = asked(drop, discount_code="SAVE10").json()
    assert told["discounts"] == [
        {"title": "Opening week", "code": "SAVE10", "amount": {"amount": 480, "currency": "USD"}}
    ]
    assert (told["discount"]["amount"], told["total"]["amount"], told["tax_source"]) == (480, 5020, "table")
    wrong = asked(drop, discount_code="NOPE")
    assert wrong.status_code == 200
    assert wrong.json()["discount_problem"] == "We do not know this code. Look at how it is written."
    assert asked(drop, discount_code="X" * 41).status_code == 422


def test_the_api_takes_a_code_with_the_order(tables: None, drop: Drop) -> None:
    Drop.objects.update(hold_from="order")
    told = asked(drop, discount_code="SAVE10").json()
    address = {name: CONTACT[name] for name in ("line1", "city", "postal_code", "region", "country")}
    body = {
        "quote": told["quote"],
        "agreed_total": told["total"],
        "lines": [{"sku": "ROBE-M", "quantity": 1}],
        "email": "fan@example.com",
        "name": "A Fan",
        "address": address,
        "discount_code": "SAVE10",
        "policies": [{"id": one["id"], "sha256": one["sha256"], "accepted": True} for one in told["policies"]],
    }
    answer = Client().post(
        f"/api/v1/drops/{drop.slug}/orders", body, content_type="application/json", headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 201
    order = Client().get(f"/api/v1/orders/{answer.json()['token']}").json()
    assert (order["discount"]["amount"], order["shipping_title"], order["total"]["amount"]) == (480, "Standard", 5020)


def test_the_confirmation_says_what_was_taken_off(tables: None, drop: Drop) -> None:
    Discount.objects.update(basis_points=10_000)
    Discount.objects.create(title="Free delivery", kind="free_shipping")
    browser = with_cart(drop)
    page = requoted(browser, drop, discount_code="SAVE10")
    assert ordered(browser, drop, page).status_code == 303
    message = Message.objects.get()
    assert "Opening week (SAVE10): −$48.00" in message.text
    assert "Free delivery: −$7.00" in message.text
    assert "Opening week (SAVE10)" in message.html


def test_who_used_a_code_is_told_at_the_order_and_agrees_anew(tables: None, drop: Drop) -> None:
    """The quote says nothing of the person; the refused order says why, and what is shown after it stays so."""
    Discount.objects.update(limit_per_person=1)
    first = with_cart(drop)
    assert ordered(first, drop, requoted(first, drop, discount_code="SAVE10")).status_code == 303
    browser = with_cart(drop)
    page = requoted(browser, drop, discount_code="SAVE10")
    assert "Code <b>SAVE10</b> is applied." in page
    refused = ordered(browser, drop, page)
    page = refused.content.decode()
    assert (refused.status_code, Order.objects.count()) == (409, 1)
    assert "The total changed" in page
    assert "You have used this code as often as one person may. The total is $55.00 now." in page
    assert "Pay $55.00" in page
    page = again(browser, drop, page, country="DE")
    assert "Pay $73.00" in page, "still without the code"
    page = again(browser, drop, page, email="another@example.com")
    assert "Code <b>SAVE10</b> is applied." in page, "it may be another person's to use"
    page = again(browser, drop, refused.content.decode(), remove_discount="1")
    assert "Pay $55.00" in page
    assert ordered(browser, drop, page).status_code == 303
    assert Order.objects.count() == 2


def again(browser: Client, drop: Drop, page: str, **changes: Any) -> str:
    answer = browser.post(
        f"/drops/{drop.slug}/checkout/quote/", CONTACT | {"discount_code": "SAVE10"} | form_of(page) | changes
    )
    return answer.content.decode()
