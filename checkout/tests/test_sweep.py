"""The sweep: frees what time is up for, loses no card that waits for a worker, and nobody's trouble stops it."""

import threading
from datetime import datetime

import pytest
from django.db import connection, transaction

from checkout import carts, expiry, leases, payments, trouble
from checkout.errors import IllegalMove
from checkout.models import Order, OrderState, Payment, PaymentState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered
from drops.models import Drop, StockItem
from merchant.models import JournalEntry, StoreProfile
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_c35_a_card_that_no_worker_took_is_not_expired_but_charged_once(robe: Drop, sandbox: SandboxServer) -> None:
    """The workers were away for an hour. That is our trouble: the fan ordered in time."""
    order = ordered(robe, sandbox)
    assert expiry.sweep(later(hours=1)) == 0
    view = order_view(fresh(order), later(hours=1))
    assert view.headline.startswith("Held for you until")
    assert view.hold_expires_at == order.deferral_ends_at
    payments.drain(lambda: later(hours=1))
    assert fresh(order).state == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_a_card_that_no_worker_took_until_the_deferrals_end_is_let_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    assert expiry.sweep(later(minutes=121)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))


def test_an_order_that_cannot_be_closed_holds_up_nobody(robe: Drop, sandbox: SandboxServer) -> None:
    stuck, after = (fan.placed(robe, at=clock(), contact=fan.somebody(f"{n}@example.com")) for n in range(2))
    Payment.objects.filter(order=stuck).update(intent_id="pi_of_another_account")
    assert expiry.sweep(later(minutes=11)) == 1
    assert (fresh(stuck).state, fresh(after).state) == (OrderState.PLACED, OrderState.EXPIRED)


def of_another_account(robe: Drop) -> Order:
    order = fan.placed(robe, at=clock())
    Payment.objects.filter(order=order).update(intent_id="pi_of_another_account", state=PaymentState.AWAITING_FAN)
    Order.objects.filter(pk=order.pk).update(state=OrderState.ACTION_REQUIRED)
    return order


def in_trouble(slug: str, at: datetime) -> list[str]:
    kind = trouble.kind(slug)
    assert kind
    return [str(row) for row in kind.rows(at)]


def test_one_that_the_provider_knows_nothing_of_is_let_go_by_a_person(robe: Drop, sandbox: SandboxServer) -> None:
    order, at = of_another_account(robe), later(minutes=11 + 5)
    assert (in_trouble("not-closed", later(minutes=11)), in_trouble("action-required", later(minutes=11))) == (
        [],
        [str(order)],
    )
    assert (expiry.sweep(at), fan.counts()) == (0, (1, 0, 4))
    assert (in_trouble("not-closed", at), in_trouble("action-required", at)) == ([str(order)], [])
    sandbox.fail("payment_intents.*", 503)
    assert (let_go(at), fan.counts()) == (0, (1, 0, 4)), "who does not answer has said nothing"
    sandbox.clear()
    assert (let_go(at), fan.counts()) == (1, (0, 0, 5))
    assert (fresh(order).state, fresh(order).payment.state) == (OrderState.EXPIRED, PaymentState.CLOSED)
    entry = JournalEntry.objects.get(subject=order.subject, verb="expired")
    assert (entry.actor, entry.why) == ("staff:ada", "time is up, and the provider could not close it")
    assert (in_trouble("not-closed", at), let_go(at)) == ([], 0)


def test_what_has_time_left_is_not_let_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = of_another_account(robe)
    with pytest.raises(IllegalMove):
        expiry.let_go(order.pk, why="w", actor="staff:ada", now=clock())
    assert fan.counts() == (1, 0, 4)


def let_go(at: datetime) -> int:
    kind = trouble.kind("not-closed")
    assert kind
    assert kind.act
    return kind.act(kind.rows(at), "staff:ada", at)


def test_an_absent_provider_is_asked_a_few_times_and_the_next_sweep_begins_with_others(
    robe: Drop, sandbox: SandboxServer
) -> None:
    StockItem.objects.update(total=9)
    for number in range(7):
        fan.placed(robe, at=clock(), contact=fan.somebody(f"{number}@example.com"))
    for payment in Payment.objects.all():
        Payment.objects.filter(pk=payment.pk).update(intent_id=f"pi_{payment.pk}")
    sandbox.fail("payment_intents.cancel", 503)
    before = len(sandbox.requests("payment_intents.cancel"))
    assert expiry.sweep(later(minutes=11)) == 0
    assert len(sandbox.requests("payment_intents.cancel")) - before == expiry.MOST_FAILURES
    expiry.sweep(later(minutes=11))
    assert sorted(Order.objects.values_list("payment__tries", flat=True)) == [1, 1, 1, 1, 2, 2, 2]


def test_who_was_tried_for_days_is_tried_on(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock())
    Payment.objects.filter(order=order).update(intent_id="pi_of_another_account", tries=leases.MOST_TRIES)
    assert expiry.sweep(later(minutes=11)) == 0
    assert fresh(order).payment.tries == leases.MOST_TRIES


def test_each_cart_is_freed_by_itself_so_that_no_basket_is_waited_for_with_locks_in_hand(shop: StoreProfile) -> None:
    """A basket locks stock in ascending order. Two carts in one transaction would lock it in the order of carts."""
    drop = fan.live_drop(skus=("ROBE-L", "ROBE-M"), hold_from="cart")
    for sku in ("ROBE-M", "ROBE-L"):
        carts.add(drop, sku, 1, token="", now=clock())

    def sweep() -> None:
        expiry.sweep(later(minutes=11))
        connection.close()

    sweeping = threading.Thread(target=sweep)
    with transaction.atomic():
        StockItem.objects.select_for_update().get(code="ROBE-L")  # somebody's basket, in this moment
        sweeping.start()
        until(lambda: fan.counts("ROBE-M") == (0, 0, 5))
    sweeping.join()
    assert fan.counts("ROBE-L") == (0, 0, 5)
