"""Bank transfers and debits: held for the shop's days, then cancelled where that works, else let go by a person."""

from datetime import datetime

import pytest

from checkout import expiry, gateway, payments, puller, refunds, trouble, webhooks
from checkout.errors import GatewayUnavailable, IllegalMove
from checkout.models import Order, OrderState, PaymentState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered
from checkout.tests.test_webhooks import intent_event, ring
from drops.models import Drop, DropState
from merchant.models import JournalEntry, LatePayments, StoreProfile
from merchant.templatetags.shop import clock as told

pytestmark = pytest.mark.django_db(transaction=True)


def slow(robe: Drop, sandbox: SandboxServer) -> Order:
    order = ordered(robe, sandbox, "pm_usBankAccount")
    payments.drain(clock)
    assert fresh(order).state == OrderState.PROCESSING
    return fresh(order)


@pytest.fixture
def _unstoppable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe cancels what is processing in rare cases: this is none of them."""
    monkeypatch.setattr(gateway, "cancel_intent", gateway.retrieve_intent)


def in_trouble(order: Order, at: datetime) -> bool:
    kind = trouble.kind("slow")
    assert kind
    return order in list(kind.rows(at))


def let_go(at: datetime) -> int:
    kind = trouble.kind("slow")
    assert kind
    assert kind.act
    return kind.act(kind.rows(at), "staff:ada", at)


def test_c18_a_slow_payment_keeps_its_units_for_the_shops_days(robe: Drop, sandbox: SandboxServer) -> None:
    StoreProfile.objects.update(processing_days=5)
    order = slow(robe, sandbox)
    assert (order.hold_expires_at - order.state_since).days == 5
    view = order_view(order, clock())
    assert f"held for it until {told(order.hold_expires_at, view.server_now)}" in view.explanation
    assert (expiry.sweep(later(days=4, hours=23)), fan.counts()) == (0, (1, 0, 4))
    sandbox.settle(order.payment.intent_id)
    assert puller.look_at_waiting(later(days=4, hours=23)) == 1
    payments.drain(lambda: later(days=4, hours=23))
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))


def test_after_its_days_it_is_cancelled_at_the_provider_and_its_units_freed(robe: Drop, sandbox: SandboxServer) -> None:
    order = slow(robe, sandbox)
    at = later(days=15)
    assert (expiry.sweep(at), fan.counts()) == (1, (0, 0, 5))
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.EXPIRED, PaymentState.CLOSED)
    assert gateway.retrieve_intent(order.payment.intent_id).status == "canceled"
    assert order_view(order, at).headline == "Your bank took too long"


@pytest.mark.usefixtures("_unstoppable")
def test_what_the_provider_cannot_stop_keeps_its_units_a_day_longer_and_is_shown_to_staff(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = slow(robe, sandbox)
    at = later(days=15)
    assert not in_trouble(order, later(days=13))
    before = len(sandbox.requests("payment_intents.retrieve"))
    assert (expiry.sweep(at), expiry.sweep(at)) == (0, 0)
    assert len(sandbox.requests("payment_intents.retrieve")) - before == 1, "once a day, not with every sweep"
    order = fresh(order)
    assert (order.state, fan.counts()) == (OrderState.PROCESSING, (1, 0, 4))
    assert (order.hold_expires_at - at).days == 1
    assert in_trouble(order, at)


@pytest.mark.usefixtures("_unstoppable")
@pytest.mark.parametrize(
    ("setting", "state", "refunded"),
    [(LatePayments.TAKE_AGAIN, OrderState.CONFIRMED, []), (LatePayments.REFUND, OrderState.CANCELLED, [5400])],
)
def test_staff_let_go_and_money_that_comes_all_the_same_goes_the_shops_way(
    robe: Drop, sandbox: SandboxServer, setting: LatePayments, state: OrderState, refunded: list[int]
) -> None:
    StoreProfile.objects.update(late_payments=setting)
    order = slow(robe, sandbox)
    at = later(days=15)
    assert (let_go(at), fan.counts()) == (1, (0, 0, 5))
    entry = JournalEntry.objects.filter(subject=order.subject, verb="expired").get()
    assert (entry.actor, entry.why) == ("staff:ada", "the bank took too long")
    view = order_view(fresh(order), at)
    assert view.headline == "Your bank took too long"
    assert "You have not been charged" not in view.explanation, "nobody knows yet"
    ring(intent_event("processing", fresh(order)))  # late news that it is on its way changes nothing
    webhooks.drain(clock)
    assert fresh(order).payment.state == PaymentState.CLOSED
    sandbox.settle(order.payment.intent_id)
    ring(intent_event("succeeded", fresh(order)))
    webhooks.drain(clock)
    refunds.drain(clock)
    assert fresh(order).state == state
    assert [refund.amount_minor for refund in order.refunds.all()] == refunded


@pytest.mark.usefixtures("_unstoppable")
def test_its_money_is_looked_for_where_the_provider_does_not_ring(robe: Drop, sandbox: SandboxServer) -> None:
    order = slow(robe, sandbox)
    Drop.objects.update(state=DropState.CLOSED)
    assert let_go(later(days=15)) == 1
    sandbox.settle(order.payment.intent_id)
    puller.pull(clock())
    webhooks.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_payment_that_can_be_stopped_is_stopped_when_staff_let_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = slow(robe, sandbox)
    assert let_go(later(days=15)) == 1
    assert gateway.retrieve_intent(order.payment.intent_id).status == "canceled"


def test_one_that_was_paid_in_this_moment_is_confirmed_instead(robe: Drop, sandbox: SandboxServer) -> None:
    order = slow(robe, sandbox)
    sandbox.settle(order.payment.intent_id)
    assert let_go(later(days=15)) == 0
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))


def test_a_provider_that_does_not_answer_keeps_the_units(robe: Drop, sandbox: SandboxServer) -> None:
    order = slow(robe, sandbox)
    sandbox.fail("payment_intents.cancel", 503)
    assert (let_go(later(days=15)), fan.counts()) == (0, (1, 0, 4))
    with pytest.raises(GatewayUnavailable):
        expiry.let_go(order.pk, why="w", actor="staff:ada", now=later(days=15))
    assert fresh(order).payment.leased_until is None


def test_only_what_a_bank_is_paying_can_be_let_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    with pytest.raises(IllegalMove):
        expiry.let_go(order.pk, why="w", actor="staff:ada", now=clock())
