"""Refunding at the desk: choose what goes back, then read what exactly will happen on the button that does it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanWidget

from checkout import refunds, returns
from checkout.errors import CannotRefund
from checkout.models import Order, OrderLine
from merchant.clock import now
from merchant.desk import MoneyField, WhyField, actor, desk_context, form_page
from merchant.money import Money


class RefundForm(forms.Form):
    """A number of units for each line, or an amount; and a reason."""

    amount = MoneyField(
        label="Amount",
        required=False,
        help_text="Empty: what the units cost; with the last of them also delivery and the rest.",
    )
    restock = forms.BooleanField(
        label="Put the units back on sale",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Not for what came back damaged: then the stock is that much smaller.",
    )
    why = WhyField(help_text="For the journal; the fan does not see it.")
    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, order: Order, *args: Any, everything: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order, self.by_hand = order, refunds.is_by_hand(order)
        self.left = returns.left(order)
        self.lines = {line.pk: line for line in order.lines.all() if self.left[line.pk]}
        self.fields["amount"].label = f"Amount, {order.currency}"
        alone = sum(self.left.values()) == 1
        for line_id, line in self.lines.items():
            most = self.left[line_id]
            self.fields[f"line_{line_id}"] = forms.IntegerField(
                label=line.title,
                required=False,
                min_value=0,
                max_value=most,
                initial=most if everything or alone else 0,
                widget=UnfoldAdminIntegerFieldWidget,
                help_text=f"0 to {most}, {_cost(order, line)} each",
            )
        self.fields["seen"].initial = order.refunds.count()
        self.order_fields([*(f"line_{line_id}" for line_id in self.lines), "amount", "restock", "why", "seen"])

    @property
    def units(self) -> dict[int, int]:
        chosen = {line_id: self.cleaned_data.get(f"line_{line_id}") or 0 for line_id in self.lines}
        return {line_id: quantity for line_id, quantity in chosen.items() if quantity}

    @property
    def amount_minor(self) -> int:
        """What will go back."""
        typed: int | None = self.cleaned_data.get("amount")
        return returns.worth(self.order, self.units) if typed is None else typed

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        may = refunds.refundable(self.order)
        if not self.amount_minor:
            self.add_error(None, "Choose units to give back, or type an amount.")
        elif self.amount_minor > may:
            self.add_error("amount", f"At most {Money(may, self.order.currency)} is left to refund.")
        return cleaned

    def consequence(self) -> str:
        """``Refund $48.00 and put 1 back on sale``: what the button says."""
        amount = Money(self.amount_minor, self.order.currency)
        words = f"Note {amount} by hand" if self.by_hand else f"Refund {amount}"
        if count := sum(self.units.values()):
            return f"{words} and " + (
                f"put {count} back on sale" if self.cleaned_data["restock"] else f"write {count} off the stock"
            )
        return words


def _cost(order: Order, line: OrderLine) -> str:
    """``$48.00``; after discounts, and with tax on top, what was paid in the end."""
    if line.paid_minor == line.unit_price_minor * line.quantity:
        return str(Money(line.unit_price_minor, order.currency))
    return f"paid {Money(line.paid_minor // line.quantity, order.currency)}"


def page(request: HttpRequest, order_id: int) -> HttpResponse:
    """The form; then what it will do; then it is done."""
    if not request.user.has_perm("checkout.refund_order"):
        raise PermissionDenied
    order = get_object_or_404(Order.objects.select_related("payment", "drop"), pk=order_id)
    if request.method != "POST":
        return _show(request, order, RefundForm(order, everything="everything" in request.GET))
    form = RefundForm(order, request.POST)
    if not form.is_valid() or "back" in request.POST:
        return _show(request, order, form)
    if "confirmed" not in request.POST:
        return _show(request, order, form, review=True)
    return _refund(request, order, form)


def _refund(request: HttpRequest, order: Order, form: RefundForm) -> HttpResponse:
    said = form.consequence()
    try:
        returns.refund_lines(
            order.pk,
            form.units,
            amount_minor=form.cleaned_data["amount"],
            restock=form.cleaned_data["restock"],
            seen=form.cleaned_data["seen"],
            by=actor(request),
            why=form.cleaned_data["why"],
            now=now(),
        )
    except CannotRefund as refusal:
        messages.error(request, str(refusal))
    else:
        then = "done." if form.by_hand else "on its way. The fan gets an e-mail once the provider has made it."
        messages.success(request, f"{said}: {then}")
    return redirect("admin:checkout_order_change", order.pk)


def _show(request: HttpRequest, order: Order, form: RefundForm, *, review: bool = False) -> HttpResponse:
    context = desk_context(
        request,
        f"Refund {order.reference}",
        Order,
        order=order,
        form=form,
        left=refunds.refundable(order),
        review=review,
        consequence=form.consequence() if review else "",
        chosen=[(line, form.units[line_id]) for line_id, line in form.lines.items() if line_id in form.units]
        if review
        else [],
    )
    return form_page(request, "desk/refund.html", context)
