"""What the machines around an order may do while it is under way, one scenario a test."""

from typing import Any

import pytest

from checkout import expiry, payments
from checkout.errors import IllegalMove
from checkout.models import OrderState
from checkout.sandbox.testing import SandboxServer, free_port
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered, states
from drops.models import Drop
from merchant import journal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_redis(settings: Any) -> None:
    """Nobody listens where Redis should be."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"


def test_c13_3d_secure_past_the_holds_end_keeps_the_units_to_the_hard_cap(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    first_end = order.hold_expires_at
    payments.drain(lambda: later(minutes=9))
    order = fresh(order)
    assert first_end < order.hold_expires_at <= order.hard_cap_at
    assert expiry.sweep(later(minutes=12)) == 0, "past the first end, and still theirs"
    sandbox.authenticate(order.payment.intent_id)
    payments.look_again(order.pk, now=later(minutes=12))
    payments.drain(lambda: later(minutes=12))
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))


def test_c13_never_past_the_hard_cap(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(lambda: later(minutes=9.9))
    assert fresh(order).hold_expires_at <= order.hard_cap_at
    assert expiry.sweep(later(minutes=26)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))
    assert [charge["paid"] for charge in sandbox.charges(order.reference) if charge["paid"]] == []


def test_c22_redis_lost_mid_drop_oversells_nothing_and_loses_no_order(
    robe: Drop, sandbox: SandboxServer, no_redis: None
) -> None:
    for number in range(5):
        fan.placed(
            robe, at=clock(), confirmation_token=fan.card(sandbox), contact=fan.somebody(f"{number}@example.com")
        )
    with pytest.raises(Exception, match="ROBE-M"):
        fan.placed(robe, at=clock(), contact=fan.somebody("late@example.com"))
    assert payments.drain(clock) == 5
    assert fan.counts() == (0, 5, 0)


def test_c29_what_is_cancelled_twice_comes_back_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    assert expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor=journal.FAN, now=clock())
    with pytest.raises(IllegalMove):
        expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor=journal.FAN, now=clock())
    assert expiry.sweep(later(days=1)) == 0
    assert fan.counts() == (0, 0, 5)


def test_c35_no_worker_for_an_hour_then_charged_once(robe: Drop, sandbox: SandboxServer) -> None:
    """Nobody pays and nobody sweeps; the order waits in the database, and the first worker pays it."""
    order = ordered(robe, sandbox)
    assert (fresh(order).state, fan.counts()) == (OrderState.PLACED, (1, 0, 4))
    assert payments.drain(lambda: later(hours=1)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]
    assert states(order) == ["placed", "authorising", "confirmed"]


def test_c37_redis_refuses_at_the_commit_and_the_order_stands(robe: Drop, no_redis: None) -> None:
    placed = fan.orders(robe, at=clock())
    assert fan.found(placed).state == OrderState.PLACED
    assert fan.counts() == (1, 0, 4)
