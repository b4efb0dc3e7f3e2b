"""An order that costs nothing is confirmed at once: nobody is asked for a card, and no provider for anything."""

from datetime import datetime

from django.db import transaction

from checkout import allowances, deadlocks, notify
from checkout.errors import IllegalMove
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from checkout.orders import lock_both, move_to, owner_of
from checkout.totals import redemptions
from drops import stock
from merchant import journal


@deadlocks.tried_again
def cancel(order_id: int, *, restock: bool, by: str, why: str, now: datetime) -> None:
    """Take back whole what cost nothing: with ``restock`` for who waits or back on sale, else out of the stock; its fan
    is told. Raises IllegalMove for any other order, and for one that was taken back before."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if not may_be_cancelled(order, payment):
            raise IllegalMove(f"{order} is not a confirmed order of nothing to pay.")
        payment.state = PaymentState.CLOSED
        payment.save(update_fields=["state"])
        redemptions.give_back(order)  # before the allowances, as an order takes them
        allowances.give_back(order)
        move_to(order, OrderState.CANCELLED, why=why, actor=by, now=now)
        journal.record(order.subject, "units_back_on_sale" if restock else "units_written_off", actor=by)
        notify.ended(order)
        stock.take_back(owner_of(order), restock=restock)  # the hot rows last


def may_be_cancelled(order: Order, payment: Payment) -> bool:
    return payment.path == PaymentPath.FREE and order.state == OrderState.CONFIRMED


def confirm(order: Order, *, now: datetime) -> None:
    """Confirm an order of 0 that is being placed, in its transaction, before its units are taken: they are the caller's
    to sell, last of all. A card is forgotten."""
    Payment.objects.filter(order=order).update(
        path=PaymentPath.FREE, state=PaymentState.PAID, confirmation_token="", provider_status="nothing to pay"
    )
    move_to(order, OrderState.CONFIRMED, why="nothing to pay", actor=journal.FAN, now=now)
    Order.objects.filter(pk=order.pk).update(confirmed_at=now)
    notify.confirmed(Order.objects.select_related("drop", "payment").get(pk=order.pk))
