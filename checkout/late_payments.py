"""Money, or a bank's yes, that comes after the hold had ended. The ladder: its units are had again, or it waits at the
head of the list, or it goes back. Each function is told of a locked order."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from checkout import allowances, authorisations, cards, notify, pieces, refunds, waiting_list
from checkout.models import Dispute, Order, OrderState, Payment, PaymentState, Refund
from checkout.orders import OPEN, lock, move_to, owner_of
from checkout.outcomes import confirm
from checkout.totals import redemptions
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import stock
from drops.errors import SoldOut, StillThere
from drops.windows import Phase, phase_of
from merchant import journal
from merchant.models import LatePayments
from merchant.store import current_store

MAY_BE_LATE = (OrderState.EXPIRED, OrderState.CANCELLED)


def paid(order: Order, now: datetime, *, gone_minor: int = 0) -> None:
    """The ladder, as the shop's setting says: take the units again if there are any; wait for them at the head of the
    waiting list, to a date that the fan is told; else the money goes back, once.

    ``gone_minor``: what of it went back by hand at the provider, and our books do not show yet.
    """
    late_payments = current_store().late_payments
    wanted_still = order.state == OrderState.EXPIRED and late_payments != LatePayments.REFUND
    wanted_still = wanted_still and not order.disputed_minor  # or a bank has it already
    if wanted_still and order.payment.card_key:
        cards.lock(order.drop_id, order.payment.card_key)
    move_to(order, OrderState.LATE_PAID, why="money came after the hold had ended", actor=journal.WORKER, now=now)
    if wanted_still and _take_again(order, now):
        return
    if not (wanted_still and late_payments == LatePayments.WAIT and _may_wait(order, now)):
        refund(order, now=now, gone_minor=gone_minor)


def went_back(order: Order, now: datetime) -> None:
    """All of its money had gone back, by hand at the provider, before we booked it: nobody pays for its units any more.
    The refund is booked when it is taken over."""
    if order.state in MAY_BE_LATE:
        why = "money came after the hold had ended, and had gone back"
        move_to(order, OrderState.LATE_PAID, why=why, actor=journal.WORKER, now=now)
        return
    if stock.holds_of(owner_of(order)):
        redemptions.give_back(order)  # before the allowances, as an order takes them
        allowances.give_back(order)
    if order.state in OPEN:
        why = "its money was given back at the payment provider"
        move_to(order, OrderState.CANCELLED, why=why, actor=journal.WORKER, now=now)
        notify.ended(order)
    stock.release(owner_of(order))  # the hot rows last


def taken(order: Order, now: datetime) -> None:
    """What a bank had set aside too late is money now: the units that were kept for it are sold. Without any it was
    somebody at the provider, not we, who took it: its place in line is a paid one from here on, or it goes back."""
    if stock.holds_of(owner_of(order)):
        confirm(order, now)
        stock.commit(owner_of(order))  # the hot rows last
    elif not WaitingPlace.objects.filter(order=order, state=PlaceState.WAITING).exists():
        refund(order, now=now)


def authorised(order: Order, payment: Payment, now: datetime) -> None:
    """The same ladder as for money. But nothing was charged: the date is the bank's, and what is not wanted let go."""
    late_payments = current_store().late_payments
    in_time = authorisations.ends(payment) > now
    if order.state != OrderState.EXPIRED or late_payments == LatePayments.REFUND or not in_time:
        authorisations.let_go(order, payment, why="the hold had ended", now=now)
        return
    move_to(
        order, OrderState.LATE_PAID, why="the bank said yes after the hold had ended", actor=journal.WORKER, now=now
    )
    if _hold_again(order):
        authorisations.take(payment, now=now)
        return
    authorisations.keep(payment, now=now + authorisations.LOOK_EVERY)
    if not (late_payments == LatePayments.WAIT and _may_wait(order, now)):
        authorisations.let_go(order, payment, why="the hold had ended, and nothing was left", now=now)


