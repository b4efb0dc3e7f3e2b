"""A deferred order may be paid on the provider's page: what became of its card is asked first, by closing it."""

import pytest
from django.test import Client

from checkout import breaker, expiry, fallback, gateway, payments, tasks
from checkout.errors import GatewayUnavailable, NothingToPay
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_back_from_elsewhere import address
from checkout.tests.test_fallback import pay_there
from checkout.tests.test_leases import begun
from checkout.tests.test_payments import clock, fresh, later, ordered
from drops.models import Drop
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
KEEPS_TRYING = "We keep trying your card"


def deferred(robe: Drop, sandbox: SandboxServer, *, lost: bool = False) -> Order:
    """``lost``: the bank said yes, and the answer did not reach us."""
    order = ordered(robe, sandbox)
    if lost:
        sandbox.drop_reply("payment_intents.confirm")
    else:
        sandbox.fail("payment_intents.confirm", 429, times=1)
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.outcome_unknown) == (OrderState.DEFERRED, lost)
    return order


def test_a_deferred_order_is_paid_on_the_providers_page_once_its_card_is_closed(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = deferred(robe, sandbox)
    assert address(order, "pay") in Message.objects.get(key=f"order:{order.reference}:deferred").text
    assert f'href="{address(order, "pay")}"' in Client().get(address(order)).content.decode()
    page = Client().get(address(order, "pay")).content.decode()
    assert KEEPS_TRYING in page
    assert 'id="card"' not in page
    url = Client().post(address(order, "pay")).headers["Location"]
    assert gateway.retrieve_intent(order.payment.intent_id).status == "canceled"
    waiting = fresh(order)
    assert (waiting.state, waiting.payment.state) == (OrderState.ACTION_REQUIRED, PaymentState.AWAITING_FAN)
    assert waiting.payment.confirmation_token == ""
    assert waiting.hold_expires_at <= waiting.hard_cap_at < waiting.deferral_ends_at
    assert payments.drain(lambda: later(minutes=5)) == 0, "the card before is not tried any more"
    pay_there(url)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_one_whose_card_was_charged_unheard_is_confirmed_and_nothing_opens(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox, lost=True)
    with pytest.raises(NothingToPay):
        fallback.open_session(order.pk, now=clock())
    assert fresh(order).state == OrderState.CONFIRMED
    assert not [call for call in sandbox.requests("checkout_sessions.create") if order.reference in str(call)]
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_while_the_provider_does_not_answer_nothing_opens_and_the_card_is_kept(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = deferred(robe, sandbox)
    sandbox.fail("payment_intents.cancel", 503, times=1)
    answer = Client().post(address(order, "pay"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert fresh(order).payment.leased_until is None
    payments.drain(lambda: later(minutes=5))
    assert fresh(order).state == OrderState.CONFIRMED


def test_where_only_its_page_cannot_be_opened_the_card_is_tried_on(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox)
    sandbox.fail("checkout_sessions.create", 503, times=1)
    with pytest.raises(GatewayUnavailable):
        fallback.open_session(order.pk, now=clock())
    payment = fresh(order).payment
    assert (fresh(order).state, payment.state, payment.path) == (
        OrderState.DEFERRED,
        PaymentState.DUE,
        PaymentPath.INTENT,
    )
    payments.drain(clock)
    order = fresh(order)
    assert order.state == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def left_alone(order: Order) -> Payment:
    """Whoever was opening the page died when what the order had was closed and the page was not there yet."""
    _, mine = fallback._claim(order.pk, clock())
    assert fallback.close_payable(mine) is None
    return fallback._commit_number(mine, clock())


def test_whose_page_was_never_opened_has_its_card_tried_on(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox)
    left_alone(order)
    assert fallback.take_up_abandoned(clock()) == 0, "somebody may be opening it"
    Payment.objects.filter(order=order).update(leased_until=None)  # as time alone does
    tasks.sweep_expired()
    assert fallback.take_up_abandoned(clock()) == 0, "once"
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_who_was_only_slow_to_open_it_shows_it_to_nobody(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox)
    mine = left_alone(order)
    session = fallback._create_once(mine.order, mine)
    assert fallback.take_up_abandoned(later(minutes=2)) == 1
    with pytest.raises(NothingToPay):
        fallback._remember(mine, session, later(minutes=2))
    assert gateway.retrieve_session(session.id).status == "expired"
    assert (fresh(order).payment.path, fresh(order).payment.session_id) == (PaymentPath.INTENT, "")


def test_no_link_is_shown_while_the_provider_is_left_alone(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox)
    for _ in range(breaker.LEAST_CALLS):
        breaker.record(well=False, now=clock())
    assert not breaker.is_closed()
    assert "Pay another way" not in Client().get(address(order)).content.decode()
    assert Client().get(address(order, "pay")).headers["Location"] == address(order)


def test_nothing_opens_while_a_worker_asks_about_the_card(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox)
    begun(later(minutes=3))
    with pytest.raises(NothingToPay):
        fallback.open_session(order.pk, now=later(minutes=3))


def test_a_worker_finds_its_payment_gone_when_the_page_was_opened_meanwhile(robe: Drop, sandbox: SandboxServer) -> None:
    """Its lease had ended, so the fan could go elsewhere: it must not confirm what it began."""
    order = deferred(robe, sandbox)
    job = begun(later(minutes=3))
    fallback.open_session(order.pk, now=later(minutes=5))
    assert payments._remember(job, job.intent_id) is False


def test_a_bank_that_said_yes_is_waited_for(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox)
    Payment.objects.filter(order=order).update(capture_before=later(days=4))
    with pytest.raises(NothingToPay):
        fallback.open_session(order.pk, now=clock())


def test_who_leaves_that_page_unpaid_keeps_the_units_no_longer_than_anybody(robe: Drop, sandbox: SandboxServer) -> None:
    order = deferred(robe, sandbox)
    fallback.open_session(order.pk, now=clock())
    assert expiry.sweep(later(minutes=robe.hard_cap_minutes + 1)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))
