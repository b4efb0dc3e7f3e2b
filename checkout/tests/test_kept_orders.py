"""Orders that a device kept: their door takes no cookie, and the same key is the same order whichever the door."""

import html
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from checkout.carts import owner_of
from checkout.models import Cart, Order
from checkout.tests import fan
from checkout.tests.test_pages import CONTACT, form_of, with_cart
from checkout.tokens import cart_in, order_token
from drops import stock
from drops.models import Drop, Offer, StockItem
from merchant.clock import now
from merchant.models import StoreProfile
from policies.models import Policy
from policies.publishing import new_draft, publish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(total=3, hold_from="cart")


def typed(browser: Client, drop: Drop) -> dict[str, Any]:
    """What the fan's page has in it."""
    return form_of(browser.get(f"/drops/{drop.slug}/checkout/").content.decode()) | CONTACT


def knocks(drop: Drop, fields: dict[str, Any], key: str) -> Any:
    """From a worker in the background: no cookie, no CSRF token."""
    kept = {name: value for name, value in fields.items() if name not in ("csrfmiddlewaretoken", "idempotency_key")}
    stranger = Client(enforce_csrf_checks=True)
    return stranger.post(f"/drops/{drop.slug}/checkout/kept/", kept, headers={"Idempotency-Key": key} if key else {})


def test_the_carts_hold_becomes_the_orders(drop: Drop) -> None:
    fields = typed(with_cart(drop), drop)
    answer = knocks(drop, fields, fields["idempotency_key"])
    order = Order.objects.get()
    assert (answer.status_code, answer.json()) == (201, {"location": f"/orders/{order_token(order.token_nonce)}/"})
    assert order.cart == Cart.objects.get()
    assert fan.counts() == (1, 0, 2)
    assert answer.cookies == {}
    assert "no-store" in answer["Cache-Control"]


def test_after_a_lost_answer_it_is_the_order_that_the_page_placed(drop: Drop) -> None:
    browser = with_cart(drop)
    fields = typed(browser, drop)
    by_page = browser.post(f"/drops/{drop.slug}/checkout/", fields | {"confirmation_token": "ctoken_1"})
    by_door = [knocks(drop, fields, fields["idempotency_key"]) for _ in range(2)]
    assert [answer.json() for answer in by_door] == [{"location": by_page["Location"]}] * 2
    assert Order.objects.count() == 1
    assert fan.counts() == (1, 0, 2)


def test_a_cart_is_ordered_once_whatever_the_key(drop: Drop) -> None:
    fields = typed(with_cart(drop), drop)
    first, second = (knocks(drop, fields, str(uuid.uuid4())) for _ in range(2))
    assert first.json() == second.json()
    assert Order.objects.count() == 1


def test_another_body_under_the_key_is_refused(drop: Drop) -> None:
    fields = typed(with_cart(drop), drop)
    knocks(drop, fields, "one")
    answer = knocks(drop, fields | {"name": "Somebody Else"}, "one")
    assert (answer.status_code, answer.json()["type"]) == (422, "idempotency-key-reused")


def test_the_key_is_a_header_that_another_site_cannot_send(drop: Drop) -> None:
    answer = knocks(drop, typed(with_cart(drop), drop), "")
    assert (answer.status_code, answer.json()["type"]) == (400, "idempotency-key-missing")
    assert not Order.objects.exists()


@pytest.mark.parametrize("seal", ["", "1", "1:forged"])
def test_a_cart_that_was_not_shown_is_not_there(drop: Drop, seal: str) -> None:
    assert knocks(drop, typed(with_cart(drop), drop) | {"cart": seal}, "one").status_code == 404


def test_a_seal_counts_in_its_own_drop_alone(drop: Drop) -> None:
    fields = typed(with_cart(drop), drop)
    other = fan.live_drop("summer-robe", skus=("ROBE-S",))
    assert cart_in(fields["cart"]) == Cart.objects.get().pk
    assert knocks(other, fields, "one").status_code == 404


def test_sold_out_meanwhile_is_a_clear_no(drop: Drop) -> None:
    fields = typed(with_cart(drop), drop)
    stock.release(owner_of(Cart.objects.get()))
    StockItem.objects.update(sold=3)
    answer = knocks(drop, fields, "one")
    assert (answer.status_code, answer.json()["type"]) == (409, "hold-expired")
    assert answer["Content-Type"] == "application/problem+json"
    assert not Order.objects.exists()


