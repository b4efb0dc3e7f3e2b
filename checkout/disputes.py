"""Disputes are noted: what the bank says, how much it holds, until when it waits. Their answer is only prepared."""

from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from checkout import evidence_packs
from checkout.gateway import DisputeView
from checkout.models import Dispute, Order, Surplus
from checkout.orders import lock
from checkout.refunds import order_of
from merchant import journal

# How far a dispute has come: a bank that only asked, answered or not, may still take the money, and then waits for an
# answer once more. A status that is not here is news to us, and taken as open.
CLOSED = 4
STAGES = {
    "warning_needs_response": 0,
    "warning_under_review": 1,
    "needs_response": 2,
    "under_review": 3,
    "warning_closed": CLOSED,
    "prevented": CLOSED,
    "won": CLOSED,
    "lost": CLOSED,
}
# In these the bank holds no money: an early warning, or our right.
HARMLESS = ("warning_needs_response", "warning_under_review", "warning_closed", "prevented", "won")


def note(found: DisputeView, *, now: datetime) -> str | None:
    """Write down what a dispute says now; it only moves forward. None when no order of ours is meant.

    Touches its own order alone: the ledger's disputed amount, and the journal.
    """
    with transaction.atomic(durable=True):
        meant = order_of(found.intent_id)
        if meant is None:
            return None
        order, surplus = lock(meant[0]), meant[1]
        known = Dispute.objects.filter(provider_id=found.id).first()
        if known is not None and (_says_the_same(known, found) or _stage(known.status) > _stage(found.status)):
            return "known"
        _write(order, known or _new(order, surplus, found), found, now)
        return "noted"


def _says_the_same(known: Dispute, found: DisputeView) -> bool:
    """A bank may take less than it first said, or wait for longer, and call it the same."""
    said = (known.status, known.amount_minor, known.due_by)
    return said == (found.status, found.amount_minor, found.due_by)


def _new(order: Order, surplus: Surplus | None, found: DisputeView) -> Dispute:
    return Dispute(order=order, surplus=surplus, provider_id=found.id, opened_at=found.created)


def _write(order: Order, dispute: Dispute, found: DisputeView, now: datetime) -> None:
    dispute.status, dispute.reason = found.status, found.reason
    dispute.amount_minor, dispute.due_by = found.amount_minor, found.due_by
    if _stage(found.status) == CLOSED:
        dispute.closed_at = now
    dispute.save()
    evidence_packs.begin(dispute, is_closed=_stage(found.status) == CLOSED, now=now)
    held = (
        order.disputes.filter(surplus=None).exclude(status__in=HARMLESS).aggregate(sum=Sum("amount_minor"))["sum"] or 0
    )
    Order.objects.filter(pk=order.pk).update(disputed_minor=held)
    journal.record(
        order.subject,
        f"dispute_{found.status}"[:40],
        actor=journal.WORKER,
        why=found.reason.replace("_", " "),
        data={"amount": found.amount_minor, "dispute": found.id},
    )


def _stage(status: str) -> int:
    return STAGES.get(status, STAGES["needs_response"])
