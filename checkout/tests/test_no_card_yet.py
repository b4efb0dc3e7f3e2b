"""An order that came without a card takes one at once, on its own page: no worker has to come first."""

import pytest
from django.test import Client

from checkout import expiry, fallback, payments
from checkout.models import Order, OrderState, PaymentPath, PaymentState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, states
from checkout.tokens import order_token
from drops.models import Drop
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(robe: Drop, sandbox: SandboxServer) -> Order:
    return fan.placed(robe, at=clock())


def page(order: Order, deed: str = "") -> str:
    return f"/orders/{order_token(order.token_nonce)}/{deed}"


def test_its_page_leads_to_the_card_form_and_the_card_is_charged_once(order: Order, sandbox: SandboxServer) -> None:
    view = order_view(order, clock())
    assert (view.headline, view.pay_url, view.can_cancel) == (
        "One step left: pay for your order",
        page(order, "pay"),
        True,
    )
    browser = Client()
    assert 'id="payment-element"' in browser.get(page(order, "pay")).content.decode()
    token, before = fan.card(sandbox), len(sandbox.requests())
    assert browser.post(page(order, "card"), {"confirmation_token": token}).status_code == 302
    assert len(sandbox.requests()) == before, "the provider is the worker's to ask"
    assert (fresh(order).state, order_view(fresh(order), clock()).pay_url) == (OrderState.AUTHORISING, None)
    assert payments.drain(clock) == 1
    assert states(order) == ["placed", "authorising", "confirmed"]
    assert [charge["amount"] for charge in sandbox.charges(order.reference)] == [5400]


def test_a_card_that_comes_while_a_worker_is_about_to_ask_for_one_is_not_lost(
    order: Order, sandbox: SandboxServer
) -> None:
    claimed = payments.claim(clock())
    assert claimed is not None
    job = payments._begin(claimed, clock())
    assert job is not None
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments._bring_further(job, clock)
    assert fresh(order).payment.confirmation_token != ""
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    assert not Message.objects.filter(kind="order_pay").exists(), "nobody is asked for what they have given"


def test_the_providers_page_may_be_opened_at_once_too(order: Order, sandbox: SandboxServer) -> None:
    answer = Client().post(page(order, "pay"))
    assert answer.status_code == 303
    order = fresh(order)
    assert answer["Location"] == order.payment.session_url
    assert (order.state, order.payment.path) == (OrderState.ACTION_REQUIRED, PaymentPath.SESSION)
    assert Message.objects.filter(kind="order_pay").count() == 1, "who does not come back has the way back"
    assert payments.claim(later(minutes=1)) is None


def test_the_providers_page_that_cannot_be_opened_leaves_the_fan_their_turn(
    order: Order, sandbox: SandboxServer
) -> None:
    sandbox.fail("checkout_sessions.create", 503, times=1)
    assert Client().post(page(order, "pay")).status_code == 503
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.ACTION_REQUIRED, PaymentState.AWAITING_FAN)
    assert Message.objects.filter(kind="order_pay").count() == 1
    assert fallback.open_session(order.pk, now=clock())


def test_it_may_be_cancelled_at_once(order: Order, sandbox: SandboxServer) -> None:
    Client().post(page(order, "cancel"))
    assert (fresh(order).state, fan.counts()) == (OrderState.CANCELLED, (0, 0, 5))


def test_its_time_ends_as_before(order: Order, sandbox: SandboxServer) -> None:
    end = order.hold_expires_at
    view = order_view(order, end)
    assert (view.headline, view.pay_url) == ("Your time is up", None)
    assert (expiry.sweep(end), fresh(order).state) == (1, OrderState.EXPIRED)
