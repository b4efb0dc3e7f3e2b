"""The second path: the first payable object is closed before the second opens."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.test import Client

from checkout import expiry, fallback, gateway, payments
from checkout.errors import GatewayUnavailable, IllegalMove, NothingToPay
from checkout.gateway import api
from checkout.models import Order, OrderState, Payment
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered
from checkout.tokens import order_token
from drops.models import Drop

pytestmark = pytest.mark.django_db(transaction=True)


def pay_there(url: str, number: str = "4242424242424242") -> httpx.Response:
    """What a fan does on the provider's page, without JavaScript."""
    card = {
        "number": number,
        "expiry": "12 / 34",
        "cvc": "123",
        "name": "A Fan",
        "postal_code": "12345",
        "country": "US",
    }
    with httpx.Client(trust_env=False) as browser:
        return browser.post(url, data=card)


def waiting(robe: Drop, sandbox: SandboxServer) -> Order:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    return fresh(order)


def test_c36_the_intent_is_cancelled_before_the_session_opens(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    intent = order.payment.intent_id
    before = len(sandbox.requests())
    url = fallback.open_session(order.pk, now=clock())
    assert gateway.retrieve_intent(intent).status == "canceled"
    calls = [call["operation"] for call in sandbox.requests()[before:]]
    assert calls.index("payment_intents.cancel") < calls.index("checkout_sessions.create")
    assert url.startswith(sandbox.base_url)


def test_paying_on_the_providers_page_confirms_the_order(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    answer = pay_there(fallback.open_session(order.pk, now=clock()))
    assert answer.status_code == 303
    assert answer.headers["location"].endswith("/returned/")
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.captured_minor, fan.counts()) == (OrderState.CONFIRMED, 5400, (0, 1, 4))
    assert [charge["paid"] for charge in sandbox.charges(order.reference)].count(True) == 1


def test_an_open_session_is_given_again(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    assert fallback.open_session(order.pk, now=clock()) == fallback.open_session(order.pk, now=clock())


def test_an_order_without_a_card_goes_straight_to_the_providers_page(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock())
    payments.drain(clock)
    pay_there(fallback.open_session(order.pk, now=clock()))
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_an_address_that_the_provider_does_not_take_opens_its_page_all_the_same(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = fan.placed(robe, at=clock(), contact=fan.somebody("jörg@example.com"))
    payments.drain(clock)
    assert pay_there(fallback.open_session(order.pk, now=clock())).status_code == 303


def test_no_session_opens_when_the_intent_was_paid_meanwhile(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id)
    with pytest.raises(NothingToPay):
        fallback.open_session(order.pk, now=clock())
    assert fresh(order).state == OrderState.CONFIRMED


def test_c14_the_session_is_expired_before_the_units_are_freed(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    fallback.open_session(order.pk, now=clock())
    session = fresh(order).payment.session_id
    sandbox.fail("checkout_sessions.expire", 500, times=1)
    assert expiry.sweep(later(minutes=30)) == 0
    assert fan.counts() == (1, 0, 4)
    assert expiry.sweep(later(minutes=30)) == 1
    assert gateway.retrieve_session(session).status == "expired"
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))


def test_a_session_whose_id_was_lost_is_found_again_and_not_opened_twice(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    at = clock()
    sandbox.drop_reply("checkout_sessions.create")
    with pytest.raises(GatewayUnavailable):
        fallback.open_session(order.pk, now=at)
    assert fresh(order).payment.session_id == ""
    fallback.open_session(order.pk, now=at + timedelta(seconds=5))
    created = [
        call for call in sandbox.requests("checkout_sessions.create") if order.reference in call["idempotency_key"]
    ]
    assert len({call["idempotency_key"] for call in created}) == 1
    assert created[-1]["replayed"]


def test_a_session_whose_id_was_lost_is_expired_by_the_sweep(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    sandbox.drop_reply("checkout_sessions.create")
    with pytest.raises(GatewayUnavailable):
        fallback.open_session(order.pk, now=clock())
    assert expiry.sweep(later(minutes=30)) == 1
    assert [session["status"] for session in sessions(order)] == ["expired"]


def sessions(order: Order) -> list[dict[str, str]]:
    listed = api.call("checkout.sessions.list")
    return [found for found in listed["data"] if found["metadata"].get("order") == order.reference]


def test_a_paid_or_expired_order_opens_nothing(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    with pytest.raises(NothingToPay):
        fallback.open_session(order.pk, now=clock())
    assert Payment.objects.get(order=order).session_id == ""


@pytest.mark.parametrize(("door", "status"), [("", 200), ("/api/v1", 409)])
def test_who_cancels_while_a_worker_asks_the_bank_is_told_so(
    robe: Drop, sandbox: SandboxServer, door: str, status: int
) -> None:
    order = ordered(robe, sandbox)
    claimed = payments.claim(clock())
    assert claimed
    answer = Client().post(f"{door}/orders/{order_token(order.token_nonce)}/cancel")
    assert "It is being paid at this moment, so it was not cancelled." in answer.content.decode()
    assert answer.status_code == status
    payments.pay(claimed, clock=clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_the_fan_cancels_and_the_units_come_back_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    assert expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor="fan", now=datetime.now(UTC))
    assert (fresh(order).state, fan.counts()) == (OrderState.CANCELLED, (0, 0, 5))
    with pytest.raises(IllegalMove):
        expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor="fan", now=datetime.now(UTC))
    assert fan.counts() == (0, 0, 5)
