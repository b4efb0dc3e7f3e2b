"""Orders at the desk: everything about one on a page, all of it read-only. Money moves through verbs, not forms."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from checkout import allowances, expiry, free, payments, pickup, provider_words, refunds, waiting_offers
from checkout.after_sale import DelayNotice, FanRequest
from checkout.after_sale_queries import after_sale_view
from checkout.desk import (
    conversion,
    dialogs,
    disputes,
    privacy,
    refunding,
    requests,
    rule_tester,
    shared_card,
    ship_dates,
    shipping,
    trouble as trouble_page,
)
from checkout.desk.filters import NewsFilter
from checkout.desk.totals import DiscountAdmin, PickupPointAdmin, ShippingZoneAdmin, TaxRateAdmin
from checkout.desk.waiting import WaitingPlaceAdmin
from checkout.errors import CannotRefund, GatewayError, IllegalMove, NotWaiting
from checkout.models import (
    CardInDrop,
    Dispute,
    MoneyState,
    Order,
    OrderState,
    Payment,
    PaymentPath,
    PaymentState,
    WebhookEvent,
)
from checkout.orders import OPEN, TIMED
from checkout.privacy_models import ErasureRequest, RetentionPeriod
from checkout.waiting_models import WaitingPlace
from drops.models import DropState
from merchant import journal
from merchant.clock import now
from merchant.desk import ReadOnlyAdmin, dialog, done, listing, moment_cell, story_of
from policies.models import Acceptance
from policies.rules_models import Decision
from segments import fans
from segments.models import Message

__all__ = [
    "DiscountAdmin",
    "OrderAdmin",
    "PickupPointAdmin",
    "ShippingZoneAdmin",
    "TaxRateAdmin",
    "WebhookEventAdmin",
]

TONES = {
    OrderState.PLACED.label: "info",
    OrderState.AUTHORISING.label: "info",
    OrderState.PROCESSING.label: "info",
    OrderState.ACTION_REQUIRED.label: "warning",
    OrderState.DEFERRED.label: "warning",
    OrderState.CONFIRMED.label: "success",
    OrderState.LATE_PAID.label: "danger",
}
MONEY_TONES = {
    MoneyState.PARTLY_REFUNDED: "info",
    MoneyState.REFUNDED: "warning",
    MoneyState.DISPUTED: "danger",
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
    actions_detail = (
        "collected",
        "parcels",
        "refund",
        "cancel",
        "not_collected",
        "take_back",
        "let_go",
        "ask_again",
        "send_again",
        "grant_more",
        "erase",
    )
    change_form_outer_before_template = "desk/order.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        orders: QuerySet[Order] = super().get_queryset(request)
        return orders.select_related("drop").prefetch_related("lines")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return []  # the panels show it all

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("conversion/", view(conversion.page), name="checkout_order_conversion"),
            path("rules/", view(rule_tester.page), name="checkout_order_rule_tester"),
            path("trouble/", view(trouble_page.page), name="checkout_order_trouble"),
            path("trouble/card/<int:card_id>/", view(shared_card.page), name="checkout_order_shared_card"),
            path("trouble/<slug:slug>/", view(trouble_page.deed), name="checkout_order_trouble_deed"),
            path("<int:order_id>/parcels/", view(shipping.page), name="checkout_order_parcels"),
            path("<int:order_id>/refund/", view(refunding.page), name="checkout_order_refund"),
        ]
        return [*own, *super().get_urls()]

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        order = Order.objects.select_related("payment", "drop").filter(pk=object_id).first()
        fitting = {f"checkout_order_{name}" for name in _fitting(order)} if order else set()
        return [each for each in super().get_actions_detail(request, object_id) if each.action_name in fitting]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        order = (
            Order.objects.select_related("drop", "payment", "erased").filter(pk=object_id).first()
            if object_id
            else None
        )
        if order:
            extra_context = {**(extra_context or {}), **_around(order)}
        return super().changeform_view(request, object_id, form_url, extra_context)

    @action(
        description="Collected and paid",
        url_path="collected",
        icon="storefront",
        variant=ActionVariant.PRIMARY,
        permissions=["checkout.refund_order"],
        dialog=dialog("Collected and paid", dialogs.CollectDialog, "It is paid and handed over"),
    )
    def collected(self, request: HttpRequest, form: dialogs.CollectDialog, object_id: str) -> HttpResponse:
        try:
            pickup.collect(int(object_id), by=_by(request), now=now())
        except IllegalMove:
            messages.error(request, "It is not waiting to be paid at pick-up any more.")
        else:
            messages.success(request, "Paid and handed over.")
        return done(_page(object_id))

    @action(description="Parcels…", icon="local_shipping", permissions=["checkout.ship_order"])
    def parcels(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:checkout_order_parcels", object_id)

    @action(description="Refund…", icon="undo", permissions=["checkout.refund_order"])
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:checkout_order_refund", object_id)

    @action(
        description="Cancel this order",
        url_path="cancel",
        icon="cancel",
        variant=ActionVariant.DANGER,
        permissions=["checkout.refund_order"],
        dialog=dialog("Cancel this order", dialogs.CancelDialog, "Cancel this order"),
    )
    def cancel(self, request: HttpRequest, form: dialogs.CancelDialog, object_id: str) -> HttpResponse:
        why = form.cleaned_data["why"]
        try:
            ended = expiry.close(int(object_id), OrderState.CANCELLED, why=why, actor=_by(request), now=now())
        except GatewayError:
            messages.error(request, "The payment provider does not answer, so the order stays as it is. Try again.")
        except IllegalMove:
            messages.error(request, "It is over already.")
        else:
            told = "Cancelled; its units are on sale again." if ended else "It is being paid right now: look again."
            messages.add_message(request, messages.SUCCESS if ended else messages.WARNING, told)
        return done(_page(object_id))

    @action(
        description="Nobody collects it",
        url_path="not-collected",
        icon="cancel",
        variant=ActionVariant.DANGER,
        permissions=["checkout.refund_order"],
        dialog=dialog("Nobody collects it", dialogs.UncollectedDialog, "Cancel this order"),
    )
    def not_collected(self, request: HttpRequest, form: dialogs.UncollectedDialog, object_id: str) -> HttpResponse:
        try:
            pickup.cancel(int(object_id), by=_by(request), why=form.cleaned_data["why"], now=now())
            messages.success(request, "Cancelled; its units go to who waits, or are on sale again.")
        except IllegalMove:
            messages.error(request, "It is not waiting to be paid at pick-up any more.")
        return done(_page(object_id))

    @action(
        description="Take the units back",
        url_path="take-back",
        icon="undo",
        variant=ActionVariant.DANGER,
        permissions=["checkout.refund_order"],
        dialog=dialog("Take the units back", dialogs.FreeDialog, "Take them back"),
    )
    def take_back(self, request: HttpRequest, form: dialogs.FreeDialog, object_id: str) -> HttpResponse:
        asked = form.cleaned_data
        try:
            free.cancel(int(object_id), restock=asked["restock"], by=_by(request), why=asked["why"], now=now())
            messages.success(request, "Taken back, and the fan is told.")
        except IllegalMove:
            messages.error(request, "It was taken back before.")
        return done(_page(object_id))

    @action(
        description="Let the amount go",
        url_path="let-go",
        icon="lock_open",
        variant=ActionVariant.DANGER,
        permissions=["checkout.refund_order"],
        dialog=dialog("Let the amount go", dialogs.LetGoDialog, "Let it go"),
    )
    def let_go(self, request: HttpRequest, form: dialogs.LetGoDialog, object_id: str) -> HttpResponse:
        try:
            waiting_offers.give_money_back(int(object_id), why=form.cleaned_data["why"], actor=_by(request), now=now())
            messages.success(request, "The bank is told; the fan gets an e-mail once it is done.")
        except NotWaiting:
            messages.error(request, "It does not wait any more.")
        return done(_page(object_id))

    @action(
        description="Ask the provider again",
        url_path="ask",
        icon="sync",
        permissions=["checkout.refund_order"],
        dialog=dialog("Ask the provider again", dialogs.AskDialog, "Ask now"),
    )
    def ask_again(self, request: HttpRequest, form: dialogs.AskDialog, object_id: str) -> HttpResponse:
        asked = payments.ask_again(int(object_id), by=_by(request), now=now())
        messages.info(request, "Asked; the answer comes in seconds." if asked else "There is nothing to ask right now.")
        return done(_page(object_id))

    @action(
        description="Send the failed refund again",
        url_path="send-again",
        icon="redo",
        permissions=["checkout.refund_order"],
        dialog=dialog("Send the failed refund again", dialogs.RetryDialog, "Send it again"),
    )
    def send_again(self, request: HttpRequest, form: dialogs.RetryDialog, object_id: str) -> HttpResponse:
        try:
            for refund in refunds.may_go_again(form.order):
                refunds.retry(refund.pk, by=_by(request), now=now())
        except CannotRefund as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "On its way again.")
        return done(_page(object_id))

    @action(
        description="Allow more",
        url_path="grant",
        icon="add_shopping_cart",
        permissions=["checkout.change_allowance"],
        dialog=dialog("Let this person order more", dialogs.GrantDialog, "Allow it"),
    )
    def grant_more(self, request: HttpRequest, form: dialogs.GrantDialog, object_id: str) -> HttpResponse:
        order, asked = form.order, form.cleaned_data
        line = order.lines.select_related("offer").get(pk=asked["line"])
        person = allowances.contact_of(order)
        allowances.grant(line.offer, person, asked["units"], actor=_by(request), why=asked["why"])
        messages.success(request, f"{order.email} may order {asked['units']} more of {line.title}.")
        return done(_page(object_id))

    @action(description="Erase the person…", icon="person_off", permissions=["checkout.erase_person"])
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reference = Order.objects.values_list("reference", flat=True).get(pk=object_id)
        return redirect(f"{reverse('admin:checkout_erasurerequest_add')}?who={reference}")

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


def _fitting(order: Order) -> set[str]:
    """The deeds that make sense for an order as it is now."""
    deeds = {"erase"} if order.email else set()
    if order.email and order.drop.state != DropState.CLOSED:
        deeds.add("grant_more")
    if refunds.refundable(order) and (order.payment.intent_id or order.payment.path == PaymentPath.PICKUP):
        deeds.add("refund")
    if pickup.is_waiting(order, order.payment):
        deeds |= {"collected", "not_collected"}
    if order.state == OrderState.CONFIRMED and order.payment.path != PaymentPath.PICKUP:
        deeds.add("parcels")
    if order.payment.state == PaymentState.AUTHORISED:
        deeds.add("let_go")
    if free.may_be_cancelled(order, order.payment):
        deeds.add("take_back")
    if order.state in TIMED:
        deeds.add("cancel")
    if payments.may_be_asked(order, order.payment, now()):
        deeds.add("ask_again")
    if refunds.may_go_again(order):
        deeds.add("send_again")
    return deeds


def _by(request: HttpRequest) -> str:
    return journal.staff(request.user.get_username())


def _page(object_id: str) -> str:
    return reverse("admin:checkout_order_change", args=[object_id])


def _around(order: Order) -> dict[str, Any]:
    payment: Payment | None = getattr(order, "payment", None)
    acceptances = Acceptance.objects.filter(order_ref=order.reference).select_related("rendering__version__policy")
    fan = fans.by_email(order.email) if order.email else None
    return {
        "order": order,
        "still_open": order.state in OPEN,
        "tone": TONES.get(order.get_state_display(), "default"),
        "lines": [(line, line.unit_price_minor * line.quantity) for line in order.lines.all()],
        "redemptions": order.redemptions.all() if order.discount_minor else [],
        "payment": payment,
        "shared_card": _shared_card(order, payment),
        "news": _news(payment),
        "refunds": order.refunds.all(),
        "surpluses": order.surpluses.all(),
        "disputes": order.disputes.all(),
        "after": after_sale_view(order, now()),
        "money_tone": MONEY_TONES.get(order.money_state),
        "acceptances": acceptances.order_by("rendering__version__policy__position", "rendering__version__policy", "id"),
        "decision": Decision.objects.filter(order_ref=order.reference).first(),
        "mails": Message.objects.filter(key__startswith=f"order:{order.reference}:").defer("html", "text"),
        "fan_url": reverse("admin:segments_fan_change", args=[fan.pk]) if fan else "",
        "drop_url": reverse("admin:drops_drop_change", args=[order.drop_id]),
        "same_fan_url": listing("checkout_order", q=order.email),
        "erased": getattr(order, "erased", None),
        "server_now": now(),
        "story": story_of(order.subject),
    }


def _shared_card(order: Order, payment: Payment | None) -> CardInDrop | None:
    if payment is None or not payment.card_key:
        return None
    flagged = CardInDrop.objects.filter(drop_id=order.drop_id, card_key=payment.card_key, flagged_at__isnull=False)
    return flagged.first()


def _news(payment: Payment | None) -> QuerySet[WebhookEvent]:
    """The doorbells that rang about this payment."""
    if payment is None:
        return WebhookEvent.objects.none()
    ids = [each for each in (payment.intent_id, payment.session_id, payment.charge_id) if each]
    return WebhookEvent.objects.filter(Q(object_id__in=ids)).defer("payload").order_by("id")[:30]


admin.site.register(WaitingPlace, WaitingPlaceAdmin)
admin.site.register(ErasureRequest, privacy.ErasureAdmin)
admin.site.register(RetentionPeriod, privacy.RetentionAdmin)


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """What the payment provider told us, as it came. The worker asks the provider again before it believes it."""

    when_empty = "What the payment provider tells the shop is kept here."
    list_display = ("received", "told", "object_id", "worked_through", "outcome")
    list_display_links = ("received", "told")
    list_filter = (
        ("type", NewsFilter),
        ("processed_at", admin.EmptyFieldListFilter),
        ("received_at", RangeDateTimeFilter),
    )
    search_fields = ("event_id", "object_id")
    show_full_result_count = False
    fields = ("told", "event_id", "type", "object_id", "received", "worked_through", "tries", "outcome", "payload")

    @display(description="Received", ordering="received_at")
    def received(self, event: WebhookEvent) -> str:
        return moment_cell(event.received_at)

    @display(description="What it tells", ordering="type")
    def told(self, event: WebhookEvent) -> str:
        return provider_words.event(event.type)

    @display(description="Worked through", ordering="processed_at")
    def worked_through(self, event: WebhookEvent) -> str:
        return moment_cell(event.processed_at) if event.processed_at else "not yet"


admin.site.register(Dispute, disputes.DisputeAdmin)
admin.site.register(FanRequest, requests.FanRequestAdmin)
admin.site.register(DelayNotice, ship_dates.DelayNoticeAdmin)
