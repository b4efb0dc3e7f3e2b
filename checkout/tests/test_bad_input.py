"""Whatever comes in through a door, a reason goes out: never a 500, and no secret into a log."""

import io
import json
import logging
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.urls import reverse
from hypothesis import HealthCheck, given, settings as examples, strategies as st
from structlog.stdlib import ProcessorFormatter

from checkout import payments
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_pages import agree, with_cart
from checkout.tests.test_payments import clock
from checkout.tests.test_storefront_api import ADDRESS, API, body_of, post, quoted
from checkout.tokens import order_token
from drops.models import Drop, Offer, OfferComponent
from merchant.logs import without_secrets
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)
AWKWARD = ["", "\0", "\ud800", "x" * 5000, "٣", "-1", "1e9", "null", "../..", "'; --", "😀", "1" * 5000, "\r\nX: y"]
NASTY: Any = st.one_of(
    st.sampled_from(AWKWARD), st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.sampled_from(AWKWARD))
)


@pytest.mark.parametrize("slug", ["%00", "x" * 300, "%ED%A0%80", "%F0%9F%98%80", "-", "no-such-drop"])
def test_a_drop_with_an_awkward_name_is_not_found(robe: Drop, slug: str) -> None:
    drop = f"/api/v1/drops/{slug}"
    for address in (drop, f"{drop}/stock"):
        assert Client().get(address).status_code == 404
    wanted = {"lines": [{"sku": "ROBE-M", "quantity": 1}], "country": "US"}
    for address, body in ((f"{drop}/quote", wanted), (f"{drop}/orders", body_of(quoted()))):
        headers = {"idempotency-key": "k"}
        answer = Client().post(address, json.dumps(body), content_type="application/json", headers=headers)
        assert answer.status_code == 404


@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(
        st.sampled_from([*body_of({"quote": "", "total": 0, "lines": [], "policies": []})]), NASTY, min_size=1
    )
)
def test_an_order_of_nonsense_is_refused(robe: Drop, changes: dict[str, Any]) -> None:
    body = json.dumps(body_of(quoted()) | changes)
    answer = Client().post(f"{API}/orders", body, content_type="application/json", headers={"idempotency-key": "k"})
    assert answer.status_code < 500


@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from([*ADDRESS]), value=NASTY)
def test_an_address_of_nonsense_is_refused(robe: Drop, field: str, value: Any) -> None:
    body = json.dumps(body_of(quoted(), address=ADDRESS | {field: value}))
    answer = Client().post(f"{API}/orders", body, content_type="application/json", headers={"idempotency-key": "k"})
    assert answer.status_code < 500


@pytest.mark.parametrize("value", [value for value in AWKWARD if value != "\ud800"])
def test_a_form_of_nonsense_is_refused(shop: StoreProfile, value: str) -> None:
    drop = fan.live_drop(hold_from="cart")
    browser = with_cart(drop)
    for name in ("quote", "agreed_total", "idempotency_key", "country", "phone", "email", "policy", "shipping_option"):
        assert agree(browser, drop, **{name: value}).status_code < 500
    for path in ("cart/", "cart/lines/ROBE-M/", "checkout/keep/"):
        for name in ("sku", "quantity", "go", "idempotency_key"):
            assert browser.post(f"/drops/{drop.slug}/{path}", {name: value}).status_code < 500


def test_a_cart_that_was_refused_and_is_loaded_anew_is_the_cart(shop: StoreProfile) -> None:
    drop = fan.live_drop(hold_from="cart")
    answer = with_cart(drop).get(f"/drops/{drop.slug}/cart/lines/ROBE-M/")
    assert (answer.status_code, answer["Location"]) == (302, f"/drops/{drop.slug}/cart/")


def test_an_offer_that_takes_nothing_from_stock_is_refused_in_words(shop: StoreProfile) -> None:
    drop = fan.live_drop(hold_from="order")
    browser = with_cart(drop)
    OfferComponent.objects.all().delete()
    answer = agree(browser, drop)
    assert answer.status_code == 422
    assert "not sold in this drop" in answer.text


def test_what_was_never_held_is_sold_out_not_a_hold_that_ended(shop: StoreProfile) -> None:
    drop = fan.live_drop(total=1, hold_from="order")
    browser = with_cart(drop)
    fan.orders(drop, at=clock(), contact=fan.somebody("first@example.com"))
    answer = agree(browser, drop)
    assert "Your hold ended" not in answer.text
    assert "In other carts" in answer.text


def test_a_cart_is_kept_by_no_cache(shop: StoreProfile) -> None:
    drop = fan.live_drop(hold_from="cart")
    assert "no-store" in with_cart(drop).get(f"/drops/{drop.slug}/cart/")["Cache-Control"]


def test_no_orders_secret_stands_in_a_log(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock())
    payments.drain(clock)
    token = order_token(order.token_nonce)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logs: dict[str, Any] = settings.LOGGING
    formatter = dict(logs["formatters"]["structured"])
    formatter.pop("()", None)  # Python's dictConfig takes it out of what it was given
    handler.setFormatter(ProcessorFormatter(**formatter))
    logging.getLogger("django.request").addHandler(handler)
    try:
        sandbox.fail("checkout_sessions.create", 503, times=1)
        assert Client().post(f"/orders/{token}/pay").status_code == 503
        assert Client().put(f"/orders/{token}/card").status_code == 405
        assert Client().delete(f"/api/v1/orders/{token}").status_code == 405
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert "/orders/" in written.getvalue()
    assert token not in written.getvalue()


@pytest.mark.parametrize(
    "page",
    [
        "checkout:order",
        "checkout:pay",
        "checkout:place",
        "checkout:place_buy",
        "api:get_order",
        "api:get_place",
        "drops:tell_me_confirm",
        "segments:policy-news-confirm",
        "segments:policy-news-leave",
    ],
)
def test_no_address_that_is_a_key_stands_in_a_log(page: str) -> None:
    address = reverse(page, args=["aB-_9:x8:y7"])
    line = {"event": f"Not Found: {address}", "request": RequestFactory().get(address)}
    said = str(without_secrets(None, "", line))
    assert not [part for part in ("aB-_9", "x8", "y7") if part in said]


def test_a_total_that_no_provider_takes_is_refused(robe: Drop) -> None:
    Offer.objects.update(price_minor=50_000_000)
    answer = post(f"{API}/quote", {"lines": [{"sku": "ROBE-M", "quantity": 2}], "country": "US"})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (422, "invalid")
