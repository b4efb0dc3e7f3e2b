"""What the provider knew before our books could show it: a refund or a dispute of a payment that nobody here had booked
yet, made by hand in its own dashboard perhaps. It waits, in the end for the payment alone."""

from datetime import datetime

from checkout.gateway import IntentView
from checkout.models import Order, WebhookEvent
from merchant.wake import wake

TOO_EARLY = "no order of ours yet"  # the outcome of such news


def act_again(order: Order, intent: IntentView, *, now: datetime) -> None:
    """The payment of a locked order is booked, in its caller's transaction: what was told about it before is acted on
    once more, however long ago it was given up; and what went back of it is looked at, if nobody had told us at all."""
    about_it = WebhookEvent.objects.filter(payload__data__object__payment_intent=intent.id, outcome=TOO_EARLY)
    woken = about_it.update(processed_at=None, due_at=now)
    if intent.refunded_minor:
        WebhookEvent.objects.bulk_create([_bell(order, intent, now)], ignore_conflicts=True)
    if woken or intent.refunded_minor:
        wake("webhooks")


def _bell(order: Order, intent: IntentView, now: datetime) -> WebhookEvent:
    """As the provider would ring. Not received now: the puller asks for what came since the newest."""
    charge = {"id": intent.charge_id, "object": "charge", "payment_intent": intent.id}
    return WebhookEvent(
        event_id=f"found:{intent.charge_id}",
        type="charge.refunded",
        object_id=intent.charge_id,
        payload={"data": {"object": charge}},
        received_at=order.placed_at,
        due_at=now,
        pulled=True,
    )