def test_without_a_token_the_order_stands_and_waits_for_a_card(drop: Drop) -> None:
    fields = typed(with_cart(drop), drop)
    assert knocks(drop, fields | {"confirmation_token": ""}, "one").status_code == 201
    assert Order.objects.get().payment.confirmation_token == ""


# --- a quote that is older than its page was good for ---------------------------------------------


def knocks_later(drop: Drop, fields: dict[str, Any], **waited: int) -> Any:
    """When the device had no network for a while: by the server's clock."""
    with time_machine.travel(now() + timedelta(**waited)):
        return knocks(drop, fields, fields["idempotency_key"])


@pytest.mark.parametrize("waited", [{"minutes": 31}, {"hours": 23, "minutes": 59}], ids=str)
def test_what_comes_out_the_same_is_still_agreed_to(drop: Drop, waited: dict[str, int]) -> None:
    says("Send it back within 30 days.")
    fields = typed(with_cart(drop), drop) | {"accept": "returns/v1"}
    assert knocks_later(drop, fields, **waited).status_code == 201
    assert Order.objects.get().total_minor == int(fields["agreed_total"])


def test_after_a_day_the_total_is_looked_at_again(drop: Drop) -> None:
    answer = knocks_later(drop, typed(with_cart(drop), drop), hours=24, minutes=1)
    assert (answer.status_code, answer.json()["type"]) == (409, "total-changed")
    assert answer.json()["detail"] == "The quote is too old. Please look at the total again."
    assert not Order.objects.exists()


def test_another_total_is_told_however_old_the_quote(drop: Drop) -> None:
    fields = typed(with_cart(drop), drop)
    Offer.objects.update(price_minor=5000)
    answer = knocks_later(drop, fields, minutes=31)
    assert (answer.status_code, answer.json()["type"]) == (409, "total-changed")
    assert answer.json()["detail"] == "The total is $56.00 now. Please agree to it again."
    assert not Order.objects.exists()


def test_another_size_at_the_same_price_is_told_however_old_the_quote(shop: StoreProfile) -> None:
    drop = fan.live_drop("two-sizes", skus=("ROBE-M", "ROBE-S"), hold_from="cart")
    fields = typed(with_cart(drop), drop)
    Cart.objects.get().lines.update(offer=Offer.objects.get(variant__sku="ROBE-S"))
    answer = knocks_later(drop, fields, minutes=31)
    assert (answer.status_code, answer.json()["type"]) == (409, "total-changed")
    assert not Order.objects.exists()


def test_another_text_is_told_however_old_the_quote(drop: Drop) -> None:
    says("Send it back within 30 days.")
    fields = typed(with_cart(drop), drop) | {"accept": "returns/v1"}
    says("Send it back within 14 days.")
    answer = knocks_later(drop, fields, minutes=31)
    assert (answer.status_code, answer.json()["type"]) == (409, "policy-changed")
    assert not Order.objects.exists()


def test_the_page_itself_is_shown_again_and_says_why(drop: Drop) -> None:
    """Whoever sits before it can look once more; the headline does not say that a total changed which did not."""
    browser = with_cart(drop)
    fields = typed(browser, drop)
    with time_machine.travel(now() + timedelta(minutes=31)):
        answer = browser.post(f"/drops/{drop.slug}/checkout/", fields)
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 409
    assert "This page stood open for a while" in page
    assert "The quote is too old. Please look at the total again." in page
    assert "The total changed" not in page
    assert not Order.objects.exists()


def says(text: str) -> None:
    policy, _ = Policy.objects.get_or_create(slug="returns", defaults={"kind": "returns", "title": "Returns"})
    draft = new_draft(policy, "staff:owner")
    draft.source, draft.summary, draft.box_wording = text, text, text
    draft.change_class, draft.change_summary = "material", "Other days."
    draft.save()
    publish(draft, by="staff:owner", now=now())


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_it_only_takes_posts(drop: Drop, method: str) -> None:
    assert getattr(Client(), method)(f"/drops/{drop.slug}/checkout/kept/").status_code == 405
