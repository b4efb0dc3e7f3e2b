"""What a payment's answer makes of a locked order: it is the fan's, or it is the fan's turn. They are told of both."""

from datetime import datetime, timedelta

from checkout import cards, notify
from checkout.models import Order, OrderState, Payment, PaymentState
from checkout.orders import hold_until, move_to, owner_of
from drops import stock
from merchant import journal


def confirm(order: Order, now: datetime) -> None:
    move_to(order, OrderState.CONFIRMED, why="paid", actor=journal.WORKER, now=now)
    Order.objects.filter(pk=order.pk).update(confirmed_at=now)
    order.confirmed_at = now
    cards.count(order, order.payment.card_key, now)
    notify.confirmed(order)


def wait_for_fan(order: Order, payment: Payment, message: str, code: str, now: datetime) -> None:
    """It is their turn, on a locked order, whose payment the caller saves. ``message``: why, in words for them."""
    payment.state, payment.error_code, payment.error_message = PaymentState.AWAITING_FAN, code, message[:300]
    payment.confirmation_token, payment.confirm_sent = "", False
    payment.capture_before, payment.capture_sent = None, False
    payment.outcome_unknown = False
    if order.state == OrderState.ACTION_REQUIRED:
        return
    until = _until_a_card_comes(order, payment, now)
    hold_until(order, until)
    stock.defer(owner_of(order), until)
    move_to(order, OrderState.ACTION_REQUIRED, why=code or "card wanted", actor=journal.WORKER, now=now)
    notify.please_pay(order, payment)


def _until_a_card_comes(order: Order, payment: Payment, now: datetime) -> datetime:
    """The hard cap is for those who let time pass. Who hears late because of the provider, a bank or us has a fair time
    from then on, the drop's own: not what was left of the deferral, which was never theirs to use."""
    fair = now + timedelta(minutes=order.drop.hold_minutes)
    if order.state in (OrderState.DEFERRED, OrderState.PROCESSING) or order.hold_expires_at > order.hard_cap_at:
        return fair
    until = max(order.hold_expires_at, fair)
    return until if payment.attempt == 1 else max(min(until, order.hard_cap_at), now)
