"""What the holder of an order's token can do with it: follow it, another card, the bank's question, let it go."""

from typing import Any

import pytest

from checkout import attempts, payments
from checkout.models import Order, OrderState
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock
from checkout.tests.test_storefront_api import problem
from checkout.tests.test_storefront_carts import ask
from drops.models import Drop

pytestmark = pytest.mark.django_db(transaction=True)
DECLINED, ASKS_BACK = "pm_card_chargeDeclined", "pm_card_authenticationRequired"


def paid_with(robe: Drop, sandbox: SandboxServer, card: str) -> str:
    """The address of an order that was paid with this card as far as it goes."""
    token = fan.orders(robe, at=clock(), confirmation_token=fan.card(sandbox, card)).token
    payments.drain(clock)
    return f"/api/v1/orders/{token}"


def test_another_card_after_a_declined_one(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid_with(robe, sandbox, DECLINED)
    told = ask("GET", order).json()
    assert (told["status"], told["next_action"]["type"], told["can_cancel"]) == ("action_required", "pay", True)
    assert told["next_action"]["client_secret"] is None
    answer = ask("PUT", f"{order}/card", {"confirmation_token": fan.card(sandbox)})
    assert (answer.status_code, answer.json()["status"], answer.json()["next_action"]) == (200, "authorising", None)
    payments.drain(clock)
    assert ask("GET", order).json()["status"] == "confirmed"
    assert problem(ask("PUT", f"{order}/card", {"confirmation_token": "ctoken_x"})) == (409, "nothing-to-pay")


def test_the_banks_question_is_told_to_the_holder_alone(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid_with(robe, sandbox, ASKS_BACK)
    action = ask("GET", order).json()["next_action"]
    secret = Order.objects.select_related("payment").get().payment.client_secret
    assert (action["type"], action["client_secret"], action["url"]) == ("use_stripe_sdk", secret, None)
    assert ask("GET", order)["Cache-Control"] == "no-store"
    answer = ask("POST", f"{order}/returned")
    assert (answer.status_code, answer.json()["next_action"]) == (200, None), "the provider is being asked"
    payments.drain(clock)
    assert ask("GET", order).json()["next_action"]["client_secret"] == secret, "nobody has answered the bank yet"


def test_letting_go_frees_the_units_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid_with(robe, sandbox, DECLINED)
    answer = ask("POST", f"{order}/cancel")
    assert (answer.status_code, answer.json()["status"], fan.counts()) == (200, "cancelled", (0, 0, 5))
    assert problem(ask("POST", f"{order}/cancel")) == (409, "cannot-cancel")
    assert problem(ask("PUT", f"{order}/card", {"confirmation_token": "ctoken_x"})) == (409, "nothing-to-pay")
    assert fan.counts() == (0, 0, 5)


def test_while_the_provider_is_away_nothing_is_let_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid_with(robe, sandbox, DECLINED)
    sandbox.fail("payment_intents.cancel", 503, times=3)
    answer = ask("POST", f"{order}/cancel")
    assert (problem(answer), answer["Retry-After"]) == ((503, "try-again"), "60")
    assert (Order.objects.get().state, fan.counts()) == (OrderState.ACTION_REQUIRED, (1, 0, 4))


def test_no_more_cards_than_an_order_takes(robe: Drop, sandbox: SandboxServer, settings: Any) -> None:
    settings.CARDS_PER_ORDER = 1
    order = paid_with(robe, sandbox, DECLINED)
    answer = ask("PUT", f"{order}/card", {"confirmation_token": "ctoken_x"})
    assert (problem(answer), answer["Retry-After"]) == ((429, "slow-down"), "3600")


@pytest.mark.parametrize("token", ["guess", "x" * 500, "%00", "%F0%9F%98%80"])
def test_a_guessed_token_finds_nothing(robe: Drop, sandbox: SandboxServer, token: str) -> None:
    paid_with(robe, sandbox, DECLINED)
    attempts.forget()
    for method, path, body in [
        ("GET", "", None),
        ("PUT", "/card", {"confirmation_token": "ctoken_x"}),
        ("POST", "/returned", None),
        ("POST", "/cancel", None),
    ]:
        assert problem(ask(method, f"/api/v1/orders/{token}{path}", body)) == (404, "not-found")
    assert Order.objects.get().state == OrderState.ACTION_REQUIRED


@pytest.mark.parametrize("card", ["", "no spaces", "x" * 121, "\0", None, 1])
def test_what_is_no_card_is_a_422(robe: Drop, sandbox: SandboxServer, card: Any) -> None:
    order = paid_with(robe, sandbox, DECLINED)
    assert problem(ask("PUT", f"{order}/card", {"confirmation_token": card})) == (422, "invalid")
    assert Order.objects.select_related("payment").get().payment.attempt == 1
