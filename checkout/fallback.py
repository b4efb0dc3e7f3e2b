"""The second path: the provider's own page. The first payable object is closed before the second is opened.

The number and the end of a session are committed before it is created, so a create whose answer was lost can be
repeated under the same key: there is never a session that we do not know of.
"""

from datetime import datetime, timedelta

from django.db import transaction

from checkout import gateway, settle
from checkout.addresses import order_url, return_url
from checkout.errors import GatewayRefused, NothingToPay
from checkout.gateway import SessionView
from checkout.leases import give_back, is_leased, leased_until
from checkout.models import Order, Payment, PaymentPath, PaymentState
from checkout.orders import OPEN, hold_until
from checkout.settle import lock_both
from drops import stock
from merchant import journal

LIFETIME = timedelta(minutes=31)  # the provider's least is 30, by its clock
TOO_SHORT = timedelta(minutes=1)


def open_session(order_id: int, *, now: datetime) -> str:
    """The address of the provider's page for this order; an open one is given again.

    Raises NothingToPay when the order is paid, over or being paid right now, and GatewayUnavailable.
    """
    order, payment = _claim(order_id, now)
    try:
        if _is_open(payment, now):
            return payment.session_url
        _close_first(payment, now)
        payment = _commit_number(payment, now)
        return _remember(payment, _create(order, payment))
    finally:
        give_back(payment.pk, payment.leased_until)


def close_session(payment: Payment) -> SessionView | None:
    """Expire the session that was opened last, also when its id was lost. None when there never was one."""
    if payment.session_id:
        return gateway.expire_session(payment.session_id)
    if not payment.session_number:
        return None
    try:
        return gateway.expire_session(_create(payment.order, payment).id)
    except GatewayRefused:
        return None  # too late to make one under this key: the first create never arrived


def _claim(order_id: int, now: datetime) -> tuple[Order, Payment]:
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        waiting = order.state in OPEN and payment.state == PaymentState.AWAITING_FAN
        if not waiting or is_leased(payment, now):
            raise NothingToPay
        payment.leased_until = leased_until(now)
        payment.save(update_fields=["leased_until"])
        return order, payment


def _is_open(payment: Payment, now: datetime) -> bool:
    ends = payment.session_expires_at
    return (
        bool(payment.session_id)
        and payment.provider_status == "session open"
        and ends is not None
        and ends > now + TOO_SHORT
    )


def _close_first(payment: Payment, now: datetime) -> None:
    """Close the intent, or the session before, whichever could still be paid."""
    if payment.path == PaymentPath.SESSION:
        session = close_session(payment) if payment.session_id else None
        if session is not None and session.status != "expired":
            intent = gateway.retrieve_intent(session.intent_id) if session.intent_id else None
            settle.settle_session(payment.order_id, session, intent, now=now)
            raise NothingToPay
    elif payment.intent_id and payment.provider_status != "canceled":
        intent = gateway.cancel_intent(payment.intent_id)
        if intent.status != "canceled":  # it was paid in this very moment
            settle.settle_intent(payment.order_id, intent, now=now)
            raise NothingToPay


def _commit_number(mine: Payment, now: datetime) -> Payment:
    """Commit that the first path is closed and which session is about to be created, and keep the units for it."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(mine.order_id)
        if not _still_mine(order, payment, mine):
            raise NothingToPay
        if payment.intent_id:
            journal.record(order.subject, "intent_closed", actor=journal.WORKER, data={"intent": payment.intent_id})
        answer_lost = payment.path == PaymentPath.SESSION and payment.session_number and not payment.session_id
        if not answer_lost:
            payment.session_number += 1
            payment.session_expires_at = now + LIFETIME
        payment.path, payment.intent_id, payment.client_secret = PaymentPath.SESSION, "", ""
        payment.session_id, payment.session_url, payment.provider_status = "", "", "canceled"
        payment.save()
        hold_until(order, max(order.hold_expires_at, order.hard_cap_at))
        stock.prolong(settle.owner_of(order), order.hold_expires_at)
        return payment


def _create(order: Order, payment: Payment) -> SessionView:
    if payment.session_expires_at is None:
        raise ValueError(f"{order} has no session to create")
    return gateway.create_session(
        order.reference,
        f"{order.drop.title} · {order.reference}",
        order.total,
        email=order.email,
        success_url=return_url(order),
        cancel_url=order_url(order),
        until=payment.session_expires_at,
        key=f"order:{order.reference}:session:{payment.session_number}",
    )


def _remember(mine: Payment, session: SessionView) -> str:
    with transaction.atomic(durable=True):
        order, payment = lock_both(mine.order_id)
        still_mine = _still_mine(order, payment, mine)
        if still_mine:
            payment.session_id, payment.session_url = session.id, session.url
            payment.provider_status = f"session {session.status}"
            payment.error_code = payment.error_message = ""
            payment.save()
    if not still_mine:
        gateway.expire_session(session.id)  # nobody has seen its address
        raise NothingToPay
    return session.url


def _still_mine(order: Order, payment: Payment, mine: Payment) -> bool:
    """Nobody closed the order, paid it or took the lease over while we asked the provider."""
    waiting = order.state in OPEN and payment.state == PaymentState.AWAITING_FAN
    return waiting and payment.leased_until == mine.leased_until
