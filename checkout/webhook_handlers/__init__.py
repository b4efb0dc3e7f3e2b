"""Which events concern us, and the one function that acts on each. Every handler re-reads; none believes the payload.

A handler gets the event's object and the time; it returns what it did, or None when the order cannot be seen yet.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from checkout.webhook_handlers import charge, checkout_session, dispute, payment_intent, refund

Handler = Callable[[dict[str, Any], datetime], str | None]

HANDLERS: dict[str, Handler] = {
    "payment_intent.succeeded": payment_intent.changed,
    "payment_intent.payment_failed": payment_intent.changed,
    "payment_intent.processing": payment_intent.changed,
    "payment_intent.requires_action": payment_intent.changed,
    "payment_intent.amount_capturable_updated": payment_intent.changed,
    "payment_intent.canceled": payment_intent.changed,
    "checkout.session.completed": checkout_session.changed,
    "checkout.session.expired": checkout_session.changed,
    "checkout.session.async_payment_succeeded": checkout_session.changed,
    "checkout.session.async_payment_failed": checkout_session.changed,
    "refund.created": refund.changed,
    "refund.updated": refund.changed,
    "refund.failed": refund.changed,
    "charge.refunded": charge.refunded,
    "charge.dispute.created": dispute.changed,
    "charge.dispute.updated": dispute.changed,
    "charge.dispute.funds_withdrawn": dispute.changed,
    "charge.dispute.funds_reinstated": dispute.changed,
    "charge.dispute.closed": dispute.changed,
}
