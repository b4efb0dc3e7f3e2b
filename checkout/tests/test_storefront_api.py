"""The headless door: the contract's words, and a reasoned 4xx for whatever else comes in."""

import json
from typing import Any

import pytest
from django.test import Client

from checkout import payments
from checkout.models import Discount, IdempotencyKey, Order, TaxRate
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock
from checkout.totals import tables
from drops.models import Drop, Offer
from merchant.models import StoreProfile
from merchant.store import forget_store

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = {
    "line1": "Long Street 1",
    "city": "Springfield",
    "postal_code": "12345",
    "region": "CA",
    "country": "US",
}
API = "/api/v1/drops/winter-robe"


def post(path: str, body: Any, key: str | None = None) -> Any:
    headers = {"idempotency-key": key} if key else {}
    return Client().post(path, json.dumps(body), content_type="application/json", headers=headers)


def quoted(*lines: tuple[str, int], drop: str = "winter-robe", **changes: Any) -> dict[str, Any]:
    wanted = [{"sku": sku, "quantity": number} for sku, number in lines or [("ROBE-M", 1)]]
    answer = post(f"/api/v1/drops/{drop}/quote", {"lines": wanted, "country": "US"} | changes)
    assert answer.status_code == 200, answer.content
    return answer.json()  # type: ignore[no-any-return]


def body_of(quote: dict[str, Any], /, **changes: Any) -> dict[str, Any]:
    return {
        "quote": quote["quote"],
        "agreed_total": quote["total"],
        "lines": [{"sku": line["sku"], "quantity": line["quantity"]} for line in quote["lines"]],
        "email": "fan@example.com",
        "name": "A Fan",
        "phone": None,
        "address": ADDRESS,
        "shipping_option": "standard",
        "birth_date": None,
        "policies": [{"id": text["id"], "sha256": text["sha256"], "accepted": True} for text in quote["policies"]],
        "confirmation_token": None,
        "invite": None,
    } | changes


def test_quote_order_and_status(robe: Drop, sandbox: SandboxServer) -> None:
    quote = quoted(("ROBE-M", 2))
    assert quote["total"] == {"amount": 10200, "currency": "USD"}
    assert quote["verdict"] == {
        "allowed": True,
        "reason": "",
        "minimum_age": None,
        "age_proof": None,
        "age_question": None,
    }
    answer = post(f"{API}/orders", body_of(quote, confirmation_token=fan.card(sandbox)), "key-1")
    placed = answer.json()
    assert answer.status_code == 201
    assert set(placed) == {"token", "status", "total", "hold_expires_at", "status_url"}
    assert (placed["status"], placed["total"]) == ("placed", {"amount": 10200, "currency": "USD"})
    assert placed["status_url"].endswith(f"/api/v1/orders/{placed['token']}")
    payments.drain(clock)
    status = Client().get(f"/api/v1/orders/{placed['token']}").json()
    assert (status["status"], status["next_action"]) == ("confirmed", None)
    assert [line["quantity"] for line in status["lines"]] == [2]


def test_c7_a_retry_gets_the_identical_reply(robe: Drop) -> None:
    body = body_of(quoted())
    first, again = (post(f"{API}/orders", body, "key-1") for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert Order.objects.count() == 1


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["type"]


def test_refusals_have_their_types(robe: Drop) -> None:
    quote = quoted()
    orders = f"{API}/orders"
    assert problem(post(orders, body_of(quote))) == (400, "idempotency-key-missing")
    wrong_total = {"amount": 1, "currency": "USD"}
    assert problem(post(orders, body_of(quote, agreed_total=wrong_total), "k")) == (409, "total-changed")
    other_currency = quote["total"] | {"currency": "EUR"}
    assert problem(post(orders, body_of(quote, agreed_total=other_currency), "k")) == (409, "total-changed")
    assert problem(post(orders, body_of(quote, email="nobody"), "k")) == (422, "invalid")
    assert problem(post(orders, body_of(quote, quote="forged"), "k")) == (409, "total-changed")
    assert problem(post(orders, body_of(quote, quote="\ud800"), "k")) == (422, "invalid")
    assert problem(post(orders, body_of(quote, address=ADDRESS | {"country": "FR"}), "k")) == (403, "restricted")
    lines = [{"sku": "ROBE-M", "quantity": 3}]
    assert problem(post(f"{API}/quote", {"lines": lines, "country": "US"})) == (409, "limit-reached")
    assert problem(post(f"{API}/quote", {"lines": [{"sku": "NO", "quantity": 1}], "country": "US"})) == (422, "invalid")
    assert problem(post("/api/v1/drops/no-such/quote", {"lines": lines, "country": "US"})) == (404, "not-found")
    assert problem(Client().get("/api/v1/orders/guess")) == (404, "not-found")
    assert (Order.objects.count(), IdempotencyKey.objects.count()) == (0, 0)
    assert post(orders, body_of(quote), "k").status_code == 201
    assert problem(post(orders, body_of(quote, name="Another Fan"), "k")) == (422, "idempotency-key-reused")


def test_a_changed_total_brings_the_fresh_quote(robe: Drop) -> None:
    body = body_of(quoted())
    Offer.objects.update(price_minor=5000)
    answer = post(f"{API}/orders", body, "k")
    fresh = answer.json()["fresh"]
    assert fresh["total"] == {"amount": 5600, "currency": "USD"}
    assert post(f"{API}/orders", body_of(fresh), "k").status_code == 201


def test_sold_out_and_in_other_carts(robe: Drop) -> None:
    quote = quoted(("ROBE-M", 2))
    for number in range(2):
        body = body_of(quote, email=f"{number}@example.com")
        assert post(f"{API}/orders", body, f"k{number}").status_code == 201
    assert problem(post(f"{API}/orders", body_of(quote), "k9")) == (409, "in-other-carts")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"sku": "ROBE-M", "quantity": -1}],
        [{"sku": "ROBE-M", "quantity": 10**30}],
        [{"sku": "\x00", "quantity": 1}],
        "x",
    ],
)
def test_bad_lines_are_a_4xx(robe: Drop, lines: Any) -> None:
    assert problem(post(f"{API}/quote", {"lines": lines, "country": "US"})) == (422, "invalid")


