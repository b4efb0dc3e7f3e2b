"""Giving money back: a row first, once by its key; then a worker sends it; then the ledger says so."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum

from checkout import gateway
from checkout.errors import GatewayError, IllegalMove
from checkout.leases import leased_until
from checkout.models import Order, OrderState, Refund, RefundState
from checkout.orders import lock, move_to
from merchant import journal
from merchant.wake import wake

PAUSE = timedelta(seconds=30)
GOING = (RefundState.DUE, RefundState.PENDING, RefundState.SUCCEEDED)


def request(order: Order, amount_minor: int, *, key: str, reason: str, now: datetime) -> Refund:
    """Ask for a refund of a locked order, once a key. Raises IllegalMove above what was captured."""
    known = Refund.objects.filter(key=key).first()
    if known is not None:
        return known
    going = order.refunds.filter(state__in=GOING).aggregate(sum=Sum("amount_minor"))["sum"] or 0
    if going + amount_minor > order.captured_minor:
        raise IllegalMove(f"{order}: {going} of {order.captured_minor} are already going back.")
    refund = Refund.objects.create(order=order, amount_minor=amount_minor, key=key, reason=reason, due_at=now)
    journal.record(order.subject, "refund_requested", actor=journal.WORKER, why=reason, data={"amount": amount_minor})
    wake("payments")
    return refund


def drain(clock: Callable[[], datetime], limit: int = 20) -> int:
    """Send the refunds that are due. Returns how many were tried."""
    done = 0
    while done < limit and (refund := _claim(clock())):
        _send(refund, clock())
        done += 1
    return done


def _claim(now: datetime) -> Refund | None:
    with transaction.atomic(durable=True):
        due = Refund.objects.filter(state=RefundState.DUE, due_at__lte=now).exclude(leased_until__gt=now)
        refund = due.select_for_update(skip_locked=True, of=("self",)).select_related("order__payment").first()
        if refund is not None:
            Refund.objects.filter(pk=refund.pk).update(leased_until=leased_until(now), tries=F("tries") + 1)
        return refund


def _send(refund: Refund, now: datetime) -> None:
    try:
        sent = gateway.refund(refund.order.payment.intent_id, refund.amount_minor, key=f"refund:{refund.key}")
    except GatewayError as error:
        Refund.objects.filter(pk=refund.pk, state=RefundState.DUE).update(due_at=now + PAUSE, leased_until=None)
        journal.record(refund.order.subject, "refund_waits", actor=journal.WORKER, why=type(error).__name__)
        return
    settle_refund(refund.pk, sent.id, sent.status, now=now)


def settle_refund(refund_id: int, provider_id: str, status: str, *, now: datetime) -> None:
    """Write what became of a refund into the order's money ledger, once."""
    with transaction.atomic(durable=True):
        order = lock(Refund.objects.values_list("order_id", flat=True).get(pk=refund_id))
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        if refund.state in (RefundState.SUCCEEDED, RefundState.FAILED):
            return
        refund.provider_id, refund.leased_until = provider_id, None
        refund.state = {"succeeded": RefundState.SUCCEEDED, "pending": RefundState.PENDING}.get(
            status, RefundState.FAILED
        )
        refund.save()
        if refund.state == RefundState.SUCCEEDED:
            _book(order, refund, now)


def _book(order: Order, refund: Refund, now: datetime) -> None:
    Order.objects.filter(pk=order.pk).update(refunded_minor=F("refunded_minor") + refund.amount_minor)
    journal.record(order.subject, "refunded", actor=journal.WORKER, data={"amount": refund.amount_minor})
    if order.state == OrderState.LATE_PAID:
        move_to(order, OrderState.CANCELLED, why="paid too late, refunded", actor=journal.WORKER, now=now)
