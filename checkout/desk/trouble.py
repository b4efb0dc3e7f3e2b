"""What needs a person: all of it on one page, each group page by page, and its deed, confirmed with count and sum."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Model, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from checkout import amounts, trouble
from checkout.amount_models import AmountDiffers
from checkout.models import CardInDrop, Dispute, Order, Refund, Surplus, WebhookEvent
from checkout.provider_words import dispute_reason, dispute_status, refund_problem
from checkout.trouble import Kind, Outcome
from drops.models import StockItem
from merchant.clock import now as clock
from merchant.desk import actor, desk_context
from merchant.money import Money
from merchant.store import current_store

SHOWN = 20
A_PAGE = 50
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
    """A kind with what is in it: how many and what they come to, and the rows of one page."""

    kind: Kind
    page: "Page[Any]"
    field: str | None
    total: Money | None

    @property
    def count(self) -> int:
        return self.page.paginator.count

    @property
    def rows(self) -> list[Row]:
        return [_row(each) for each in self.page]

    @property
    def shown(self) -> str:
        """Which rows the page shows, for its form: ``17,20,21``."""
        return ",".join(str(each.pk) for each in self.page)

    @property
    def size(self) -> str:
        """``3, $144.00 in all``"""
        return _size(self.count, self.total)

    @property
    def size_shown(self) -> str:
        """The same of the page's rows."""
        return _size(len(self.page), _money(sum(getattr(each, self.field) for each in self.page) if self.field else 0))


class ShownForm(forms.Form):
    """Which rows the page showed: nothing is done to any other."""

    shown = forms.RegexField(rf"^[0-9]{{1,18}}(,[0-9]{{1,18}}){{0,{A_PAGE - 1}}}\Z")

    def clean_shown(self) -> list[int]:
        return [int(each) for each in self.cleaned_data["shown"].split(",")]


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


def group(request: HttpRequest, slug: str) -> HttpResponse:
    """All of one group, page by page. Its deed is asked first, naming count and sum of the page; then it is done."""
    _may(request, "checkout.view_order")
    kind = trouble.kind(slug)
    if kind is None or not _sees(request, kind):
        raise Http404
    if request.method == "POST":
        return _done(request, kind)
    now = clock()
    context = desk_context(
        request,
        kind.title,
        Order,
        group=_group(kind, now, A_PAGE, request.GET.get("page")),
        may_act=kind.act is not None and request.user.has_perm("checkout.refund_order"),
        server_now=now,
    )
    return render(request, "desk/trouble_group.html", context)


def _done(request: HttpRequest, kind: Kind) -> HttpResponse:
    _may(request, "checkout.refund_order")
    if kind.act is None:
        raise Http404
    form = ShownForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The form did not say which of them you saw, so nothing was done. Look again, please.")
        return redirect("admin:checkout_order_trouble_group", kind.slug)
    outcome = trouble.act_on(kind, form.cleaned_data["shown"], by=actor(request), now=clock())
    level = messages.WARNING if outcome.left or outcome.gone else messages.SUCCESS
    messages.add_message(request, level, f"{kind.deed}: {_told(outcome)}.")
    return redirect("admin:checkout_order_trouble")


def _told(outcome: Outcome) -> str:
    """``2 done, 1 no longer in this group``"""
    parts = [f"{outcome.done} done"]
    if outcome.gone:
        parts.append(f"{outcome.gone} no longer in this group")
    if outcome.left:
        parts.append(f"{outcome.left} left as before, as the provider did not answer or there was nothing to do")
    return ", ".join(parts)


def _may(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _sees(request: HttpRequest, kind: Kind) -> bool:
    return kind.slug != "news" or request.user.has_perm("checkout.view_webhookevent")


def _group(kind: Kind, now: datetime, a_page: int = SHOWN, number: str | None = None) -> Group:
    rows = kind.rows(now)
    field = AMOUNTS.get(rows.model)
    page = Paginator(rows, a_page).get_page(number)
    return Group(kind, page, field, _money(rows.aggregate(sum=Sum(field))["sum"] if field else 0))


def _size(count: int, total: Money | None) -> str:
    return f"{count:,}" + (f", {total} in all" if total else "")


def _money(minor: int | None) -> Money | None:
    return Money(minor, current_store().currency) if minor else None


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
