"""Another amount came than was agreed. The order stands as it is: staff are told, and say what becomes of it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from checkout import refunds
from checkout.amount_models import AmountDiffers
from checkout.errors import CannotRefund
from checkout.models import Order, Refund
from checkout.orders import lock
from merchant import journal
from merchant.money import Money


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much, and which way. Nothing can be compared where another currency came."""

    agreed: Money
    received: Money

    @property
    def same_currency(self) -> bool:
        return self.agreed.currency == self.received.currency

    @property
    def more(self) -> Money | None:
        """What came above what was agreed; None where nothing did."""
        above = self.received.amount - self.agreed.amount
        return Money(above, self.agreed.currency) if self.same_currency and above > 0 else None

    @property
    def words(self) -> str:
        """``$6.00 more than agreed: $60.00 came for $54.00``"""
        came = f"{self.received} came for {self.agreed}"
        if not self.same_currency:
            return f"Another currency: {came}"
        gap = Money(abs(self.received.amount - self.agreed.amount), self.agreed.currency)
        return f"{gap} {'more' if self.more else 'less'} than agreed: {came}"


def note(order: Order, received: Money, *, now: datetime) -> None:
    """Remember that another amount came for a locked order, and tell its journal. Once an order."""
    row = AmountDiffers(order=order, received_minor=received.amount, currency=received.currency, found_at=now)
    AmountDiffers.objects.bulk_create([row], ignore_conflicts=True)
    data = received.as_json() | {"agreed_minor": order.total_minor}
    journal.record(order.subject, "amount_differs", actor=journal.WORKER, why=difference(row).words, data=data)


def difference(row: AmountDiffers) -> Difference:
    return Difference(agreed=row.order.total, received=row.received)


def unsettled() -> QuerySet[AmountDiffers]:
    """Those that somebody should look at. Of an order whose money went back whole nothing is left to settle."""
    whole = {"order__refunded_minor__gte": F("order__captured_minor")}
    return AmountDiffers.objects.filter(settled_at=None).exclude(**whole)


def may_go_back(row: AmountDiffers) -> Money | None:
    """The difference, where more came and all of it is still here. Believe it under the order's lock only."""
    more = difference(row).more
    return more if more and refunds.refundable(row.order) >= more.amount else None


def refund_difference(row_id: int, *, by: str, now: datetime) -> Refund | None:
    """Give back what came above the total, once however many press, and with that it is settled.

    None when somebody has settled it before. Raises CannotRefund when so much is not here any more, or never was.
    """
    with transaction.atomic(durable=True):
        row = _locked(row_id)
        if row.settled_at:
            return None
        more = difference(row).more
        if more is None:
            raise CannotRefund("Nothing came above the total.")
        key, reason = f"{row.order.reference}:difference", "paid more than agreed"
        refund = refunds.request(row.order, more.amount, key=key, reason=reason, now=now, by=by)
        _settle(row, by=by, why="what came above the total goes back", now=now)
        return refund


@transaction.atomic
def settled(row_id: int, *, by: str, why: str, now: datetime) -> bool:
    """Staff have looked, and nothing is to be done here any more. False when somebody had said so before."""
    row = _locked(row_id)
    if row.settled_at:
        return False
    _settle(row, by=by, why=why, now=now)
    return True


def _locked(row_id: int) -> AmountDiffers:
    """The row, under its order's lock: money goes back of it under the same."""
    order = lock(AmountDiffers.objects.values_list("order_id", flat=True).get(pk=row_id))
    row = AmountDiffers.objects.get(pk=row_id)
    row.order = order
    return row


def _settle(row: AmountDiffers, *, by: str, why: str, now: datetime) -> None:
    row.settled_at = now
    row.save(update_fields=["settled_at"])
    journal.record(row.order.subject, "amount_settled", actor=by, why=why)
