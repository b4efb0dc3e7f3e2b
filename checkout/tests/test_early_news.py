"""A refund or a dispute that was made before our books knew of the payment is not lost, however late we book it."""

import pytest

from checkout import gateway, orders, payments, refunds, settle, webhooks
from checkout.early_news import TOO_EARLY
from checkout.models import MoneyState, Order, OrderState, Payment, WebhookEvent
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered, states
from checkout.tests.test_refunds import dispute_event, provider, refund_event
from checkout.tests.test_waiting_list import books_balance
from checkout.tests.test_webhooks import event, ring
from drops import stock
from drops.models import Drop
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unbooked(robe: Drop, sandbox: SandboxServer) -> Order:
    """$54.00 were taken for it, and the worker died before it could write that down."""
    order = ordered(robe, sandbox)
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)
    return fresh(order)


def book(order: Order, intent_id: str = "") -> Order:
    settle.settle_intent(order.pk, gateway.retrieve_intent(intent_id or order.payment.intent_id), now=later(days=3))
    return fresh(order)


def given_up() -> list[str]:
    """Work the news through for hours: those that nobody looks at any more."""
    webhooks.drain(clock)
    webhooks.drain(lambda: later(hours=4))
    return list(WebhookEvent.objects.exclude(processed_at=None).values_list("outcome", flat=True))


def charge_event(order: Order) -> bytes:
    return event("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": order.payment.intent_id})


@pytest.mark.parametrize("told", ["refund.created", "charge.refunded", ""])
def test_a_refund_made_by_hand_before_its_payment_is_booked_is_taken_over_days_later(
    unbooked: Order, sandbox: SandboxServer, told: str
) -> None:
    intent_id = unbooked.payment.intent_id
    made = provider(sandbox).refunds.create({"payment_intent": intent_id, "amount": 2500})
    if told:
        ring(charge_event(unbooked) if told == "charge.refunded" else refund_event(told, unbooked, made.id))
    Payment.objects.update(intent_id="")  # nor do we know whose payment it is
    assert given_up() == ([TOO_EARLY] if told else [])
    order = book(unbooked, intent_id)
    assert (order.state, order.refunded_minor) == (OrderState.CONFIRMED, 0)
    webhooks.drain(lambda: later(days=3))
    order = fresh(order)
    assert (order.refunded_minor, order.money_state) == (2500, MoneyState.PARTLY_REFUNDED)
    assert [refund.provider_id for refund in order.refunds.all()] == [made.id]
    assert refunds.refundable(order) == 2900
    assert not WebhookEvent.objects.filter(processed_at=None).exists()


@pytest.mark.parametrize("told", ["refund.created", "charge.refunded"])
def test_news_of_a_refund_book_its_payment_where_nobody_has_told_us_of_that(
    unbooked: Order, sandbox: SandboxServer, told: str
) -> None:
    made = provider(sandbox).refunds.create({"payment_intent": unbooked.payment.intent_id, "amount": 2500})
    ring(charge_event(unbooked) if told == "charge.refunded" else refund_event(told, unbooked, made.id))
    webhooks.drain(clock)
    order = fresh(unbooked)
    assert (order.state, order.captured_minor, order.refunded_minor) == (OrderState.CONFIRMED, 5400, 2500)


def test_a_dispute_of_a_payment_whose_id_we_did_not_know_is_noted(unbooked: Order, sandbox: SandboxServer) -> None:
    intent_id = unbooked.payment.intent_id
    ring(dispute_event("created", unbooked, sandbox.dispute(intent_id)))
    Payment.objects.update(intent_id="")
    assert given_up() == [TOO_EARLY]
    book(unbooked, intent_id)
    webhooks.drain(lambda: later(days=3))
    assert fresh(unbooked).disputed_minor == 5400


def test_news_that_are_given_up_in_the_moment_in_which_the_payment_is_booked_are_acted_on(
    unbooked: Order, sandbox: SandboxServer
) -> None:
    intent_id = unbooked.payment.intent_id
    ring(dispute_event("created", unbooked, sandbox.dispute(intent_id)))
    Payment.objects.update(intent_id="")
    webhooks.drain(clock)
    at = later(hours=4)
    mine = webhooks._claim(at)
    book(unbooked, intent_id)
    webhooks._later(mine, at, TOO_EARLY, give_up=True)
    webhooks.drain(lambda: later(days=3))
    assert fresh(unbooked).disputed_minor == 5400


def test_an_order_whose_money_is_back_already_is_not_confirmed(unbooked: Order, sandbox: SandboxServer) -> None:
    """Nobody would pay for what is sent."""
    provider(sandbox).refunds.create({"payment_intent": unbooked.payment.intent_id})
    order = book(unbooked)
    assert (order.state, fan.counts(), books_balance()) == (OrderState.CANCELLED, (0, 0, 5), True)
    webhooks.drain(lambda: later(days=3))
    order = fresh(order)
    assert (order.refunded_minor, order.money_state) == (5400, MoneyState.REFUNDED)
    assert "confirmed" not in states(order)
    assert list(Message.objects.order_by("pk").values_list("kind", flat=True)) == ["order_expired", "order_refunded"]


def test_c15_late_money_that_is_back_already_takes_no_units_and_goes_back_once(
    unbooked: Order, sandbox: SandboxServer
) -> None:
    Order.objects.update(state=OrderState.EXPIRED)
    stock.release(orders.owner_of(unbooked))
    provider(sandbox).refunds.create({"payment_intent": unbooked.payment.intent_id})
    order = book(unbooked)
    assert (order.state, fan.counts(), order.refunds.count()) == (OrderState.LATE_PAID, (0, 0, 5), 0)
    webhooks.drain(lambda: later(days=3))
    refunds.drain(lambda: later(days=3))
    order = fresh(order)
    assert (order.state, order.refunded_minor) == (OrderState.CANCELLED, 5400)
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [5400]


def test_c15_of_late_money_a_part_of_which_is_back_the_rest_goes_back(unbooked: Order, sandbox: SandboxServer) -> None:
    Order.objects.update(state=OrderState.CANCELLED)
    stock.release(orders.owner_of(unbooked))
    provider(sandbox).refunds.create({"payment_intent": unbooked.payment.intent_id, "amount": 2500})
    order = book(unbooked)
    for _ in range(2):
        refunds.drain(lambda: later(days=3))
        webhooks.drain(lambda: later(days=3))
    order = fresh(order)
    assert (order.state, order.refunded_minor) == (OrderState.CANCELLED, 5400)
    assert sorted(order.refunds.values_list("amount_minor", "state")) == [(2500, "succeeded"), (2900, "succeeded")]
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [5400]
