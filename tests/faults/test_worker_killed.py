"""The real worker process is killed between the charge and its commit (C25)."""

import pytest

from checkout.models import Order, OrderState, PaymentState
from checkout.tests import fan
from drops.models import Drop
from merchant.clock import now
from segments.models import Message
from tests.running_shop import LEASE_SECONDS, PROVIDER_TIMEOUT_SECONDS, RunningShop
from tests.waiting import until


@pytest.fixture
def robe(shop: RunningShop) -> Drop:
    return fan.live_drop("killed", total=5, skus=("KILLED-M",), starts_at=now())


def fresh(order: Order) -> Order:
    return Order.objects.select_related("payment").get(pk=order.pk)


@pytest.mark.slow
def test_c25_a_worker_killed_between_charge_and_commit_leaves_one_charge(shop: RunningShop, robe: Drop) -> None:
    """The provider has charged and sits on its answer when SIGKILL comes; the next worker asks what became of it."""
    sandbox = shop.sandbox
    sandbox.webhooks(lose=-1)  # nothing but the worker's own question may tell
    sandbox.slow("payment_intents.confirm", PROVIDER_TIMEOUT_SECONDS, phase="after", times=1)
    order = fan.placed(robe, ("KILLED-M", 1), at=now(), confirmation_token=fan.card(sandbox))
    try:
        until(lambda: sandbox.charges(order.reference), every=0.01)
    finally:
        shop.kill("worker")

    killed = fresh(order)
    assert (killed.state, killed.payment.state) == (OrderState.AUTHORISING, PaymentState.DUE), "it had not heard"
    assert killed.payment.leased_until is not None
    assert fan.counts("KILLED-M") == (1, 0, 4)

    shop.start_one("worker")
    until(lambda: fresh(order).state == OrderState.CONFIRMED, seconds=60 + LEASE_SECONDS)

    assert fresh(order).captured_minor == order.total_minor
    assert [(charge["paid"], charge["amount"]) for charge in sandbox.charges(order.reference)] == [(True, 5400)]
    assert fan.counts("KILLED-M") == (0, 1, 4)
    assert Message.objects.filter(key=f"order:{order.reference}:confirmed").count() == 1
    keys = [call["idempotency_key"] for call in sandbox.requests("payment_intents.confirm")]
    assert [key for key in keys if order.reference in key] == [f"order:{order.reference}:confirm:1"]
