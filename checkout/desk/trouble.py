"""The page of everything that needs a person, and the bulk deeds on it, each confirmed with its count and sum."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from checkout import amounts, trouble
from checkout.amount_models import AmountDiffers
from checkout.models import CardInDrop, Dispute, Order, Refund, Surplus, WebhookEvent
from checkout.provider_words import dispute_reason, dispute_status, refund_problem
from checkout.trouble import Kind
from drops.models import StockItem
from merchant.clock import now as clock
from merchant.desk import actor, desk_context
from merchant.money import Money
from merchant.store import current_store

SHOWN = 20
AMOUNTS = {Order: "total_minor", Refund: "amount_minor", Surplus: "captured_minor", Dispute: "amount_minor"}


@dataclass(frozen=True)
class Row:
    words: str
    url: str
    note: str
    amount: Money | None
    at: datetime | None
    at_means: str


@dataclass(frozen=True)
class Group:
    kind: Kind
    count: int
    total: Money | None
    rows: list[Row]

    @property
    def more(self) -> int:
        return self.count - len(self.rows)

    @property
    def size(self) -> str:
        """``3, $144.00 in all``"""
        return f"{self.count:,}" + (f", {self.total} in all" if self.total else "")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    _may(request, "checkout.view_order")
    now = clock()
    groups = [_group(kind, now) for kind in trouble.KINDS if _sees(request, kind)]
    context = desk_context(
        request,
        "Trouble",
        Order,
        groups=[group for group in groups if group.count],
        calm=[group.kind for group in groups if not group.count],
        may_act=request.user.has_perm("checkout.refund_order"),
        server_now=now,
    )
    return render(request, "desk/trouble.html", context)


def deed(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask first, naming count and sum; then do it."""
    _may(request, "checkout.refund_order")
    kind = trouble.kind(slug)
    if kind is None or kind.act is None or not _sees(request, kind):
        raise Http404
    now = clock()
    if request.method == "POST":
        count = kind.act(kind.rows(now), actor(request), now)
        messages.success(request, f"{kind.deed}: {count} done.")
        return redirect("admin:checkout_order_trouble")
    context = desk_context(request, kind.deed, Order, group=_group(kind, now), server_now=now)
    return render(request, "desk/trouble_deed.html", context)


def _may(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _sees(request: HttpRequest, kind: Kind) -> bool:
    return kind.slug != "news" or request.user.has_perm("checkout.view_webhookevent")


def _group(kind: Kind, now: datetime) -> Group:
    rows = kind.rows(now)
    field = AMOUNTS.get(rows.model)
    minor = rows.aggregate(sum=Sum(field))["sum"] if field else None
    total = Money(minor, current_store().currency) if minor else None
    return Group(kind, rows.count(), total, [_row(each) for each in rows[:SHOWN]])


def _row(found: Model) -> Row:
    match found:
        case Order():
            return _order_row(found)
        case Refund():
            note = ": ".join(filter(None, [found.reason, found.failure and refund_problem(found.failure)]))
            return _money_row(found.order, found.amount_minor, note, found.created_at, "asked for")
        case Surplus():
            return _money_row(found.order, found.captured_minor, found.intent_id, found.found_at, "found")
        case AmountDiffers():
            url = reverse("admin:checkout_order_amount", args=[found.pk])
            words = amounts.difference(found).words
            return Row(found.order.reference, url, words, found.received, found.found_at, "since")
        case Dispute():
            note = f"{dispute_reason(found.reason)} · {dispute_status(found.status)}"
            url = reverse("admin:checkout_dispute_change", args=[found.pk])
            amount = Money(found.amount_minor, found.order.currency)
            return Row(found.order.reference, url, note, amount, found.due_by, "answer by")
    return _plain_row(found)


def _plain_row(found: Model) -> Row:
    match found:
        case CardInDrop():
            url = reverse("admin:checkout_order_shared_card", args=[found.pk])
            return Row(str(found.drop), url, found.what, None, found.flagged_at, "since")
        case StockItem():
            url = reverse("admin:drops_stockitem_change", args=[found.pk])
            note = f"{found.missing} of {found.total} promised units are not there"
            return Row(found.code, url, note, None, None, "")
        case WebhookEvent():
            url = reverse("admin:checkout_webhookevent_change", args=[found.pk])
            return Row(found.type, url, found.outcome, None, found.received_at, "received")
    raise TypeError(found)


def _order_row(order: Order) -> Row:
    note = order.payment.error_message or order.get_state_display()
    if order.payment.is_authorised:
        note = f"{order.email} · {order.payment.get_state_display()}"
        return Row(order.reference, _url(order), note, order.total, order.payment.capture_before, "lost on")
    until = order.hold_expires_at if order.confirmed_at is None and order.captured_minor == 0 else order.state_since
    means = "held until" if until == order.hold_expires_at else "since"
    return Row(order.reference, _url(order), f"{order.email} · {note}", order.total, until, means)


def _money_row(order: Order, minor: int, note: str, at: datetime | None, means: str) -> Row:
    return Row(order.reference, _url(order), note, Money(minor, order.currency), at, means)


def _url(order: Order) -> str:
    return reverse("admin:checkout_order_change", args=[order.pk])
