"""What fans ask for, at the desk: a queue, and for each request the steps that fit it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from checkout import fan_requests
from checkout.after_sale import FanRequest, RequestKind, RequestState
from checkout.errors import CheckoutError
from merchant.clock import now
from merchant.desk import ConfirmDialog, PanelAdmin, actor, done, moment_cell, panel
from merchant.money import Money

S = RequestState
TONES = {
    S.REQUESTED.label: "warning",
    S.ACCEPTED.label: "info",
    S.RECEIVED.label: "info",
    S.DECLINED.label: "danger",
    S.REFUNDED.label: "success",
}
# The steps of a request in a state, the usual one first.
STEPS: dict[str, tuple[str, ...]] = {
    S.REQUESTED: ("accept", "decline"),
    S.ACCEPTED: ("receive", "give_back"),
    S.RECEIVED: ("give_back",),
    S.DECLINED: (),
    S.REFUNDED: (),
}


class OpenFilter(admin.SimpleListFilter):
    title = "open"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Something is to be done"), ("no", "Done")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[FanRequest]) -> QuerySet[FanRequest]:
        match self.value():
            case "yes":
                return queryset.filter(state__in=fan_requests.OPEN)
            case "no":
                return queryset.exclude(state__in=fan_requests.OPEN)
        return queryset


class _RequestDialog(ConfirmDialog):
    @property
    def asked(self) -> FanRequest:
        return FanRequest.objects.select_related("order__payment").get(pk=self.object_id)


class AcceptDialog(_RequestDialog):
    answer = forms.CharField(
        label="What you write to the fan", required=False, max_length=300, widget=UnfoldAdminTextInputWidget
    )

    def consequence(self) -> dict[str, Any]:
        then = "sends it back; you refund it when it is here" if self.asked.kind == RequestKind.RETURN else "waits"
        return {"text": f"{self.asked.name} hears that you said yes, and {then}. No money moves yet."}


class DeclineDialog(_RequestDialog):
    answer = forms.CharField(
        label="Why not", max_length=300, widget=UnfoldAdminTextInputWidget, help_text="The fan reads it."
    )

    def consequence(self) -> dict[str, Any]:
        return {"text": f"{self.asked.name} hears that you said no, and why. They may ask again."}


class ReceiveDialog(_RequestDialog):
    def consequence(self) -> dict[str, Any]:
        return {"text": f"{self.asked.name} hears that it has arrived. No money moves yet."}


class GiveBackDialog(_RequestDialog):
    restock = forms.BooleanField(
        label="Put the units back on sale",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Not for what came back damaged: then the stock is that much smaller.",
    )

    def consequence(self) -> dict[str, Any]:
        asked = self.asked
        units, minor = fan_requests.due(asked.order, asked)
        amount = Money(minor, asked.order.currency)
        if not units or not minor:
            return {"text": "Nothing of it is left to give back: if it went back by another way, this closes it."}
        words = f"{amount} goes back to {asked.name} for {sum(units.values())} units. This cannot be undone."
        early = asked.received_at is None and asked.order.shipments.exists()
        return {"text": words + (" It has not been marked as back here." if early else "")}


def _dialog(title: str, form: type[ConfirmDialog], button: str) -> dict[str, Any]:
    return {"title": title, "description": "", "form_class": form, "form_submit_text": button}


class FanRequestAdmin(PanelAdmin):
    when_empty = "When a fan withdraws, or asks to cancel or to send something back, it waits here for you."
    list_display = ("what", "state_label", "order_shown", "who", "asked", "due")
    list_display_links = ("what",)
    list_filter = (OpenFilter, ("kind", ChoicesCheckboxFilter), ("state", ChoicesCheckboxFilter))
    search_fields = ("order__reference", "email", "name")
    search_help_text = "Order, e-mail or name"
    list_select_related = ("order",)
    actions_detail = ("accept", "decline", "receive", "give_back")
    change_form_outer_before_template = "desk/request.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[FanRequest]:
        found: QuerySet[FanRequest] = super().get_queryset(request)
        return found.prefetch_related("lines__line")

    def fitting(self, object_id: int) -> tuple[str, ...]:
        asked = FanRequest.objects.filter(pk=object_id).first()
        return STEPS[asked.state] if asked else ()

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        found = FanRequest.objects.select_related("order__drop").prefetch_related("lines__line")
        asked = found.filter(pk=object_id).first()
        return {"asked": asked, "due": fan_requests.refund_due(asked), "server_now": now()} if asked else {}

    @action(
        description="Say yes",
        icon="check",
        variant=ActionVariant.PRIMARY,
        permissions=["checkout.refund_order"],
        dialog=_dialog("Say yes", AcceptDialog, "Say yes"),
    )
    def accept(self, request: HttpRequest, form: AcceptDialog, object_id: str) -> HttpResponse:
        said = form.cleaned_data["answer"]
        return _do(request, object_id, lambda by: fan_requests.accept(int(object_id), answer=said, by=by, now=now()))

    @action(
        description="Say no",
        icon="close",
        permissions=["checkout.refund_order"],
        dialog=_dialog("Say no", DeclineDialog, "Say no"),
    )
    def decline(self, request: HttpRequest, form: DeclineDialog, object_id: str) -> HttpResponse:
        said = form.cleaned_data["answer"]
        return _do(request, object_id, lambda by: fan_requests.decline(int(object_id), answer=said, by=by, now=now()))

    @action(
        description="It is back here",
        icon="inventory",
        permissions=["checkout.refund_order"],
        dialog=_dialog("It is back here", ReceiveDialog, "It is back here"),
    )
    def receive(self, request: HttpRequest, form: ReceiveDialog, object_id: str) -> HttpResponse:
        return _do(request, object_id, lambda by: fan_requests.receive(int(object_id), by=by, now=now()))

    @action(
        description="Refund it",
        url_path="give-back",
        icon="undo",
        permissions=["checkout.refund_order"],
        dialog=_dialog("Refund it", GiveBackDialog, "Refund it"),
    )
    def give_back(self, request: HttpRequest, form: GiveBackDialog, object_id: str) -> HttpResponse:
        restock = form.cleaned_data["restock"]
        return _do(
            request, object_id, lambda by: fan_requests.refund(int(object_id), restock=restock, by=by, now=now())
        )

    @display(description="Request", ordering="kind")
    def what(self, asked: FanRequest) -> str:
        goods = ", ".join(f"{one.quantity} × {one.line.sku}" for one in asked.lines.all())
        return f"{asked.get_kind_display()}: {goods}"

    @display(description="State", ordering="state", label=TONES)
    def state_label(self, asked: FanRequest) -> str:
        return asked.get_state_display()

    @display(description="Order", ordering="order")
    def order_shown(self, asked: FanRequest) -> SafeString:
        page = reverse("admin:checkout_order_change", args=[asked.order_id])
        return format_html('<a class="desk-one-line" href="{}">{}</a>', page, asked.order.reference)

    @display(description="Fan", ordering="email", header=True)
    def who(self, asked: FanRequest) -> tuple[str, str]:
        return asked.name, asked.email

    @display(description="Asked", ordering="requested_at")
    def asked(self, asked: FanRequest) -> str:
        return moment_cell(asked.requested_at)

    @display(description="Money back by")
    def due(self, asked: FanRequest) -> str:
        due = fan_requests.refund_due(asked)
        return panel("desk/_moment.html", at=due, server_now=now()) if due else "–"


def _do(request: HttpRequest, object_id: str, deed: Callable[[str], object]) -> HttpResponse:
    try:
        deed(actor(request))
    except CheckoutError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Done; the fan is told by e-mail.")
    return done(reverse("admin:checkout_fanrequest_change", args=[object_id]))
