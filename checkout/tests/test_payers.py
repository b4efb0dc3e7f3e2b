"""A worker process pays many orders at once, each once, and stops when told."""

from collections.abc import Iterator
from concurrent.futures import Future, wait
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from checkout import payers
from checkout.models import Payment, PaymentState
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from drops.models import Drop

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = 5


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def _hands(settings: Settings) -> Iterator[None]:
    settings.PAYMENT_THREADS = 3
    payers._pool.cache_clear()
    payers._stopping.clear()
    yield
    payers._pool().shutdown()
    payers._pool.cache_clear()
    payers._stopping.clear()


@pytest.fixture
def ordered(robe: Drop, sandbox: SandboxServer) -> None:
    for number in range(ORDERS):
        contact = fan.somebody(f"{number}@example.com")
        fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox), contact=contact)


def finished(hands: "list[Future[None]]") -> None:
    for hand in wait(hands).done:
        hand.result()


@pytest.mark.usefixtures("ordered")
def test_many_hands_pay_every_order_once(sandbox: SandboxServer) -> None:
    hands = payers.put_to_work(clock)
    assert len(hands) == 3
    finished([*hands, *payers.put_to_work(clock)])
    assert Payment.objects.filter(state=PaymentState.PAID).count() == ORDERS
    ours = [call for call in sandbox.requests() if call["operation"] == "payment_intents.confirm"][-ORDERS:]
    assert [call["status"] for call in ours] == [200] * ORDERS


def test_no_more_hands_than_allowed_work_at_once() -> None:
    assert [payers._engage(2), payers._engage(5), payers._engage(5)] == [2, 1, 0]
    payers._release()
    assert payers._engage(5) == 1
    for _ in range(3):
        payers._release()


def test_nothing_due_needs_no_hand(robe: Drop) -> None:
    assert payers.put_to_work(clock) == []


@pytest.mark.usefixtures("ordered")
def test_a_worker_that_is_told_to_stop_begins_nothing_more(sandbox: SandboxServer) -> None:
    payers.stop()
    finished(payers.put_to_work(clock))
    assert Payment.objects.filter(state=PaymentState.DUE).count() == ORDERS
    payers._stopping.clear()
    finished(payers.put_to_work(clock))
    assert Payment.objects.filter(state=PaymentState.PAID).count() == ORDERS


@pytest.mark.usefixtures("ordered")
def test_a_hand_that_fails_makes_room_for_another(sandbox: SandboxServer, settings: Settings) -> None:
    lease, settings.PAYMENT_LEASE_SECONDS = settings.PAYMENT_LEASE_SECONDS, "not a number"
    with pytest.raises(TypeError):
        finished(payers.put_to_work(clock))
    settings.PAYMENT_LEASE_SECONDS = lease
    finished(payers.put_to_work(clock))
    assert Payment.objects.filter(state=PaymentState.PAID).count() == ORDERS