@pytest.mark.parametrize("field", ["name", "email", "line1", "city", "postal_code", "region", "phone"])
@pytest.mark.parametrize("value", ["\x00", "\ud800", "x" * 5000])
def test_bad_text_is_a_4xx_and_writes_nothing(robe: Drop, field: str, value: str) -> None:
    quote = quoted()
    change = {"address": ADDRESS | {field: value}} if field in ADDRESS else {field: value}
    assert problem(post(f"{API}/orders", body_of(quote, **change), "k")) == (422, "invalid")
    assert (Order.objects.count(), fan.counts()) == (0, (0, 0, 5))


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"", 422), (b"{", 400), (b"\xff\xfe", 400), (b"[]", 422), (b"null", 422), (b'{"lines": 1}', 422)],
)
def test_bodies_that_are_no_request_are_a_4xx(robe: Drop, raw: bytes, status: int) -> None:
    token = fan.orders(robe, at=clock()).token
    doors = [
        ("POST", f"{API}/quote"),
        ("POST", f"{API}/orders"),
        ("POST", f"{API}/carts"),
        ("PUT", f"/api/v1/orders/{token}/card"),
    ]
    for method, path in doors:
        answer = Client().generic(method, path, raw, "application/json", headers={"idempotency-key": "k"})
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"


def test_a_body_of_ten_megabytes_is_refused_unread(robe: Drop) -> None:
    for path in ("orders", "quote", "carts"):
        answer = Client().post(f"{API}/{path}", b"x" * 10_000_000, content_type="application/json")
        assert problem(answer) == (413, "too-large")


@pytest.mark.parametrize("money", [{"amount": 5400, "currency": "EUR"}, {"amount": 1, "currency": "USD"}])
def test_another_currency_or_amount_than_the_quotes_is_no_order(robe: Drop, money: dict[str, Any]) -> None:
    answer = post(f"{API}/orders", body_of(quoted(), agreed_total=money), "k")
    assert problem(answer) == (409, "total-changed")
    assert answer.json()["fresh"]["total"] == {"amount": 5400, "currency": "USD"}
    assert (Order.objects.count(), IdempotencyKey.objects.count(), fan.counts()) == (0, 0, (0, 0, 5))


@pytest.mark.parametrize("currency", ["usd", "XX", "\x00\x00\x00", None, 1])
def test_what_is_no_currency_is_a_422(robe: Drop, currency: Any) -> None:
    answer = post(f"{API}/orders", body_of(quoted(), agreed_total={"amount": 5400, "currency": currency}), "k")
    assert problem(answer) == (422, "invalid")


@pytest.mark.parametrize(
    ("quote", "told"),
    [
        ("", (409, "total-changed")),
        ("x", (409, "total-changed")),
        ("\ud800", (422, "invalid")),
        ("x" * 20_001, (422, "invalid")),
    ],
)
def test_a_quote_that_is_none_is_a_4xx(robe: Drop, quote: str, told: tuple[int, str]) -> None:
    assert problem(post(f"{API}/orders", body_of(quoted(), quote=quote), "k")) == told
    assert Order.objects.count() == 0


def test_cookies_are_ignored_and_none_is_set(robe: Drop) -> None:
    answer = Client(headers={"cookie": "sessionid=forged"}).get("/api/v1/drops")
    assert (answer.status_code, dict(answer.cookies)) == (200, {})


def test_reading_drops_and_stock(robe: Drop) -> None:
    [drop] = Client().get("/api/v1/drops").json()
    assert (drop["slug"], drop["phase"]) == ("winter-robe", "live")
    detail = Client().get(API).json()
    assert [(offer["sku"], offer["available"]) for offer in detail["offers"]] == [("ROBE-M", 5)]
    assert Client().get(f"{API}/stock").json()["stock"] == {"ROBE-M": {"available": 5, "in_carts": 0}}
    assert Client().get("/api/v1/openapi.json").json()["info"]["title"] == "Frontrow storefront"


def test_a_quote_needs_no_more_of_an_address_than_it_reads(robe: Drop) -> None:
    StoreProfile.objects.update(prices_include_tax=False)
    TaxRate.objects.create(title="Sales tax", country="US", region="CA", basis_points=825)
    forget_store()
    tables.forget()
    told = {
        region: quoted(address={"country": "US", "region": region}, country=None)["total"]["amount"]
        for region in ("CA", "WA")
    }
    assert told == {"CA": 5846, "WA": 5400}
    assert quoted(address=ADDRESS, country=None)["total"]["amount"] == 5846


def test_a_quote_says_whether_the_shop_has_codes(robe: Drop) -> None:
    assert quoted()["takes_codes"] is False
    Discount.objects.create(title="A friend", code="FRIEND5", kind="amount", amount_minor=500, currency="USD")
    tables.forget()
    told = quoted(discount_code="nope")
    assert (told["takes_codes"], told["discounts"]) == (True, [])
    assert told["discount_problem"] == "We do not know this code. Look at how it is written."


def test_a_drop_says_where_one_may_wait(robe: Drop) -> None:
    page = Client().get(API).json()["waiting_list_url"]
    assert page.endswith("/drops/winter-robe/waiting/")
    assert Client().get(page).status_code == 200
    Drop.objects.update(waiting_list=False)
    assert Client().get(API).json()["waiting_list_url"] == ""
