"""An order that costs nothing is confirmed at once: nobody is asked for a card, and no provider for anything."""

from datetime import datetime

from checkout import notify
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from checkout.orders import move_to
from checkout.settle import owner_of
from drops import stock
from merchant import journal


def confirm(order: Order, *, now: datetime) -> None:
    """Confirm an order of 0 that was just placed, in its transaction: its held units are sold. A card is forgotten."""
    Payment.objects.filter(order=order).update(
        path=PaymentPath.FREE, state=PaymentState.PAID, confirmation_token="", provider_status="nothing to pay"
    )
    stock.commit(owner_of(order))
    move_to(order, OrderState.CONFIRMED, why="nothing to pay", actor=journal.FAN, now=now)
    Order.objects.filter(pk=order.pk).update(confirmed_at=now)
    notify.confirmed(Order.objects.select_related("drop", "payment").get(pk=order.pk))
