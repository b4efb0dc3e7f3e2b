"""Orders at the desk: everything about one on a page, all of it read-only. Money moves through verbs, not forms."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from checkout.models import Order, OrderState, Payment, WebhookEvent
from checkout.orders import OPEN
from merchant.clock import now
from merchant.desk import ReadOnlyAdmin, listing, moment_cell, story_of
from policies.models import Acceptance
from segments import fans
from segments.models import Message

TONES = {
    OrderState.PLACED.label: "info",
    OrderState.AUTHORISING.label: "info",
    OrderState.PROCESSING.label: "info",
    OrderState.ACTION_REQUIRED.label: "warning",
    OrderState.DEFERRED.label: "warning",
    OrderState.CONFIRMED.label: "success",
    OrderState.LATE_PAID.label: "danger",
}


class PaymentFilter(ChoicesCheckboxFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "payment"


class RefundFilter(ChoicesCheckboxFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "refund"


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ("order_name", "state_label", "drop", "who", "units", "total_shown", "placed")
    list_display_links = ("order_name",)
    list_filter = (
        ("state", ChoicesCheckboxFilter),
        ("drop", RelatedDropdownFilter),
        ("payment__state", PaymentFilter),
        ("refunds__state", RefundFilter),
        ("placed_at", RangeDateTimeFilter),
    )
    search_fields = ("reference", "email", "name", "payment__intent_id", "payment__charge_id")
    search_help_text = "Reference, e-mail, name, or the payment provider's id"
    show_full_result_count = False
    change_form_outer_before_template = "desk/order.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        orders: QuerySet[Order] = super().get_queryset(request)
        return orders.select_related("drop").prefetch_related("lines")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return []  # the panels show it all

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        order = Order.objects.select_related("drop", "payment").filter(pk=object_id).first() if object_id else None
        if order:
            extra_context = {**(extra_context or {}), **_around(order)}
        return super().changeform_view(request, object_id, form_url, extra_context)

    @display(description="Order", ordering="reference")
    def order_name(self, order: Order) -> SafeString:
        return format_html('<span class="desk-one-line">{}</span>', order.reference)

    @display(description="State", ordering="state", label=TONES)
    def state_label(self, order: Order) -> str:
        return order.get_state_display()

    @display(description="Fan", ordering="email", header=True)
    def who(self, order: Order) -> tuple[str, str]:
        return order.name, order.email

    @display(description="Units")
    def units(self, order: Order) -> int:
        return sum(line.quantity for line in order.lines.all())

    @display(description="Total", ordering="total_minor")
    def total_shown(self, order: Order) -> str:
        return str(order.total)

    @display(description="Placed", ordering="placed_at")
    def placed(self, order: Order) -> str:
        return moment_cell(order.placed_at)


def _around(order: Order) -> dict[str, Any]:
    payment: Payment | None = getattr(order, "payment", None)
    acceptances = Acceptance.objects.filter(order_ref=order.reference).select_related("rendering__version__policy")
    fan = fans.by_email(order.email)
    return {
        "order": order,
        "still_open": order.state in OPEN,
        "tone": TONES.get(order.get_state_display(), "default"),
        "lines": [(line, line.unit_price_minor * line.quantity) for line in order.lines.all()],
        "payment": payment,
        "news": _news(payment),
        "refunds": order.refunds.all(),
        "acceptances": acceptances.order_by("id"),
        "mails": Message.objects.filter(key__startswith=f"order:{order.reference}:").defer("html", "text"),
        "fan_url": reverse("admin:segments_fan_change", args=[fan.pk]) if fan else "",
        "drop_url": reverse("admin:drops_drop_change", args=[order.drop_id]),
        "same_fan_url": listing("checkout_order", q=order.email),
        "server_now": now(),
        "story": story_of(order.subject),
    }


def _news(payment: Payment | None) -> QuerySet[WebhookEvent]:
    """The doorbells that rang about this payment."""
    if payment is None:
        return WebhookEvent.objects.none()
    ids = [each for each in (payment.intent_id, payment.session_id, payment.charge_id) if each]
    return WebhookEvent.objects.filter(Q(object_id__in=ids)).defer("payload").order_by("id")[:30]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """What the payment provider told us, as it came. The worker asks the provider again before it believes it."""

    list_display = ("received", "type", "object_id", "worked_through", "outcome")
    list_display_links = ("type",)
    list_filter = (
        "type",
        ("processed_at", admin.EmptyFieldListFilter),
        ("received_at", RangeDateTimeFilter),
    )
    search_fields = ("event_id", "object_id")
    show_full_result_count = False
    fields = ("event_id", "type", "object_id", "received", "worked_through", "tries", "outcome", "payload")

    @display(description="Received", ordering="received_at")
    def received(self, event: WebhookEvent) -> str:
        return moment_cell(event.received_at)

    @display(description="Worked through", ordering="processed_at")
    def worked_through(self, event: WebhookEvent) -> str:
        return moment_cell(event.processed_at) if event.processed_at else "not yet"
