"""Everything about one order, for the panels of its page."""

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from checkout.after_sale_queries import after_sale_view
from checkout.models import CardInDrop, MoneyState, Order, OrderState, Payment, WebhookEvent
from checkout.orders import OPEN
from merchant.clock import now
from merchant.desk import listing, story_of
from policies.models import Acceptance
from policies.rules_models import Decision
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
MONEY_TONES = {
    MoneyState.PARTLY_REFUNDED: "info",
    MoneyState.REFUNDED: "warning",
    MoneyState.DISPUTED: "danger",
}


def around(order: Order) -> dict[str, Any]:
    """What ``desk/order.html`` shows of an order, its drop and its fan."""
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
