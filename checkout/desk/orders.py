"""Orders at the desk: everything about one on a page, all of it read-only."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from checkout.desk import amount, conversion, refunding, rule_tester, shared_card, shipping, trouble
from checkout.desk.order_deeds import OrderDeeds
from checkout.desk.order_panels import TONES, around
from checkout.models import Order
from merchant.desk import moment_cell


class PaymentFilter(ChoicesCheckboxFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "payment"


class RefundFilter(ChoicesCheckboxFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "refund"


class OrderAdmin(OrderDeeds):
    when_empty = "Orders come here as soon as a drop sells."
    list_display = ("order_name", "state_label", "drop", "who", "units", "total_shown", "placed")
    list_display_links = ("order_name",)
    list_filter = (
        ("state", ChoicesCheckboxFilter),
        ("drop", RelatedDropdownFilter),
        ("payment__state", PaymentFilter),
        ("refunds__state", RefundFilter),
        ("placed_at", RangeDateTimeFilter),
    )
    search_fields = (
        *("reference", "email", "name"),
        *("payment__intent_id", "payment__charge_id", "surpluses__intent_id"),
    )
    search_help_text = "Reference, e-mail, name, or the payment provider's id"
    show_full_result_count = False
    change_form_outer_before_template = "desk/order.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        orders: QuerySet[Order] = super().get_queryset(request)
        return orders.select_related("drop").prefetch_related("lines")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("conversion/", view(conversion.page), name="checkout_order_conversion"),
            path("rules/", view(rule_tester.page), name="checkout_order_rule_tester"),
            path("trouble/", view(trouble.page), name="checkout_order_trouble"),
            path("trouble/amount/<int:row_id>/", view(amount.page), name="checkout_order_amount"),
            path("trouble/card/<int:card_id>/", view(shared_card.page), name="checkout_order_shared_card"),
            path("trouble/<slug:slug>/", view(trouble.group), name="checkout_order_trouble_group"),
            path("<int:order_id>/parcels/", view(shipping.page), name="checkout_order_parcels"),
            path("<int:order_id>/refund/", view(refunding.page), name="checkout_order_refund"),
        ]
        return [*own, *super().get_urls()]

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        found = Order.objects.select_related("drop", "payment", "erased", "amount_differs")
        order = found.filter(pk=object_id).first()
        return around(order) if order else {}

    @display(description="Order", ordering="reference")
    def order_name(self, order: Order) -> SafeString:
        return format_html('<span class="desk-one-line">{}</span>', order.reference)

    @display(description="State", ordering="state", label=TONES)
    def state_label(self, order: Order) -> str:
        return order.get_state_display()

    @display(description="Fan", ordering="email", header=True)
    def who(self, order: Order) -> tuple[str, str]:
        return order.name or "Erased", order.email

    @display(description="Units")
    def units(self, order: Order) -> int:
        return sum(line.quantity for line in order.lines.all())

    @display(description="Total", ordering="total_minor")
    def total_shown(self, order: Order) -> str:
        return str(order.total)

    @display(description="Placed", ordering="placed_at")
    def placed(self, order: Order) -> str:
        return moment_cell(order.placed_at)
