"""An order of which another amount came than was agreed: both amounts, what it means, and what can be done."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from checkout import amounts
from checkout.amount_models import AmountDiffers
from checkout.errors import CannotRefund
from checkout.models import Order
from merchant.clock import now
from merchant.desk import WhyField, actor, desk_context, form_page
from merchant.models import JournalEntry


class SettledForm(forms.Form):
    why = WhyField(
        label="Why it is settled",
        help_text="For the journal, without names: they paid the rest at the counter, we let them have it…",
    )


def page(request: HttpRequest, row_id: int) -> HttpResponse:
    """What came and what was agreed. A POST gives the difference back, or says that it is settled."""
    if not request.user.has_perm("checkout.view_order"):
        raise PermissionDenied
    row = get_object_or_404(AmountDiffers.objects.select_related("order__drop"), pk=row_id)
    if request.method != "POST":
        return _show(request, row, SettledForm())
    if not request.user.has_perm("checkout.refund_order"):
        raise PermissionDenied
    if "refund" in request.POST:
        return _refund(request, row)
    form = SettledForm(request.POST)
    return _settled(request, row, form) if form.is_valid() else _show(request, row, form)


def _refund(request: HttpRequest, row: AmountDiffers) -> HttpResponse:
    try:
        refund = amounts.refund_difference(row.pk, by=actor(request), now=now())
    except CannotRefund as refusal:
        messages.error(request, str(refusal))
        return redirect("admin:checkout_order_amount", row.pk)
    if refund is None:
        messages.info(request, "Somebody has settled it already.")
    else:
        more = amounts.difference(row).more
        messages.success(request, f"{more} is on its way back. The fan gets an e-mail once the provider has made it.")
    return redirect("admin:checkout_order_trouble")


def _settled(request: HttpRequest, row: AmountDiffers, form: SettledForm) -> HttpResponse:
    if amounts.settled(row.pk, by=actor(request), why=form.cleaned_data["why"], now=now()):
        messages.success(request, "Noted: it is settled. The order's page keeps the reason.")
    else:
        messages.info(request, "Somebody has settled it already.")
    return redirect("admin:checkout_order_trouble")


def _show(request: HttpRequest, row: AmountDiffers, form: SettledForm) -> HttpResponse:
    context = desk_context(
        request,
        "Another amount than agreed",
        Order,
        row=row,
        order=row.order,
        difference=amounts.difference(row),
        may_go_back=amounts.may_go_back(row),
        said=JournalEntry.objects.filter(subject=row.order.subject, verb="amount_settled").last(),
        form=form,
        may_act=request.user.has_perm("checkout.refund_order"),
    )
    return form_page(request, "desk/amount.html", context)
