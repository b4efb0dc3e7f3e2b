"""When webhooks stay away: events are listed, waiting payments are looked at, staff are told."""

from datetime import datetime, timedelta

import pytest

from checkout import expiry, gateway, payments, puller, webhooks
from checkout.models import Order, OrderState, PaymentState, WebhookEvent
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered
from checkout.tests.test_webhooks import intent_event, ring
from drops.models import Drop
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_happened_before(sandbox: SandboxServer) -> None:
    """A list of events tells of every test since the sandbox started; here it begins empty."""
    sandbox.reset()


def waiting_for_the_bank(robe: Drop, sandbox: SandboxServer) -> Order:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    assert fresh(order).state == OrderState.ACTION_REQUIRED
    return fresh(order)


def test_c11_no_webhook_for_two_hours_pulling_completes_the_orders(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting_for_the_bank(robe, sandbox)
    sandbox.authenticate(order.payment.intent_id)  # and nothing rings
    assert puller.fetch_events(clock()) == 2
    assert webhooks.last_ring() is None, "what we fetched did not ring"
    webhooks.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    assert Message.objects.filter(key=f"order:{order.reference}:confirmed").count() == 1
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_what_rang_and_what_is_fetched_is_stored_once(robe: Drop, sandbox: SandboxServer) -> None:
    waiting_for_the_bank(robe, sandbox)
    assert puller.fetch_events(clock()) == 1
    before = WebhookEvent.objects.count()
    assert puller.fetch_events(clock()) == 0
    assert WebhookEvent.objects.count() == before


def test_nothing_is_fetched_while_the_doorbell_rings(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting_for_the_bank(robe, sandbox)
    ring(intent_event("requires_action", order))
    before = len(sandbox.requests("events.list"))
    at = clock()
    between = at if at.minute % puller.LOOK_ANYWAY_MINUTES else at + timedelta(minutes=1)
    assert puller.pull(between) == 0
    assert len(sandbox.requests("events.list")) == before
    puller.pull(later(minutes=6))
    assert len(sandbox.requests("events.list")) == before + 1


def test_an_event_that_was_lost_among_others_that_rang_is_fetched(robe: Drop, sandbox: SandboxServer) -> None:
    """Of money for an order that is over nobody else would ever hear."""
    order = waiting_for_the_bank(robe, sandbox)
    assert expiry.sweep(later(minutes=26)) == 1
    late = gateway.create_intent(order.reference, order.total, email=order.email, key=f"{order.reference} telephone")
    gateway.confirm_intent(
        late.id, fan.card(sandbox), return_url="http://127.0.0.1/", key=f"{order.reference} telephone, confirm"
    )
    ring(intent_event("requires_action", order))
    assert puller.pull(next_look()) == 3
    webhooks.drain(next_look)
    assert (fresh(order).state, fresh(order).captured_minor) == (OrderState.CONFIRMED, 5400)


def next_look() -> datetime:
    """The next fifth minute."""
    at = clock()
    return at + timedelta(minutes=-at.minute % puller.LOOK_ANYWAY_MINUTES)


def test_a_provider_that_does_not_answer_is_asked_the_next_time(robe: Drop, sandbox: SandboxServer) -> None:
    waiting_for_the_bank(robe, sandbox)
    sandbox.fail("events.list", 500, times=1)
    assert puller.fetch_events(clock()) == 0
    assert puller.fetch_events(clock()) == 1


def test_c11_a_payment_nobody_looked_at_for_a_while_is_looked_at(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting_for_the_bank(robe, sandbox)
    sandbox.authenticate(order.payment.intent_id)
    assert puller.look_at_waiting(clock()) == 0, "just looked at"
    assert puller.look_at_waiting(later(minutes=6)) == 1
    payments.drain(lambda: later(minutes=6))
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_card_that_is_wanted_is_not_asked_about(robe: Drop, sandbox: SandboxServer) -> None:
    """Nothing happens at the provider before the fan enters one; meanwhile they must be able to."""
    ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    assert puller.look_at_waiting(later(minutes=20)) == 0


def test_c18_a_slow_method_keeps_its_units_for_days(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_usBankAccount")
    payments.drain(clock)
    assert (fresh(order).state, fresh(order).payment.state) == (OrderState.PROCESSING, PaymentState.PROCESSING)
    assert expiry.sweep(later(days=3)) == 0
    assert fan.counts() == (1, 0, 4), "not sellable meanwhile"
    sandbox.settle(fresh(order).payment.intent_id)
    assert puller.look_at_waiting(later(days=3)) == 1
    payments.drain(lambda: later(days=3))
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))


def test_staff_are_told_when_it_is_silent_although_payments_happened(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    assert not puller.is_silent(clock()), "it may still ring"
    assert puller.is_silent(later(minutes=6))
    ring(intent_event("succeeded", fresh(order)))
    assert not puller.is_silent(later(minutes=6))
    Drop.objects.update(state="closed")
    WebhookEvent.objects.all().delete()
    assert not puller.is_silent(later(minutes=6))
