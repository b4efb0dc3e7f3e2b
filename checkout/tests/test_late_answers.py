"""What the provider says late: after an outage, days later, or of an intent that somebody else has moved on."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from checkout import expiry, gateway, orders, payments, settle
from checkout.models import Order, OrderState, PaymentState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import waiting
from checkout.tests.test_payments import clock, fresh, later, ordered, states
from drops.models import Drop
from merchant.money import Money
from tests.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)


def paid_with(order: Order, sandbox: SandboxServer, **after: float) -> str:
    """The order's state after another card."""
    payments.use_card(order.pk, fan.card(sandbox), now=later(**after))
    payments.drain(lambda: later(**after))
    return str(fresh(order).state)


def test_who_waited_out_an_outage_has_time_for_another_card(robe: Drop, sandbox: SandboxServer) -> None:
    """The hard cap passed while the provider was away: that must not be the fan's loss."""
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    sandbox.drop_request("payment_intents.create")
    payments.drain(clock)
    payments.drain(lambda: later(hours=1))
    assert fresh(order).state == OrderState.ACTION_REQUIRED
    assert expiry.sweep(later(minutes=69)) == 0
    assert paid_with(order, sandbox, minutes=69) == OrderState.CONFIRMED


@pytest.mark.parametrize("card", ["pm_card_threeDSecure2Required", "pm_usBankAccount_insufficientFunds"])
def test_what_was_read_of_the_card_before_does_not_lose_the_next_one(
    robe: Drop, sandbox: SandboxServer, card: str
) -> None:
    order = ordered(robe, sandbox, card)
    payments.drain(clock)
    intent_id = fresh(order).payment.intent_id
    read = gateway.retrieve_intent(intent_id)  # by somebody who is slow to act on it
    if read.status == "processing":
        sandbox.settle(intent_id, succeeded=False)
    else:
        sandbox.authenticate(intent_id, passed=False)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    settle.settle_intent(order.pk, read, now=clock())
    assert fresh(order).state == OrderState.AUTHORISING
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_bank_that_says_no_after_days_leaves_time_for_a_card(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_usBankAccount_insufficientFunds")
    payments.drain(clock)
    assert fresh(order).state == OrderState.PROCESSING
    sandbox.settle(fresh(order).payment.intent_id, succeeded=False)
    payments.look_again(order.pk, now=later(days=3))
    payments.drain(lambda: later(days=3))
    assert fresh(order).state == OrderState.ACTION_REQUIRED
    assert expiry.sweep(later(days=3, minutes=9)) == 0
    assert paid_with(order, sandbox, days=3, minutes=9) == OrderState.CONFIRMED


def test_a_card_is_charged_on_a_new_intent_when_staff_closed_the_old(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    closed = gateway.cancel_intent(order.payment.intent_id)
    assert paid_with(order, sandbox, minutes=1) == OrderState.CONFIRMED
    assert fresh(order).payment.intent_id != closed.id
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [False, True]


def test_the_new_intent_is_closed_like_any_other(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    gateway.cancel_intent(order.payment.intent_id)
    payments.use_card(order.pk, fan.card(sandbox, "pm_card_threeDSecure2Required"), now=clock())
    payments.drain(clock)
    assert expiry.sweep(later(minutes=26)) == 1
    assert gateway.retrieve_intent(fresh(order).payment.intent_id).status == "canceled"


def test_an_intent_closed_before_the_banks_question_was_answered_asks_for_a_card(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    settle.settle_intent(order.pk, gateway.cancel_intent(fresh(order).payment.intent_id), now=clock())
    assert (fresh(order).payment.error_code, fresh(order).payment.intent_id) == ("card_wanted", "")
    assert paid_with(order, sandbox, minutes=1) == OrderState.CONFIRMED


def test_a_confirm_that_comes_second_reads_what_the_first_did(robe: Drop, sandbox: SandboxServer) -> None:
    """Refused, because it is paid: asking for another card would be a lie."""
    order = waiting(robe, sandbox)
    gateway.confirm_intent(order.payment.intent_id, fan.card(sandbox), return_url="http://127.0.0.1/", key="first")
    assert paid_with(order, sandbox, minutes=1) == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)].count(True) == 1


def test_money_that_came_twice_is_told_to_staff(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    second = gateway.create_intent(
        order.reference, Money(5400, "USD"), email=order.email, key=f"{order.reference} by hand"
    )
    paid = gateway.confirm_intent(
        second.id, fan.card(sandbox), return_url="http://127.0.0.1/", key=f"{order.reference} by hand, confirm"
    )
    settle.settle_intent(order.pk, paid, now=clock())
    assert states(order)[-1] == "paid_twice"
    assert (fresh(order).captured_minor, fan.counts()) == (5400, (0, 1, 4))


def test_who_came_back_from_the_bank_is_not_asked_for_what_they_did(robe: Drop, sandbox: SandboxServer) -> None:
    """Until a worker has looked the page can offer nothing, and so it must not tell the fan to pay."""
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id)
    payments.look_again(order.pk, now=clock())
    view = order_view(fresh(order), clock())
    assert (view.headline, view.pay_url, view.poll) == ("One moment, your bank is answering", None, True)


def test_who_comes_back_while_their_money_is_written_down_leaves_it_paid(robe: Drop, sandbox: SandboxServer) -> None:
    """Both read the payment as waiting: the fan's look must see what it became, not what it was."""
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    with ThreadPoolExecutor(1) as fan_comes_back:
        with transaction.atomic():
            _, payment = orders.lock_both(order.pk)
            looked = fan_comes_back.submit(look_again_elsewhere, order.pk)
            until(somebody_waits_for_us)
            payment.state = PaymentState.PAID
            payment.save()
        looked.result()
    assert fresh(order).payment.state == PaymentState.PAID


def look_again_elsewhere(order_id: int) -> None:
    try:
        payments.look_again(order_id, now=clock())
    finally:
        connection.close()
