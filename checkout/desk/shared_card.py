"""Orders of different people that one card paid: look at them side by side, and say that it is fine, or refund."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from checkout import cards, refunds
from checkout.models import CardInDrop, Order
from merchant.clock import now
from merchant.desk import WhyField, actor, desk_context, form_page


class LooksFineForm(forms.Form):
    why = WhyField(label="Why it is fine", help_text="For the journal: a family, a gift, they wrote to us…")


def page(request: HttpRequest, card_id: int) -> HttpResponse:
    """The orders, what each may still get back, and the one thing to say."""
    if not request.user.has_perm("checkout.view_order"):
        raise PermissionDenied
    card = get_object_or_404(CardInDrop.objects.select_related("drop"), pk=card_id, flagged_at__isnull=False)
    if request.method != "POST":
        return _show(request, card, LooksFineForm())
    if not request.user.has_perm("checkout.refund_order"):
        raise PermissionDenied
    form = LooksFineForm(request.POST)
    return _looks_fine(request, card, form) if form.is_valid() else _show(request, card, form)


def _looks_fine(request: HttpRequest, card: CardInDrop, form: LooksFineForm) -> HttpResponse:
    if cards.looks_fine(card.pk, by=actor(request), why=form.cleaned_data["why"], now=now()):
        messages.success(request, "Noted: it looks fine. You hear of this card again if it pays for more.")
    else:
        messages.info(request, "Somebody has looked at it already.")
    return redirect("admin:checkout_order_trouble")


def _show(request: HttpRequest, card: CardInDrop, form: LooksFineForm) -> HttpResponse:
    orders = cards.orders_of(card).select_related("payment").prefetch_related("lines")
    context = desk_context(
        request,
        "Same card, more than the limit",
        Order,
        card=card,
        rows=[_row(order) for order in orders],
        form=form,
        may_act=request.user.has_perm("checkout.refund_order"),
    )
    return form_page(request, "desk/shared_card.html", context)


def _row(order: Order) -> dict[str, Any]:
    return {
        "order": order,
        "what": ", ".join(f"{line.quantity} × {line.sku}" for line in order.lines.all()),
        "left": refunds.refundable(order),
    }
