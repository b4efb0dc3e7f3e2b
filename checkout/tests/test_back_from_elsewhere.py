"""What a fan did at their bank, or on the provider's page, while nobody can ask about it: what is kept and asked
for them, and what they may do meanwhile."""

from html import unescape
from typing import Any

import pytest
from django.test import Client

from checkout import expiry, fallback, gateway, payments, puller, trouble, webhooks
from checkout.models import Order, OrderState, Payment, PaymentState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import pay_there, waiting
from checkout.tests.test_payments import clock, fresh, later, ordered, states
from checkout.tokens import order_token
from checkout.views.order import BANK_FIRST, BUSY, PAY_THERE, READY
from drops.models import Drop, Hold
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def asked_by_their_bank(robe: Drop, sandbox: SandboxServer) -> Order:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    return fresh(order)


def groups_of(order: Order) -> list[str]:
    return [
        kind.slug
        for kind in trouble.KINDS
        if any(isinstance(row, Order) and row == order for row in kind.rows(clock()))
    ]


def read(response: Any) -> str:
    return unescape(response.content.decode())


def address(order: Order, page: str = "") -> str:
    return f"/orders/{order_token(order.token_nonce)}/{page}"


def test_c16_an_answer_to_the_bank_that_nobody_can_ask_about_defers_the_order(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = asked_by_their_bank(robe, sandbox)
    sandbox.authenticate(order.payment.intent_id)  # charged there, and nobody tells us
    sandbox.fail("payment_intents.*", 503)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.outcome_unknown) == (OrderState.DEFERRED, True)
    assert order.hold_expires_at == order.deferral_ends_at == Hold.objects.get(state="active").expires_at
    view = order_view(order, clock())
    assert view.headline.startswith("Held for you until")
    assert "We are checking whether your bank already answered" in view.explanation
    assert groups_of(order) == ["unknown"]
    assert Message.objects.filter(key=f"order:{order.reference}:deferred").count() == 1
    assert expiry.sweep(later(minutes=60)) == 0
    sandbox.clear()
    payments.drain(lambda: later(minutes=62))
    assert states(order) == ["placed", "authorising", "action_required", "deferred", "confirmed"]
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_a_look_of_our_own_that_fails_leaves_the_bank_to_its_fan(robe: Drop, sandbox: SandboxServer) -> None:
    """Nobody said that they were back: they may still be typing what their bank sent them."""
    order = asked_by_their_bank(robe, sandbox)
    Payment.objects.filter(order=order).update(due_at=later(minutes=-10))
    assert puller.look_at_waiting(clock()) == 1
    sandbox.fail("payment_intents.retrieve", 429)
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.ACTION_REQUIRED, PaymentState.AWAITING_FAN)
    assert order_view(order, clock()).needs_bank
    assert order.payment.due_at > clock()


def test_where_time_is_up_a_look_that_fails_defers(robe: Drop, sandbox: SandboxServer) -> None:
    """They may have answered in time, and the units cannot be freed before that is known."""
    order = asked_by_their_bank(robe, sandbox)
    sandbox.fail("payment_intents.*", 503)
    at = later(minutes=26)
    assert puller.look_at_waiting(at) == 1
    payments.drain(lambda: at)
    order = fresh(order)
    assert (order.state, order.payment.outcome_unknown) == (OrderState.DEFERRED, True)


def test_who_was_unpaid_after_all_has_the_drops_own_time_for_it(robe: Drop, sandbox: SandboxServer) -> None:
    order = asked_by_their_bank(robe, sandbox)
    sandbox.fail("payment_intents.retrieve", 503)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    sandbox.clear()
    at = later(minutes=60)
    payments.drain(lambda: at)
    order = fresh(order)
    assert (order.state, order.payment.error_code) == (OrderState.ACTION_REQUIRED, "action")
    assert (order.hold_expires_at - at).total_seconds() == robe.hold_minutes * 60


