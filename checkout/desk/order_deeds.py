"""What staff do with an order from its page: a button each, shown while it makes sense. Money moves through verbs."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from checkout import allowances, expiry, free, payments, pickup, refunds, returns, waiting_offers
from checkout.desk import dialogs
from checkout.errors import CannotGrant, CannotRefund, GatewayError, GatewayRefused, IllegalMove, NotWaiting
from checkout.models import Order, OrderState, PaymentPath, PaymentState
from checkout.orders import CANCELLABLE
from drops.models import DropState
from merchant.clock import now
from merchant.desk import PanelAdmin, actor, dialog, done


class OrderDeeds(PanelAdmin):
    """The buttons of an order's page; ``OrderAdmin`` is the page."""

    # What ends an order or forgets a person is a step away from what one presses every day.
    actions_detail = (
        "collected",
        "parcels",
        "refund",
        "ask_again",
        "send_again",
        "grant_more",
        {"title": "More", "icon": "more_horiz", "items": ["cancel", "not_collected", "take_back", "let_go", "erase"]},
    )

    def fitting(self, object_id: int) -> set[str]:
        order = Order.objects.select_related("payment", "drop").filter(pk=object_id).first()
        return _fitting(order) if order else set()

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
            pickup.collect(int(object_id), by=actor(request))
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
            ended = expiry.close(int(object_id), OrderState.CANCELLED, why=why, actor=actor(request), now=now())
        except GatewayRefused as refused:
            messages.error(request, f"The payment provider did not close it, so it stays as it is: {refused.message}")
        except GatewayError:
            messages.error(request, "The payment provider does not answer, so the order stays as it is. Try again.")
        except IllegalMove:
            messages.error(request, "It is over already.")
        else:
            freed = "Cancelled; its units go to who waits, or are on sale again."
            told = freed if ended else "It is being paid right now: look again."
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
            pickup.cancel(int(object_id), by=actor(request), why=form.cleaned_data["why"], now=now())
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
        asked = {"restock": form.cleaned_data["restock"], "why": form.cleaned_data["why"]}
        try:
            if form.order.captured_minor:
                returns.take_back(int(object_id), **asked, by=actor(request), now=now())
                messages.success(request, "Taken back.")
            else:
                free.cancel(int(object_id), **asked, by=actor(request), now=now())
                messages.success(request, "Taken back, and the fan is told.")
        except CannotRefund as refusal:
            messages.error(request, str(refusal))
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
            waiting_offers.give_money_back(
                int(object_id), why=form.cleaned_data["why"], actor=actor(request), now=now()
            )
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
        asked = payments.ask_again(int(object_id), by=actor(request), now=now())
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
                refunds.retry(refund.pk, by=actor(request), now=now())
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
        asked, line = form.cleaned_data, form.chosen
        try:
            if allowances.grant(line, asked["units"], seen=asked["seen"], actor=actor(request), why=asked["why"]):
                messages.success(request, f"{line.order.email} may order {asked['units']} more of {line.title}.")
        except CannotGrant as refusal:
            messages.error(request, str(refusal))
        return done(_page(object_id))

    @action(description="Erase the person…", icon="person_off", permissions=["checkout.erase_person"])
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reference = Order.objects.values_list("reference", flat=True).get(pk=object_id)
        return redirect(f"{reverse('admin:checkout_erasurerequest_add')}?who={reference}")


def _fitting(order: Order) -> set[str]:
    """The deeds that make sense for an order as it is now."""
    deeds = {"erase"} if order.email else set()
    if order.email and order.drop.state != DropState.CLOSED:
        deeds.add("grant_more")
    money_here = refunds.refundable(order)
    if money_here and (order.payment.intent_id or order.payment.path == PaymentPath.PICKUP):
        deeds.add("refund")
    if pickup.is_waiting(order, order.payment):
        deeds |= {"collected", "not_collected"}
    if order.state == OrderState.CONFIRMED and order.payment.path != PaymentPath.PICKUP:
        deeds.add("parcels")
    if order.payment.state == PaymentState.AUTHORISED:
        deeds.add("let_go")
    if free.may_be_cancelled(order, order.payment) or (not money_here and returns.may_be_taken_back(order)):
        deeds.add("take_back")
    if order.state in CANCELLABLE:
        deeds.add("cancel")
    if payments.may_be_asked(order, order.payment, now()):
        deeds.add("ask_again")
    if refunds.may_go_again(order):
        deeds.add("send_again")
    return deeds


def _page(object_id: str) -> str:
    return reverse("admin:checkout_order_change", args=[object_id])
