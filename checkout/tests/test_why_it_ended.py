"""An order whose time was up says whose turn it was and where its units went; a late refusal brings a fair time."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError

from checkout import expiry, fallback, payments
from checkout.models import Order, OrderState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered
from drops.models import Drop, DropState, Hold
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def refused_late(robe: Drop, sandbox: SandboxServer, at: datetime) -> Order:
    """Deferred at once; an hour later the card is refused."""
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    sandbox.fail("payment_intents.create", 429, times=1)
    payments.drain(clock)
    assert fresh(order).state == OrderState.DEFERRED
    payments.drain(lambda: at)
    return fresh(order)


def ended(order: Order, at: datetime) -> str:
    assert expiry.sweep(at) == 1
    order = fresh(order)
    assert order.state == OrderState.EXPIRED
    return order_view(order, at).explanation


def test_a_fan_who_left_after_a_refusal_is_not_told_that_the_provider_was_silent(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = refused_late(robe, sandbox, later(hours=1))
    words = ended(order, later(minutes=71))
    assert words.startswith("The order was not paid in time")
    assert "not paid in time" in Message.objects.get(key=f"order:{order.reference}:expired").text


def test_a_silent_provider_is_named_with_the_time_until_when_it_was_waited_for(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = ordered(robe, sandbox)
    sandbox.fail("payment_intents.create", 503)
    payments.drain(clock)
    assert ended(order, later(minutes=121)).startswith("Our payment provider did not answer until")


@pytest.mark.parametrize("with_card", [True, False])
def test_where_no_worker_came_it_is_our_fault_and_not_the_fans(
    robe: Drop, sandbox: SandboxServer, with_card: bool
) -> None:
    order = ordered(robe, sandbox) if with_card else fan.placed(robe, at=clock())
    assert "That is our fault" in ended(order, later(minutes=121))


@pytest.mark.parametrize("card", ["pm_card_chargeDeclined", "pm_card_threeDSecure2Required"])
def test_what_the_provider_has_not_closed_yet_is_neither_held_nor_to_be_paid(
    robe: Drop, sandbox: SandboxServer, card: str
) -> None:
    order = ordered(robe, sandbox, card)
    payments.drain(clock)
    order = fresh(order)
    sandbox.fail("payment_intents.cancel", 503)
    assert expiry.sweep(order.hold_expires_at) == 0
    view = order_view(fresh(order), order.hold_expires_at)
    assert (view.headline, view.hold_expires_at, view.pay_url) == ("Your time is up", None, None)
    assert "held until" in view.explanation
    assert "You have not been charged." in view.explanation
    before = order_view(fresh(order), order.hold_expires_at - timedelta(seconds=1))
    assert before.headline != view.headline
    assert before.hold_expires_at == order.hold_expires_at


@pytest.mark.parametrize(("card", "said"), [(True, "about to ask your bank"), (False, "No card has come with it yet")])
def test_before_a_worker_comes_a_bank_is_named_only_where_a_card_is_there(
    robe: Drop, sandbox: SandboxServer, card: bool, said: str
) -> None:
    order = ordered(robe, sandbox) if card else fan.placed(robe, at=clock())
    assert said in order_view(fresh(order), clock()).explanation


def test_who_hears_after_the_hard_cap_is_not_asked_to_pay(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    payments.use_card(order.pk, fan.card(sandbox, "pm_card_chargeDeclined"), now=clock())
    Order.objects.filter(pk=order.pk).update(hold_expires_at=clock(), hard_cap_at=clock())
    payments.drain(clock)
    mail = Message.objects.filter(kind="order_pay").latest("pk")
    assert "Your time is up" in mail.text
    for said in (mail.text, mail.html):
        assert "/pay" not in said


def test_a_deferral_that_is_over_is_not_held_any_more(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    sandbox.fail("payment_intents.*", 503)
    payments.drain(clock)
    view = order_view(fresh(order), order.deferral_ends_at)
    assert (view.headline, view.hold_expires_at) == ("Your time is up", None)


def test_a_deferral_shorter_than_the_longest_hold_is_refused(robe: Drop) -> None:
    with pytest.raises(IntegrityError, match="deferral_is_not_before_the_hard_cap"):
        Drop.objects.filter(pk=robe.pk).update(deferral_minutes=5)


def test_a_card_refused_late_has_the_drops_own_time_and_no_more(robe: Drop, sandbox: SandboxServer) -> None:
    at = later(hours=1)
    order = refused_late(robe, sandbox, at)
    assert order.state == OrderState.ACTION_REQUIRED
    until = order.hold_expires_at
    assert (until - at).total_seconds() == pytest.approx(robe.hold_minutes * 60, abs=0.001)
    assert Hold.objects.get(state="active").expires_at == until
    payments.use_card(order.pk, fan.card(sandbox, "pm_card_chargeDeclined"), now=at + timedelta(minutes=5))
    payments.drain(lambda: at + timedelta(minutes=5))
    assert fresh(order).hold_expires_at == until, "another refusal is time that they let pass"
    assert expiry.sweep(at + timedelta(minutes=9)) == 0
    assert expiry.sweep(at + timedelta(minutes=11)) == 1


def test_nor_does_the_providers_page_bring_back_what_was_left_of_the_deferral(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = refused_late(robe, sandbox, later(minutes=2))
    fallback.open_session(order.pk, now=clock())
    order = fresh(order)
    assert order.hold_expires_at == order.hard_cap_at <= order.placed_at + timedelta(minutes=robe.hard_cap_minutes)


@pytest.mark.parametrize(
    ("drop", "where"),
    [
        ({}, "to those who wait, or back on sale"),
        ({"waiting_list": False}, "went back on sale"),
        ({"state": DropState.CLOSED}, "went back to the shop"),
    ],
)
def test_an_order_that_ended_says_where_its_units_went(
    robe: Drop, sandbox: SandboxServer, drop: dict[str, object], where: str
) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    Drop.objects.filter(pk=robe.pk).update(**drop)
    assert where in ended(order, later(minutes=26))
    Order.objects.filter(pk=order.pk).update(state=OrderState.CANCELLED)
    assert where in order_view(fresh(order), clock()).explanation
