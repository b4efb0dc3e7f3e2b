"""The provider's own page when something goes wrong: every order can still be paid, or ended."""

from datetime import timedelta

import pytest
from django.test import Client

from checkout import expiry, fallback, gateway, payments, settle
from checkout.errors import GatewayRefused, GatewayUnavailable
from checkout.models import Order, OrderState, PaymentState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import pay_there, sessions, waiting
from checkout.tests.test_payments import clock, fresh, later
from checkout.tokens import order_token
from drops.models import Drop
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def paid_there(order: Order, **after: float) -> str:
    """The order's state after paying on a page of the provider that opens then."""
    answer = pay_there(fallback.open_session(order.pk, now=later(**after)))
    assert answer.status_code == 303
    payments.look_again(order.pk, now=later(**after))
    payments.drain(lambda: later(**after))
    return str(fresh(order).state)


def failed_after_days(robe: Drop, sandbox: SandboxServer) -> Order:
    """Paid there by a slow method; the session was complete, and then the bank said no."""
    order = waiting(robe, sandbox)
    pay_there(fallback.open_session(order.pk, now=clock()), "4000000000000002")
    intent = gateway.retrieve_session(fresh(order).payment.session_id).intent_id
    slow = fan.card(sandbox, "pm_usBankAccount_insufficientFunds")
    gateway.confirm_intent(intent, slow, return_url="http://127.0.0.1/", key=f"{intent}:slow")
    sandbox.authenticate(intent)  # nothing to answer; the page sees that the session is complete
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert (fresh(order).state, sessions(order)[0]["status"]) == (OrderState.PROCESSING, "complete")
    sandbox.settle(intent, succeeded=False)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.ACTION_REQUIRED
    return order


def test_a_complete_session_whose_money_failed_lets_another_open(robe: Drop, sandbox: SandboxServer) -> None:
    order = failed_after_days(robe, sandbox)
    assert paid_there(order, minutes=0.1) == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)].count(True) == 1


def test_a_complete_session_whose_money_failed_lets_the_order_end(robe: Drop, sandbox: SandboxServer) -> None:
    order = failed_after_days(robe, sandbox)
    assert expiry.sweep(later(minutes=30)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))


def test_a_bank_that_asks_on_the_providers_page_has_refused_no_card(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    pay_there(fallback.open_session(order.pk, now=clock()), "4000002760003184")
    asked = gateway.retrieve_intent(gateway.retrieve_session(fresh(order).payment.session_id).intent_id)
    settle.settle_intent(order.pk, asked, now=clock())
    view = order_view(fresh(order), clock())
    assert (asked.status, view.headline) == ("requires_action", "One step left: pay for your order")
    assert "Your bank wants you to confirm this payment." in view.explanation
    assert view.pay_url is not None, "which leads back to that page"


def test_a_bank_whose_question_was_closed_is_not_named_where_no_page_opened(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox, "pm_card_threeDSecure2Required"))
    payments.drain(clock)
    sandbox.fail("checkout_sessions.create", 503, times=1)
    with pytest.raises(GatewayUnavailable):
        fallback.open_session(order.pk, now=clock())
    view = order_view(fresh(order), clock())
    assert view.headline == "One step left: pay for your order"
    assert "bank" not in view.explanation, "its question is closed, and no card was refused"
    assert paid_there(order, minutes=0.1) == OrderState.CONFIRMED


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_500_while_opening_lets_another_open(robe: Drop, sandbox: SandboxServer, phase: str) -> None:
    """The provider repeats a 500 for a day to who asks under the same key."""
    order = waiting(robe, sandbox)
    sandbox.fail("checkout_sessions.create", 500, times=1, phase=phase)
    with pytest.raises(GatewayUnavailable):
        fallback.open_session(order.pk, now=clock())
    assert paid_there(order, minutes=0.1) == OrderState.CONFIRMED


def test_a_500_while_opening_lets_the_order_end(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    sandbox.fail("checkout_sessions.create", 500, times=1)
    with pytest.raises(GatewayUnavailable):
        fallback.open_session(order.pk, now=clock())
    assert expiry.sweep(later(minutes=30)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))


def test_a_create_that_never_arrived_is_not_repeated_when_its_time_is_too_short(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = waiting(robe, sandbox)
    sandbox.drop_request("checkout_sessions.create")
    with pytest.raises(GatewayUnavailable):
        fallback.open_session(order.pk, now=clock() - timedelta(minutes=5))
    assert paid_there(order, minutes=0) == OrderState.CONFIRMED


def test_a_refused_create_is_not_repeated(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    with pytest.raises(GatewayRefused):
        fallback.open_session(order.pk, now=clock() - timedelta(minutes=5))  # ends too soon, says the provider
    assert paid_there(order, minutes=0) == OrderState.CONFIRMED


def test_news_of_an_expired_session_does_not_wake_a_closed_payment(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    fallback.open_session(order.pk, now=clock())
    assert expiry.sweep(later(minutes=30)) == 1
    settle.settle_session(order.pk, gateway.retrieve_session(fresh(order).payment.session_id), None, now=clock())
    assert fresh(order).payment.state == PaymentState.CLOSED


def test_no_card_is_asked_for_here_once_the_providers_page_was_opened(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    address = f"/orders/{order_token(order.token_nonce)}/pay"
    assert "payment-element" in Client().get(address).text
    fallback.open_session(order.pk, now=clock())
    assert "payment-element" not in Client().get(address).text


def test_a_fan_is_told_when_the_bank_says_no_after_days(robe: Drop, sandbox: SandboxServer) -> None:
    """Beside the letter that asked for the first payment, which was another one."""
    order = failed_after_days(robe, sandbox)
    letters = Message.objects.filter(kind="order_pay", key__startswith=f"order:{order.reference}:")
    assert letters.count() == 2
