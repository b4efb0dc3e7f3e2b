"""An order's states: the legal moves as data, and the one function that makes a move."""

from datetime import datetime
from typing import Any

from django.db.models import Q

from checkout.errors import IllegalMove
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from drops.models import OwnerKind
from drops.stock import Owner
from merchant import journal

S = OrderState
MOVES: dict[str, frozenset[str]] = {
    S.PLACED: frozenset(
        {S.AUTHORISING, S.ACTION_REQUIRED, S.DEFERRED, S.PROCESSING, S.CONFIRMED, S.EXPIRED, S.CANCELLED}
    ),
    S.AUTHORISING: frozenset({S.ACTION_REQUIRED, S.DEFERRED, S.PROCESSING, S.CONFIRMED, S.EXPIRED, S.CANCELLED}),
    S.ACTION_REQUIRED: frozenset({S.AUTHORISING, S.DEFERRED, S.PROCESSING, S.CONFIRMED, S.EXPIRED, S.CANCELLED}),
    S.DEFERRED: frozenset({S.AUTHORISING, S.ACTION_REQUIRED, S.PROCESSING, S.CONFIRMED, S.EXPIRED, S.CANCELLED}),
    S.PROCESSING: frozenset({S.ACTION_REQUIRED, S.CONFIRMED, S.EXPIRED, S.CANCELLED}),
    S.CONFIRMED: frozenset({S.CANCELLED}),  # what was to be paid at pick-up and was not collected
    S.EXPIRED: frozenset({S.LATE_PAID}),
    S.CANCELLED: frozenset({S.LATE_PAID}),
    S.LATE_PAID: frozenset({S.CONFIRMED, S.CANCELLED}),
}
# Units are held and money may still come.
OPEN = (S.PLACED, S.AUTHORISING, S.ACTION_REQUIRED, S.DEFERRED, S.PROCESSING)
# Who let go of it now would take nothing back from a bank that is paying.
CANCELLABLE = (S.PLACED, S.AUTHORISING, S.ACTION_REQUIRED, S.DEFERRED)

# What the fan may have done without our hearing of it: answered their bank, paid on the provider's page.
ELSEWHERE = (Q(error_code="action") & ~Q(intent_id="")) | (Q(path=PaymentPath.SESSION) & ~Q(session_id=""))


def owner_of(order: Order) -> Owner:
    return Owner(OwnerKind.ORDER, order.reference)


def lock(order_id: int) -> Order:
    """The order's row, locked to the end of the transaction. Every move happens under this lock."""
    return Order.objects.select_for_update(of=("self",)).select_related("drop").get(pk=order_id)


def lock_both(order_id: int) -> tuple[Order, Payment]:
    """Order first, then its payment: everybody locks them in this order."""
    order = lock(order_id)
    order.payment = Payment.objects.select_for_update().get(order=order)
    return order, order.payment


def move_to(
    order: Order, state: OrderState, *, why: str, actor: str, now: datetime, data: dict[str, Any] | None = None
) -> None:
    """Move a locked order and write its journal line in the same transaction.

    Raises IllegalMove when ``MOVES`` does not allow it, or when somebody moved the row without its lock.
    """
    if state not in MOVES[order.state]:
        raise IllegalMove(f"{order} cannot go from {order.state} to {state}")
    if not Order.objects.filter(pk=order.pk, state=order.state).update(state=state, state_since=now):
        raise IllegalMove(f"{order} is no longer {order.state}")
    order.state, order.state_since = state, now
    journal.record(order.subject, state.value, actor=actor, why=why, data=data)


def held_until(order: Order, payment: Payment, now: datetime) -> datetime:
    """When the units go back if nothing is paid.

    A card, or an amount set aside, that still waits for a worker then is our delay, not the fan's: it has until the
    deferral's end.
    """
    card_waits = payment.state == PaymentState.DUE and (payment.confirmation_token or payment.is_authorised)
    if card_waits and order.hold_expires_at <= now:
        return max(order.hold_expires_at, order.deferral_ends_at)
    return order.hold_expires_at


def has_no_card(order: Order, payment: Payment) -> bool:
    """It came without one, and no worker has asked for one yet. Nothing was tried: a card may come at once."""
    untried = payment.state == PaymentState.DUE and payment.path == PaymentPath.INTENT
    return order.state == S.PLACED and untried and not (payment.confirmation_token or payment.intent_id)


def waits_for_fan(order: Order, payment: Payment) -> bool:
    """It is the fan's turn to pay."""
    waits = order.state in OPEN and payment.state == PaymentState.AWAITING_FAN
    return waits or has_no_card(order, payment)


def may_pay_elsewhere(order: Order, payment: Payment) -> bool:
    """It waits for its fan, or for a provider that could not be asked about a card: the provider's own page may be
    opened once what it has is closed. A bank's yes waits for nobody."""
    if order.state not in OPEN or payment.is_authorised:
        return False
    deferred = order.state == S.DEFERRED and payment.path == PaymentPath.INTENT
    return waits_for_fan(order, payment) or (payment.state == PaymentState.DUE and deferred)


def hold_until(order: Order, until: datetime) -> None:
    """Set when the units go back if nothing is paid. Later than the hard cap moves the cap: whoever may, knows why."""
    if until == order.hold_expires_at:
        return  # nor does the cap follow what a deferral had lengthened
    order.hold_expires_at, order.hard_cap_at = until, max(until, order.hard_cap_at)
    Order.objects.filter(pk=order.pk).update(hold_expires_at=until, hard_cap_at=order.hard_cap_at)


def hold_past_the_cap(order: Order, until: datetime) -> None:
    """The same for a while that is not the fan's doing, so their hard cap stays what it was."""
    order.hold_expires_at = until
    Order.objects.filter(pk=order.pk).update(hold_expires_at=until)
