"""A cart for machines: started, changed, prolonged and ordered with nothing but its token."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client

import drops.terms
from checkout import carts
from checkout.models import Cart, CartLine, Order
from checkout.pricing import Wanted
from checkout.storefront_examples import OPERATIONS
from checkout.tests import fan
from checkout.tests.test_payments import clock
from checkout.tests.test_storefront_api import API, body_of, problem, quoted
from drops.models import Drop, DropState
from tests.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)
THEN = "2026-11-20T18:00:30Z"  # no second passes between a hold and what is said of it
ONE = [{"sku": "ROBE-M", "quantity": 1}]


@pytest.fixture
def robe(shop: Any) -> Drop:
    """Held from the cart on: ten minutes, at most twenty-five."""
    return fan.live_drop(total=5, hold_from="cart")


def ask(method: str, path: str, body: Any = None, token: str = "", **headers: str) -> Any:
    bearer = {"authorization": f"Bearer {token}"} if token else {}
    return Client().generic(
        method, path, "" if body is None else json.dumps(body), "application/json", headers=bearer | headers
    )


def started(lines: Any = None) -> dict[str, Any]:
    answer = ask("POST", f"{API}/carts", {"lines": lines or ONE})
    assert answer.status_code == 201, answer.content
    return answer.json()  # type: ignore[no-any-return]


@time_machine.travel(THEN, tick=False)
def test_a_cart_holds_and_says_for_how_long(robe: Drop) -> None:
    cart = started()
    assert (cart["drop"], cart["subtotal"]) == ("winter-robe", {"amount": 4800, "currency": "USD"})
    assert [(line["sku"], line["quantity"], line["available"]) for line in cart["lines"]] == [("ROBE-M", 1, 4)]
    assert (cart["hold"]["state"], cart["hold"]["prolong_minutes"]) == ("held", 10)
    assert cart["hold"]["seconds_left"] == 600
    assert fan.counts() == (1, 0, 4)
    answer = ask("GET", "/api/v1/cart", token=cart["token"])
    assert (answer.status_code, answer["Cache-Control"], "token" in answer.json()) == (200, "no-store", False)


def test_a_drop_that_holds_from_the_order_on_says_so(shop: Any) -> None:
    fan.live_drop(hold_from="order")
    cart = started()
    assert cart["hold"] == {"state": "none", "expires_at": None, "seconds_left": 0, "prolong_minutes": 0}
    assert fan.counts() == (0, 0, 5)


def test_changing_takes_and_frees_the_difference_and_keeps_the_clock(robe: Drop) -> None:
    cart = started()
    changed = ask("PUT", "/api/v1/cart", {"lines": [{"sku": "ROBE-M", "quantity": 2}]}, cart["token"]).json()
    assert (changed["lines"][0]["quantity"], fan.counts()) == (2, (2, 0, 3))
    assert changed["hold"]["expires_at"] == cart["hold"]["expires_at"]
    assert ask("PUT", "/api/v1/cart", {"lines": []}, cart["token"]).json()["hold"]["state"] == "none"
    assert fan.counts() == (0, 0, 5)


def test_emptying_frees_at_once_and_twice_is_once(robe: Drop) -> None:
    token = started()["token"]
    for _ in range(2):
        assert ask("DELETE", "/api/v1/cart", token=token).status_code == 204
    assert (fan.counts(), CartLine.objects.count()) == ((0, 0, 5), 0)


@time_machine.travel(THEN, tick=False)
def test_prolonging_up_to_the_cap_and_taking_again(robe: Drop) -> None:
    token = started()["token"]
    Cart.objects.update(expires_at=clock() + timedelta(minutes=1))
    held = ask("POST", "/api/v1/cart/prolong", token=token).json()["hold"]
    assert held["seconds_left"] == 600
    Cart.objects.update(expires_at=clock() - timedelta(seconds=1))
    assert ask("GET", "/api/v1/cart", token=token).json()["hold"]["state"] == "ended"
    assert ask("POST", "/api/v1/cart/prolong", token=token).json()["hold"]["state"] == "held"
    assert fan.counts() == (1, 0, 4)


def test_an_order_takes_over_what_its_cart_holds_and_its_clock(robe: Drop) -> None:
    cart = started()
    Cart.objects.update(expires_at=clock() + timedelta(minutes=3))
    until = Cart.objects.get().expires_at
    body = body_of(quoted())
    answers = [ask("POST", f"{API}/orders", body, cart["token"], **{"idempotency-key": "key-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    order = Order.objects.get()
    assert (order.hold_expires_at, order.cart_id, fan.counts()) == (until, Cart.objects.get().pk, (1, 0, 4))


def test_a_cart_that_became_an_order_leads_to_it(robe: Drop) -> None:
    token = started()["token"]
    placed = ask("POST", f"{API}/orders", body_of(quoted()), token, **{"idempotency-key": "key-1"}).json()
    asked = [
        ask("GET", "/api/v1/cart", token=token),
        ask("PUT", "/api/v1/cart", {"lines": ONE}, token),
        ask("DELETE", "/api/v1/cart", token=token),
        ask("POST", "/api/v1/cart/prolong", token=token),
        ask("POST", f"{API}/orders", body_of(quoted()), token, **{"idempotency-key": "key-2"}),
    ]
    for answer in asked:
        assert problem(answer) == (409, "already-ordered")
        assert (answer.json()["token"], answer.json()["status_url"]) == (placed["token"], placed["status_url"])
    assert Order.objects.count() == 1


@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer guess", "Bearer \x00", "Basic Zm9v", "Bearer " + "x" * 5000])
def test_a_token_that_is_none_is_a_401_and_changes_nothing(robe: Drop, shown: str) -> None:
    started()
    for method, path in [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/prolong")]:
        answer = ask(method, f"/api/v1/cart{path}", {"lines": []}, **({"authorization": shown} if shown else {}))
        assert problem(answer) == (401, "token-unknown")
        assert answer["WWW-Authenticate"].startswith("Bearer")
    assert fan.counts() == (1, 0, 4)


def test_an_order_with_a_cart_of_another_drop_is_refused(robe: Drop) -> None:
    token = started()["token"]
    fan.live_drop("other", skus=("OTHER-M",))
    body = body_of(quoted(("OTHER-M", 1), drop="other"))
    for bad in (token, "guess"):
        answer = ask("POST", "/api/v1/drops/other/orders", body, bad, **{"idempotency-key": "k"})
        assert problem(answer) == (401, "token-unknown")
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([{"sku": "NO-SUCH", "quantity": 1}], (422, "invalid")),
        ([{"sku": "ROBE-M", "quantity": -1}], (422, "invalid")),
        ([{"sku": "ROBE-M", "quantity": 3}], (409, "limit-reached")),
        ([*ONE, {"sku": "NO-SUCH", "quantity": 1}], (422, "invalid")),
        ([], (422, "invalid")),
    ],
)
def test_what_cannot_be_held_starts_no_cart(robe: Drop, lines: Any, refusal: tuple[int, str]) -> None:
    assert problem(ask("POST", f"{API}/carts", {"lines": lines})) == refusal
    assert (Cart.objects.count(), fan.counts()) == (0, (0, 0, 5))


def test_no_cart_when_others_hold_all_or_before_a_drop_opens(robe: Drop) -> None:
    for _ in range(2):
        started([{"sku": "ROBE-M", "quantity": 2}])
    last = started()["token"]
    assert problem(ask("POST", f"{API}/carts", {"lines": ONE})) == (409, "in-other-carts")
    assert problem(ask("PUT", "/api/v1/cart", {"lines": [{"sku": "ROBE-M", "quantity": 2}]}, last)) == (
        409,
        "in-other-carts",
    )
    Drop.objects.update(state=DropState.SCHEDULED, starts_at=clock() + timedelta(hours=1))
    drops.terms.forget()
    assert problem(ask("POST", f"{API}/carts", {"lines": ONE})) == (409, "not-open")
    assert (fan.counts(), Cart.objects.count()) == ((5, 0, 0), 3)


# --- two devices that change one cart at once ---------------------------------------------------------------------


def changed_by_two(cart: Cart) -> None:
    """One device is making two of one, and has not committed, when another says that one is right."""
    with transaction.atomic():
        carts._rewrite(carts.lock_cart(cart.pk), {"ROBE-M": 2}, clock())
        other = threading.Thread(target=says_one, args=(cart,))
        other.start()
        until(lambda: not other.is_alive() or somebody_waits_for_us())
    other.join()


def says_one(cart: Cart) -> None:
    try:
        carts.fill(cart, [Wanted("ROBE-M", 1)], now=clock())
    finally:
        connection.close()


def test_the_last_change_of_a_cart_stands(robe: Drop) -> None:
    cart, _ = carts.start(robe, [Wanted("ROBE-M", 1)], now=clock())
    changed_by_two(cart)
    assert (carts.contents(cart), fan.counts()) == ((Wanted("ROBE-M", 1),), (1, 0, 4))


def test_without_its_lock_a_change_is_lost(robe: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who said that one is right was told so, and has two."""
    cart, _ = carts.start(robe, [Wanted("ROBE-M", 1)], now=clock())
    monkeypatch.setattr(carts, "lock_cart", lambda pk: Cart.objects.select_related("drop").get(pk=pk))
    changed_by_two(cart)
    assert (carts.contents(cart), fan.counts()) == ((Wanted("ROBE-M", 2),), (2, 0, 3))


@pytest.mark.parametrize(
    ("operation", "method", "address"),
    [
        ("get_cart", "GET", "/api/v1/cart"),
        ("put_cart", "PUT", "/api/v1/cart"),
        ("delete_cart", "DELETE", "/api/v1/cart"),
        ("prolong_cart", "POST", "/api/v1/cart/prolong"),
    ],
)
def test_a_cart_whose_offer_was_let_go_says_so_as_the_document_does(
    robe: Drop, operation: str, method: str, address: str
) -> None:
    token = started()["token"]
    Cart.objects.update(closed_at=clock())  # as leaving the waiting list does
    answer = ask(method, address, {"lines": [{"sku": "ROBE-M", "quantity": 2}]}, token)
    assert problem(answer) == (409, "hold-expired")
    assert "hold-expired" in OPERATIONS[operation].refuses