def test_a_fan_who_opens_the_way_back_can_still_use_another_card(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    sandbox.fail("payment_intents.retrieve", 429)
    Client().get(address(order, "returned/"))
    assert payments.drain(clock) == 0, "there is nothing to ask: they only have to enter a card"
    assert order_view(fresh(order), clock()).pay_url
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_what_staff_ask_about_a_refused_card_in_vain_takes_no_button_away(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    assert payments.ask_again(order.pk, by="staff:ada", now=clock())
    sandbox.fail("payment_intents.retrieve", 500)
    payments.drain(clock)
    order = fresh(order)
    assert (order.payment.state, order.payment.attempt) == (PaymentState.AWAITING_FAN, 1)
    assert order_view(order, clock()).pay_url


def test_the_providers_open_page_stays_open_when_a_look_at_it_fails(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    url = fallback.open_session(order.pk, now=clock())
    Payment.objects.filter(order=order).update(due_at=later(minutes=-10))
    assert puller.look_at_waiting(clock()) == 1
    busy = Client().post(address(order, "pay"), follow=True)
    assert BUSY in busy.content.decode()
    sandbox.fail("checkout_sessions.retrieve", 429)
    payments.drain(clock)
    assert order_view(fresh(order), clock()).pay_url
    assert Client().post(address(order, "pay")).headers["Location"] == url


def test_who_paid_on_the_providers_page_and_is_back_is_deferred_until_it_is_known(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = waiting(robe, sandbox)
    pay_there(fallback.open_session(order.pk, now=clock()))
    sandbox.fail("checkout_sessions.retrieve", 503)
    Client().get(address(order, "returned/"))
    payments.drain(clock)
    assert fresh(order).state == OrderState.DEFERRED
    payments.drain(lambda: later(minutes=3))
    assert fresh(order).payment.state == PaymentState.DUE
    sandbox.clear()
    payments.drain(lambda: later(minutes=6))
    assert fresh(order).state == OrderState.CONFIRMED


def test_who_came_back_unpaid_from_there_may_go_on_there(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    url = fallback.open_session(order.pk, now=clock())
    sandbox.fail("checkout_sessions.retrieve", 503)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.DEFERRED
    sandbox.clear()
    payments.drain(lambda: later(minutes=3))
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.ACTION_REQUIRED, PaymentState.AWAITING_FAN)
    assert fallback.open_session(order.pk, now=clock()) == url


def test_a_card_refused_on_the_providers_page_leaves_that_page_open(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    url = fallback.open_session(order.pk, now=clock())
    pay_there(url, "4000000000000002")
    webhooks.store(
        [
            event
            for event in gateway.list_events(["payment_intent.payment_failed"], later(minutes=-5))
            if (event.payload["data"]["object"].get("metadata") or {}).get("order") == order.reference
        ],
        now=clock(),
    )
    webhooks.drain(clock)
    payment = fresh(order).payment
    assert (payment.provider_status, payment.intent_id) == ("session open", "")
    assert fallback.open_session(order.pk, now=clock()) == url
    pay_there(url)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_while_a_bank_waits_for_an_answer_no_card_is_asked_for(robe: Drop, sandbox: SandboxServer) -> None:
    order = asked_by_their_bank(robe, sandbox)
    page = Client().get(address(order, "pay")).content.decode()
    assert 'id="card"' not in page
    assert "takes the place of the last one" not in page
    assert "Pay on the payment provider" in page
    assert f'href="{address(order, "pay")}"' in Client().get(address(order)).content.decode()


def test_a_card_that_was_not_used_is_told_of(robe: Drop, sandbox: SandboxServer) -> None:
    """A page from before the bank asked, or before they went to the provider's, still shows the form."""
    order = asked_by_their_bank(robe, sandbox)
    card = {"confirmation_token": fan.card(sandbox)}
    assert BANK_FIRST in read(Client().post(address(order, "card"), card, follow=True))
    fallback.open_session(order.pk, now=clock())
    assert PAY_THERE in read(Client().post(address(order, "card"), card, follow=True))
    assert fresh(order).payment.attempt == 1


def test_a_press_while_somebody_asks_is_told_of_until_the_order_is_over(robe: Drop, sandbox: SandboxServer) -> None:
    order = waiting(robe, sandbox)
    Payment.objects.filter(order=order).update(leased_until=later(minutes=1))
    page = Client().post(address(order, "pay"), follow=True)
    assert READY in page.content.decode()
    polled = f"{address(order)}?unused"
    assert f'hx-get="{polled}"' in page.content.decode()
    Payment.objects.filter(order=order).update(leased_until=None)
    expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor="fan", now=clock())
    assert READY not in Client().get(polled).content.decode()
