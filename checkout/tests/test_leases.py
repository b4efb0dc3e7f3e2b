"""Who talks to the provider about an order has its payment to itself; who lost it meanwhile does nothing more."""

from datetime import datetime

import pytest

from checkout import expiry, fallback, gateway, payments, settle
from checkout.errors import CardDeclined, NothingToPay
from checkout.models import Order, OrderState, Payment, PaymentState
from checkout.payments import Job
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import sessions, waiting
from checkout.tests.test_payments import clock, fresh, later, ordered
from drops.models import Drop

pytestmark = pytest.mark.django_db(transaction=True)


def begun(at: datetime) -> Job:
    """What a worker knows that has claimed the payment which is due."""
    payment_id = payments.claim(at)
    assert payment_id
    job = payments._begin(payment_id, at)
    assert job
    return job


def test_news_of_the_first_card_does_not_drop_the_second(robe: Drop, sandbox: SandboxServer) -> None:
    """The webhook about the declined card comes when the fan has entered another, which waits for a worker."""
    order = waiting(robe, sandbox)
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    settle.settle_intent(order.pk, gateway.retrieve_intent(order.payment.intent_id), now=clock())
    assert fresh(order).state == OrderState.AUTHORISING
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_news_of_the_first_card_does_not_drop_the_second_while_it_is_being_sent(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = waiting(robe, sandbox)
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    job = begun(clock())
    assert payments._remember(job, job.intent_id)  # committed, and the call is under way
    settle.settle_intent(order.pk, gateway.retrieve_intent(order.payment.intent_id), now=clock())
    order = fresh(order)
    assert (order.state, order.payment.confirmation_token, order.payment.cards_refused) == (
        OrderState.AUTHORISING,
        job.token,
        1,
    )
    payments._settle(job, payments._pay_intent(job), clock())
    assert fresh(order).state == OrderState.CONFIRMED


def test_news_of_the_first_card_does_not_drop_the_second_that_a_provider_in_trouble_put_off(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = waiting(robe, sandbox)
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    sandbox.fail("payment_intents.confirm", 429, times=1)
    payments.drain(clock)
    settle.settle_intent(order.pk, gateway.retrieve_intent(order.payment.intent_id), now=clock())
    assert (fresh(order).state, fresh(order).payment.cards_refused) == (OrderState.DEFERRED, 1)
    payments.drain(lambda: later(minutes=2))
    assert (fresh(order).state, len(sandbox.charges(order.reference))) == (OrderState.CONFIRMED, 2)


def test_the_answer_to_the_first_card_that_comes_after_the_second_does_not_drop_it(
    robe: Drop, sandbox: SandboxServer
) -> None:
    """The doorbell was faster than the worker's own answer, and so was the fan."""
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    job = begun(clock())
    with pytest.raises(CardDeclined) as declined:
        payments._pay_intent(job)
    payments._decline(job, declined.value, clock())
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments._decline(job, declined.value, clock())
    assert (fresh(order).state, fresh(order).payment.cards_refused) == (OrderState.AUTHORISING, 1)
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_payment_that_was_settled_while_it_was_claimed_is_given_back(robe: Drop, sandbox: SandboxServer) -> None:
    """Else the page's buttons do nothing until the lease ends."""
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    payments.look_again(order.pk, now=clock())
    claimed = payments.claim(clock())
    assert claimed
    settle.settle_intent(order.pk, gateway.retrieve_intent(fresh(order).payment.intent_id), now=clock())
    payments.pay(claimed, clock=clock)
    assert (fresh(order).payment.state, fresh(order).payment.leased_until) == (PaymentState.AWAITING_FAN, None)


def test_units_are_not_freed_under_a_card_that_came_in_the_last_second(robe: Drop, sandbox: SandboxServer) -> None:
    """No intent stands yet, so closing asks nobody; a card that comes meanwhile must win."""
    order = fan.placed(robe, at=clock())
    payments.drain(clock)
    ended = later(minutes=26)
    closing = expiry._claim(order.pk, OrderState.EXPIRED, ended)
    assert closing
    payments.use_card(order.pk, fan.card(sandbox), now=ended)
    payments._pay_intent(begun(later(minutes=26)))  # charged, and not yet settled
    assert not expiry._finish(closing, OrderState.EXPIRED, why="time is up", actor="worker", now=ended)
    assert fan.counts() == (1, 0, 4)
    payments.drain(lambda: later(minutes=28))
    assert fresh(order).state == OrderState.CONFIRMED


def test_coming_back_does_not_disturb_who_is_closing(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    closing = expiry._claim(order.pk, OrderState.CANCELLED, clock())
    assert closing
    payments.look_again(order.pk, now=clock())
    assert payments.claim(clock()) is None
    assert fresh(order).payment.leased_until == closing.leased_until


def test_c36_a_webhook_lets_nobody_else_open_a_second_session(robe: Drop, sandbox: SandboxServer) -> None:
    """The provider rings about the cancelled intent before it answers who cancelled it, and the fan clicks again."""
    order = waiting(robe, sandbox)
    _, first = fallback._claim(order.pk, clock())
    gateway.cancel_intent(order.payment.intent_id)
    settle.settle_intent(order.pk, gateway.retrieve_intent(order.payment.intent_id), now=clock())
    with pytest.raises(NothingToPay):
        fallback.open_session(order.pk, now=clock())
    assert sessions(order) == []
    assert fresh(order).payment.leased_until == first.leased_until


def test_c36_who_lost_the_lease_opens_nothing(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    _, first = fallback._claim(order.pk, clock())
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    with pytest.raises(NothingToPay):
        fallback._commit_number(first, clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_session_that_comes_too_late_is_expired_and_not_shown(robe: Drop, sandbox: SandboxServer) -> None:
    """Its create ran longer than the lease, and the order was closed meanwhile."""
    order, first = fallback._claim(waiting(robe, sandbox).pk, clock())
    first = fallback._commit_number(first, clock())
    session = fallback._create(order, first)
    Payment.objects.filter(order=order).update(leased_until=None, state=PaymentState.CLOSED)
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    with pytest.raises(NothingToPay):
        fallback._remember(first, session, clock())
    assert [found["status"] for found in sessions(order)] == ["expired"]


def test_a_worker_whose_lease_ended_leaves_the_card_to_the_next(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    slow = begun(clock())
    quick = begun(later(seconds=61))
    assert payments._pay_intent(slow) is None
    assert sandbox.charges(order.reference) == []
    payments._pay_intent(quick)
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]
