"""The fan's pages, as a browser without JavaScript sees them."""

import re
from typing import Any

import pytest
from django.test import Client

from checkout import expiry, payments
from checkout.models import Cart, Order, OrderState, Payment
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later
from checkout.tokens import order_token
from drops.models import Drop, Hold, Offer
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)
CONTACT = {
    "email": "fan@example.com",
    "name": "A Fan",
    "phone": "",
    "line1": "Long Street 1",
    "line2": "",
    "city": "Springfield",
    "postal_code": "12345",
    "region": "CA",
    "country": "US",
    "shipping_option": "standard",
}


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(total=3, hold_from="cart")


def with_cart(drop: Drop) -> Client:
    browser = Client()
    assert browser.post(f"/drops/{drop.slug}/cart/", {"sku": "ROBE-M", "quantity": 1}).status_code == 303
    return browser


def form_of(page: str) -> dict[str, Any]:
    """The hidden fields of the checkout form."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    hidden["policy"] = re.findall(r'name="policy" value="([^"]+)"', page)
    hidden["accept"] = re.findall(r'type="checkbox" name="accept" value="([^"]+)"', page)
    return hidden


def agree(browser: Client, drop: Drop, **changes: Any) -> Any:
    page = browser.get(f"/drops/{drop.slug}/checkout/").content.decode()
    return browser.post(f"/drops/{drop.slug}/checkout/", form_of(page) | CONTACT | changes)


def test_from_cart_to_order_without_javascript(drop: Drop) -> None:
    browser = with_cart(drop)
    assert "Winter Robe" in browser.get(f"/drops/{drop.slug}/cart/").content.decode()
    answer = agree(browser, drop)
    assert answer.status_code == 303
    page = browser.get(answer["Location"])
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    order = Order.objects.get()
    assert (order.email, order.total_minor, order.state) == ("fan@example.com", 5400, OrderState.PLACED)
    payments.drain(clock)
    page_text = browser.get(answer["Location"]).content.decode()
    assert f"{answer['Location']}pay" in page_text


def test_the_cart_cookie_is_closed_to_scripts(drop: Drop) -> None:
    cookie = with_cart(drop).cookies[f"frontrow_cart_{drop.slug}"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", f"/drops/{drop.slug}/")


def test_fields_that_are_wrong_are_named_beside_them(drop: Drop) -> None:
    answer = agree(with_cart(drop), drop, email="nobody", city="", phone="12", country="XX")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Enter an e-mail address" in page
    assert "Enter your city." in page
    assert "Choose a country." in page
    assert Order.objects.count() == 0


def test_what_is_wrong_is_summed_up_as_the_fields_stand_on_the_page(drop: Drop) -> None:
    page = agree(with_cart(drop), drop, email="nobody", name="x" * 121, city="x" * 81, phone="12").content.decode()
    summed = re.findall(r'<li><a href="#(\w+)">([^<]+)</a></li>', page)
    assert [field for field, _ in summed] == ["email", "name", "phone", "city"]
    assert [words for _, words in summed][1::2] == [
        "At most 120 characters for your name.",
        "At most 80 characters for your city.",
    ]


def test_a_price_that_changed_is_shown_and_agreed_anew(drop: Drop) -> None:
    browser = with_cart(drop)
    page = form_of(browser.get(f"/drops/{drop.slug}/checkout/").content.decode())
    Offer.objects.update(price_minor=5000)
    answer = browser.post(f"/drops/{drop.slug}/checkout/", page | CONTACT)
    assert answer.status_code == 409
    anew = form_of(answer.content.decode())
    assert anew["agreed_total"] == "5600"
    assert anew["idempotency_key"] != page["idempotency_key"]
    assert browser.post(f"/drops/{drop.slug}/checkout/", anew | CONTACT).status_code == 303


def test_more_time_without_javascript_keeps_what_was_typed(drop: Drop) -> None:
    browser = with_cart(drop)
    Cart.objects.update(expires_at=later(minutes=1))
    Hold.objects.update(expires_at=later(minutes=1))
    page = browser.get(f"/drops/{drop.slug}/checkout/").content.decode()
    assert "Keep it for 10 more minutes" in page
    again = browser.post(f"/drops/{drop.slug}/cart/keep/", form_of(page) | CONTACT | {"city": "Elsewhere"})
    text = again.content.decode()
    assert (again.status_code, form_of(text)["idempotency_key"]) == (200, form_of(page)["idempotency_key"])
    assert 'value="Elsewhere"' in text
    assert Cart.objects.filter(expires_at__gt=later(minutes=9)).exists()


def test_a_hold_that_ended_is_taken_again_with_one_click(drop: Drop) -> None:
    browser = with_cart(drop)
    expiry.sweep(later(minutes=11))
    page = browser.get(f"/drops/{drop.slug}/cart/").content.decode()
    assert "The time is up." in page
    assert "Take them again" in page
    assert browser.post(f"/drops/{drop.slug}/cart/keep/")["Location"] == f"/drops/{drop.slug}/cart/"
    assert fan.counts() == (1, 0, 2)
    assert "The time is up." not in browser.get(f"/drops/{drop.slug}/cart/").content.decode()


def test_a_hold_that_ended_and_went_to_others_is_refused_in_words(drop: Drop) -> None:
    browser = with_cart(drop)
    expiry.sweep(later(minutes=11))
    fan.placed(drop, ("ROBE-M", 2), at=clock())
    fan.placed(drop, at=clock(), contact=fan.somebody("other@example.com"))
    answer = browser.post(f"/drops/{drop.slug}/cart/keep/")
    assert answer.status_code == 409
    assert "ROBE-M is in other carts" in answer.content.decode()


def test_pressing_twice_is_one_order(drop: Drop) -> None:
    browser = with_cart(drop)
    page = form_of(browser.get(f"/drops/{drop.slug}/checkout/").content.decode())
    first = browser.post(f"/drops/{drop.slug}/checkout/", page | CONTACT)
    second = browser.post(f"/drops/{drop.slug}/checkout/", page | CONTACT)
    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


def test_an_empty_checkout_leads_to_the_cart(drop: Drop) -> None:
    answer = Client().get(f"/drops/{drop.slug}/checkout/")
    assert (answer.status_code, answer["Location"]) == (302, f"/drops/{drop.slug}/cart/")


@pytest.mark.parametrize("quantity", ["nonsense", "-1", "0", "51", "9" * 5000, "1.5", "\x00"])
def test_a_quantity_that_is_none_is_refused_in_words(drop: Drop, quantity: str) -> None:
    answer = Client().post(f"/drops/{drop.slug}/cart/", {"sku": "ROBE-M", "quantity": quantity})
    assert answer.status_code == 409
    assert fan.counts() == (0, 0, 3)


@pytest.mark.parametrize("sku", ["NO-SUCH", "", "\x00", "S" * 10_000, "\u202e"])
def test_a_sku_that_is_none_is_refused_in_words(drop: Drop, sku: str) -> None:
    assert Client().post(f"/drops/{drop.slug}/cart/", {"sku": sku, "quantity": "1"}).status_code == 409


def test_a_stranger_finds_no_order(drop: Drop) -> None:
    for path in ("/orders/guess/", "/orders/guess/pay", "/orders/guess/returned/"):
        assert Client().get(path).status_code == 404


def test_the_order_page_polls_until_it_is_over(drop: Drop, sandbox: SandboxServer) -> None:
    order = fan.orders(drop, at=clock(), confirmation_token=fan.card(sandbox))
    address = f"/orders/{order.token}/"
    assert Client().get(address, headers={"hx-request": "true"}).status_code == 200
    payments.drain(clock)
    answer = Client().get(address, headers={"hx-request": "true"})
    assert answer.status_code == 286
    assert "<html" not in answer.content.decode()
    assert "Yours." in answer.content.decode()


def test_the_secret_of_the_payment_goes_only_to_the_tokens_holder(drop: Drop, sandbox: SandboxServer) -> None:
    order = fan.orders(drop, at=clock(), confirmation_token=fan.card(sandbox, "pm_card_threeDSecure2Required"))
    payments.drain(clock)
    secret = fresh(fan.found(order)).payment.client_secret
    assert secret in Client().get(f"/orders/{order.token}/").content.decode()
    assert secret not in Client().get(f"/drops/{drop.slug}/").content.decode()


def test_the_fan_lets_go_and_the_units_come_back(drop: Drop, sandbox: SandboxServer) -> None:
    order = fan.orders(drop, at=clock(), confirmation_token=fan.card(sandbox, "pm_card_chargeDeclined"))
    payments.drain(clock)
    Client().post(f"/orders/{order.token}/cancel")
    assert fresh(fan.found(order)).state == OrderState.CANCELLED
    assert fan.counts() == (0, 0, 3)


@pytest.mark.parametrize("deed", ["cancel", "card"])
def test_opening_the_address_of_a_deed_does_nothing_and_leads_to_the_order(drop: Drop, deed: str) -> None:
    order = fan.placed(drop, at=clock())
    page = f"/orders/{order_token(order.token_nonce)}/"
    answer = Client().get(page + deed)
    assert (answer.status_code, answer["Location"]) == (302, page)
    order.refresh_from_db()
    assert order.state == OrderState.PLACED


def test_an_order_that_ended_leads_back_to_its_drop(drop: Drop) -> None:
    order = fan.placed(drop, at=clock())
    page = f"/orders/{order_token(order.token_nonce)}/"
    back = f'href="/drops/{drop.slug}/">Back to {drop.title}</a>'
    assert back not in Client().get(page).content.decode()
    expiry.close(order.pk, OrderState.CANCELLED, why="test", actor="fan", now=clock())
    assert back in Client().get(page).content.decode()


def test_while_the_provider_is_away_the_page_says_so_and_keeps_the_order(drop: Drop, sandbox: SandboxServer) -> None:
    order = fan.orders(drop, at=clock(), confirmation_token=fan.card(sandbox, "pm_card_chargeDeclined"))
    payments.drain(clock)
    sandbox.fail("*", 500)
    answer = Client().post(f"/orders/{order.token}/pay")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert "Your order is kept" in answer.content.decode()
    answer = Client().post(f"/orders/{order.token}/cancel")
    assert "Your order is kept" in answer.content.decode()
    assert fan.counts() == (1, 0, 2)


def test_who_lets_go_of_what_the_provider_does_not_close_is_told_whom_to_ask(
    drop: Drop, sandbox: SandboxServer
) -> None:
    order = fan.orders(drop, at=clock(), confirmation_token=fan.card(sandbox, "pm_card_chargeDeclined"))
    payments.drain(clock)
    Payment.objects.update(intent_id="pi_of_another_account")
    StoreProfile.objects.update(support_email="help@example.com")
    answer = Client().post(f"/orders/{order.token}/cancel").content.decode()
    assert "did not let us close it, so nothing was changed. Write to help@example.com" in answer
    assert fan.counts() == (1, 0, 2)


def test_forms_want_a_csrf_token(drop: Drop) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(f"/drops/{drop.slug}/cart/", {"sku": "ROBE-M"}).status_code == 403
