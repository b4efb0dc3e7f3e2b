"""Parcels at the desk: what leaves now, and when what left was received."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from checkout import parcels
from checkout.after_sale_queries import parcels_of
from checkout.errors import CannotShip
from checkout.models import Order
from merchant.clock import now
from merchant.desk import actor, desk_context, form_page

DAY_AND_TIME = "%Y-%m-%dT%H:%M"


class MomentField(forms.DateTimeField):
    """A day and a time of the shop's zone, picked by the browser's own control."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
        super().__init__(widget=widget, input_formats=[DAY_AND_TIME], **options)

    def prepare_value(self, value: Any) -> Any:
        return timezone.localtime(value).strftime(DAY_AND_TIME) if hasattr(value, "strftime") else value


class ParcelForm(forms.Form):
    carrier = forms.CharField(required=False, max_length=60, widget=UnfoldAdminTextInputWidget)
    tracking = forms.CharField(
        label="Tracking number", required=False, max_length=80, widget=UnfoldAdminTextInputWidget
    )
    shipped_at = MomentField(label="Left at", help_text="In the shop's time.")
    key = forms.CharField(max_length=80, widget=forms.HiddenInput)

    def __init__(self, order: Order, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left = parcels.waiting(order)
        self.lines = [line for line in order.lines.all() if self.left[line.pk]]
        for line in self.lines:
            most = self.left[line.pk]
            self.fields[f"line_{line.pk}"] = forms.IntegerField(
                label=line.title,
                min_value=0,
                max_value=most,
                initial=most,
                widget=UnfoldAdminIntegerFieldWidget,
                help_text=f"0 to {most}",
            )
        self.order_fields([*(f"line_{line.pk}" for line in self.lines), "carrier", "tracking", "shipped_at", "key"])

    @property
    def units(self) -> dict[int, int]:
        return {line.pk: self.cleaned_data[f"line_{line.pk}"] for line in self.lines}


class DeliveryForm(forms.Form):
    delivered_at = MomentField(label="Received at")


def page(request: HttpRequest, order_id: int) -> HttpResponse:
    """A parcel to be recorded, and for each that left when it was received. The fan hears of a parcel by e-mail."""
    if not request.user.has_perm("checkout.ship_order"):
        raise PermissionDenied
    order = get_object_or_404(Order.objects.select_related("payment", "drop"), pk=order_id)
    if "parcel" in request.POST:
        return _deliver(request, order)
    form = _form(order, request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _show(request, order, form)
    said = form.cleaned_data
    try:
        parcels.ship(
            order.pk,
            form.units,
            carrier=said["carrier"],
            tracking=said["tracking"],
            shipped_at=said["shipped_at"],
            key=said["key"],
            by=actor(request),
            now=now(),
        )
    except CannotShip as refusal:
        form.add_error(None, str(refusal))
        return _show(request, order, form)
    messages.success(request, f"Recorded. {order.email} hears that it is on its way.")
    return redirect("admin:checkout_order_parcels", order.pk)


def _deliver(request: HttpRequest, order: Order) -> HttpResponse:
    form = DeliveryForm(request.POST)
    named = request.POST["parcel"]
    parcel = parcels_of(order).filter(pk=named).first() if named.isdecimal() and len(named) < 12 else None
    if parcel is None or not form.is_valid():
        messages.error(request, "Enter the day and the time at which it was received.")
        return _show(request, order, _form(order, None), status=422)
    try:
        new = parcels.deliver(parcel.pk, delivered_at=form.cleaned_data["delivered_at"], by=actor(request), now=now())
    except CannotShip as refusal:
        messages.error(request, str(refusal))
        return _show(request, order, _form(order, None), status=422)
    messages.success(request, "Recorded." if new else "Somebody has recorded it already.")
    return redirect("admin:checkout_order_parcels", order.pk)


def _form(order: Order, posted: Any) -> ParcelForm:
    first = {"shipped_at": now(), "key": f"{order.reference}:parcel:{parcels_of(order).count() + 1}"}
    return ParcelForm(order, posted, initial=first)


def _show(request: HttpRequest, order: Order, form: ParcelForm, *, status: int = 200) -> HttpResponse:
    context = desk_context(
        request,
        f"Parcels of {order.reference}",
        Order,
        order=order,
        form=form,
        parcels=parcels_of(order),
        delivery=DeliveryForm(initial={"delivered_at": now()}),
    )
    return form_page(request, "desk/parcels.html", context, status=status)
