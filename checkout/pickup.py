"""Pay when you pick it up: confirmed at once and counted as sold, paid at the desk, back on sale if not collected."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from checkout import allowances, deadlocks, notify
from checkout.errors import IllegalMove, Invalid
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from checkout.orders import hold_until, lock_both, move_to, owner_of
from checkout.quote import PICKUP
from checkout.totals import redemptions
from drops import stock
from drops.models import Drop
from merchant import journal

BATCH = 200
NOT_COLLECTED = "not collected in time"


def require_allowed(drop: Drop, shipping_option: str) -> datetime:
    """Until when it is kept. Raises Invalid where the drop does not allow it, or it would be sent."""
    if shipping_option != PICKUP or drop.pickup_until is None:
        raise Invalid({"payment_method": "Paying at pick-up goes with picking it up."})
    return drop.pickup_until


def confirm(order: Order, until: datetime, *, now: datetime) -> None:
    """Confirm an order that is being placed, in its transaction, before its units are taken: they are the caller's to
    sell, last of all. Nothing is paid yet."""
    Payment.objects.filter(order=order).update(path=PaymentPath.PICKUP, state=PaymentState.AWAITING_FAN)
    hold_until(order, until)
    move_to(order, OrderState.CONFIRMED, why="to pay at pick-up", actor=journal.FAN, now=now)
    Order.objects.filter(pk=order.pk).update(confirmed_at=now)
    notify.to_pick_up(Order.objects.select_related("drop", "payment").get(pk=order.pk))


def collect(order_id: int, *, by: str) -> None:
    """The fan came, paid and has it. Raises IllegalMove for an order that does not wait for that, or not any more."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        _require_waiting(order, payment)
        payment.state, payment.provider_status = PaymentState.PAID, "paid at pick-up"
        payment.save(update_fields=["state", "provider_status"])
        Order.objects.filter(pk=order.pk).update(captured_minor=order.total_minor)
        journal.record(order.subject, "collected", actor=by, data=order.total.as_json())
        notify.bought(order)


def sweep(now: datetime) -> int:
    """Put back on sale what was not collected by its date, and tell its fan. Returns how many orders."""
    due = waiting().filter(hold_expires_at__lte=now).order_by("hold_expires_at").values_list("pk", flat=True)
    return sum(_give_up(order_id, now) for order_id in due[:BATCH])


def waiting() -> QuerySet[Order]:
    """Orders to be paid at pick-up that nobody has collected yet."""
    uncollected = {"payment__path": PaymentPath.PICKUP, "payment__state": PaymentState.AWAITING_FAN}
    return Order.objects.filter(state=OrderState.CONFIRMED, **uncollected)


def _give_up(order_id: int, now: datetime) -> bool:
    try:
        cancel(order_id, by=journal.WORKER, why=NOT_COLLECTED, now=now)
    except IllegalMove:
        return False  # collected in this very moment
    return True


@deadlocks.tried_again
def cancel(order_id: int, *, by: str, why: str, now: datetime) -> None:
    """Nobody will collect it: its units go to who waits, or back on sale, and its fan is told. Raises IllegalMove for
    an order that does not wait to be paid at pick-up, or not any more."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        _require_waiting(order, payment)
        payment.state = PaymentState.CLOSED
        payment.save(update_fields=["state"])
        redemptions.give_back(order)  # before the allowances, as an order takes them
        allowances.give_back(order)
        move_to(order, OrderState.CANCELLED, why=why, actor=by, now=now)
        notify.ended(order)
        stock.take_back(owner_of(order), restock=True)  # the hot rows last


def is_waiting(order: Order, payment: Payment) -> bool:
    """Confirmed, and neither paid at the desk nor given up."""
    waits = payment.path == PaymentPath.PICKUP and payment.state == PaymentState.AWAITING_FAN
    return waits and order.state == OrderState.CONFIRMED


def _require_waiting(order: Order, payment: Payment) -> None:
    if not is_waiting(order, payment):
        raise IllegalMove(f"{order} is not waiting to be paid at pick-up.")