def not_taken(order: Order, payment: Payment, now: datetime) -> None:
    """What was set aside too late is let go, by us, the bank or somebody at the provider: nothing was charged."""
    payment.state, payment.leased_until = PaymentState.CLOSED, None
    journal.record(order.subject, "let_go", actor=journal.WORKER)
    if stock.holds_of(owner_of(order)):  # taken again for it
        redemptions.give_back(order)
        allowances.give_back(order)
    if order.state == OrderState.LATE_PAID:
        move_to(order, OrderState.CANCELLED, why="not charged", actor=journal.WORKER, now=now)
        notify.let_go(order)
    stock.release(owner_of(order))  # the hot rows last; what its place in line claims the sweep lets go


def refund(order: Order, *, now: datetime, gone_minor: int = 0) -> None:
    """Give back what came too late for a locked order, once: all that is not back, or a bank's in a dispute, already.
    What was only set aside is let go instead."""
    if order.payment.is_authorised:
        authorisations.let_go(order, order.payment, why="not wanted any more", now=now)
        order.payment.save()
        return
    if (left := refunds.refundable(order) - gone_minor) > 0:
        refunds.request(order, left, key=f"{order.reference}:late", reason="paid too late", now=now)
        notify.refunding(order)


def kept() -> QuerySet[Order]:
    """Paid too late, and nothing of it is on its way back: its fan had gone to the bank, which decided for the shop."""
    late = Order.objects.filter(state=OrderState.LATE_PAID, captured_minor__gt=F("refunded_minor"), disputed_minor=0)
    decided = Dispute.objects.filter(order=OuterRef("pk"), surplus=None)
    going = Refund.objects.filter(order=OuterRef("pk"), surplus=None, state__in=refunds.GOING)
    waits = WaitingPlace.objects.filter(order=OuterRef("pk"), state=PlaceState.WAITING)
    return late.filter(Exists(decided), ~Exists(going), ~Exists(waits))


def give_back_kept(order_id: int, *, by: str, now: datetime) -> bool:
    """Staff send back what is ``kept``, and its fan is told. False when it is not, or not any more."""
    with transaction.atomic(durable=True):
        order = lock(order_id)
        if not kept().filter(pk=order_id).exists():
            return False
        key = f"{order.reference}:kept:{order.refunds.count()}"  # one that failed does not stand in the way
        refunds.request(order, refunds.refundable(order), key=key, reason="paid too late", now=now, by=by)
        notify.refunding(order)
        return True


def _may_wait(order: Order, now: datetime) -> bool:
    """Let it wait at the head of the list. Nothing comes back to a drop that is over."""
    if phase_of(order.drop, now) == Phase.CLOSED:
        return False
    try:
        with transaction.atomic():
            waiting_list.queue_paid(order, now=now)
    except StillThere:
        return False  # it came back in this very moment, to the public: the money goes back
    return True


def _take_again(order: Order, now: datetime) -> bool:
    """Its units are the fan's, and sold, or nothing has changed. They are told before it is known whether there are
    any: the fan's row comes before the hot ones, wherever an order is confirmed."""
    late, since = order.state, order.state_since
    try:
        with transaction.atomic():
            _count_again(order)
            confirm(order, now)
            _hold(order)
            stock.commit(owner_of(order))
    except SoldOut:
        order.state, order.state_since, order.confirmed_at = late, since, None
        return False
    return True


def _hold_again(order: Order) -> bool:
    try:
        with transaction.atomic():
            _count_again(order)
            _hold(order)
    except SoldOut:
        return False
    return True


def _count_again(order: Order) -> None:
    redemptions.take_again(order)  # then the allowances, as an order takes them
    allowances.take_again(order)


def _hold(order: Order) -> None:
    times = {"expires_at": order.hold_expires_at, "hard_cap_at": order.hard_cap_at}
    stock.hold(pieces.of_order(order), owner=owner_of(order), **times)
