"""The messages an order sends, each planned once by its key in the transaction of the deed it tells about."""

from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings
from django.utils import timezone

from checkout.addresses import order_url, pay_url
from checkout.models import Order, OrderState, Payment, PaymentPath, Refund, Surplus
from checkout.queries import order_view
from merchant.clock import now
from merchant.money import Money
from merchant.store import current_store, store_zone
from segments import delivery, fans, footprints
from segments.models import FootprintKind


def confirmed(order: Order) -> None:
    """A receipt, and the footprint of a purchase that segments are made of."""
    _plan(order, "confirmed", f"Confirmed: {order.drop.title} ({order.reference})")
    bought(order)


def to_pick_up(order: Order) -> None:
    """Where and until when; the purchase itself is when it is paid."""
    _plan(order, "pickup", f"Waiting for you: {order.drop.title} ({order.reference})")


def bought(order: Order) -> None:
    """The footprint of a purchase."""
    address = order.address
    fan = fans.find_or_create(
        order.email,
        name=order.name,
        phone=order.phone,
        country=address.get("country", ""),
        region=address.get("region", ""),
    )
    footprints.leave(
        fan,
        FootprintKind.PURCHASED,
        f"drop:{order.drop.slug}",
        key=f"order:{order.reference}:purchased",
        amount_minor=order.total_minor,
    )


def please_pay(order: Order, payment: Payment) -> None:
    """The link to the payment page, once for each card and each page of the provider's that was tried."""
    tried = [payment.attempt, payment.session_number] if payment.session_number else [payment.attempt]
    _plan(order, "pay", f"One step left for {order.reference}", key=":".join(map(str, ["pay", *tried])))


def deferred(order: Order, payment: Payment) -> None:
    _plan(order, "deferred", f"We are holding {order.reference} for you")


def ended(order: Order) -> None:
    subject = "Cancelled" if order.state == OrderState.CANCELLED else "Your hold ended"
    _plan(order, "expired", f"{subject}: {order.reference}")


def let_go(order: Order) -> None:
    """An order that ended once, and whose late yes of a bank was not wanted after all: that is another end."""
    _plan(order, "expired", f"You are not charged: {order.reference}", key="let_go")


def waiting(order: Order) -> None:
    """Paid too late, and at the head of the waiting list: what that means, and until when."""
    _plan(order, "waiting", f"You are first in line: {order.reference}")


def refunding(order: Order) -> None:
    _plan(order, "refunding", f"Your money is on its way back: {order.reference}")


def paid_twice(order: Order, surplus: Surplus) -> None:
    """Once, when it is found: who sees two payments in their bank must not have to ask."""
    subject = f"You paid twice, one payment is on its way back: {order.reference}"
    _plan(order, "paid_twice", subject, key=f"paid_twice:{surplus.pk}", surplus_minor=surplus.captured_minor)


def refunded(order: Order, refund: Refund) -> None:
    """Once a refund, when the provider has made it."""
    amount = Money(refund.amount_minor, order.currency)
    hand = order.payment.path == PaymentPath.PICKUP
    subject = f"{amount} {'given back' if hand else 'on its way back'}: {order.reference}"
    said = {"refund_minor": refund.amount_minor, "by_hand": int(hand)}
    _plan(order, "refunded", subject, key=f"refunded:{refund.pk}", **said)


def after_sale(
    order: Order,
    key: str,
    subject: str,
    *,
    headline: str,
    said: Sequence[str],
    quoted: str = "",
    to: str = "",
    action: str = "See your order",
) -> None:
    """A mail about parcels, requests and dates: a headline, paragraphs and, in full, what the fan had written.

    ``action``: what its button, which leads to the order's page, says.
    """
    if not (to or order.email):  # its person was erased: there is nobody to write to
        return
    with timezone.override(store_zone()):
        view = replace(order_view(order, now()), headline=headline, explanation=said[0])
    delivery.plan(
        f"order:{order.reference}:{key}",
        kind=f"order_{key.partition(':')[0]}",
        to=to or order.email,
        subject=f"{subject} · {current_store().name}",
        template="checkout/email/after_sale",
        context={
            "order": view,
            "order_url": order_url(order),
            "shop_url": settings.PUBLIC_URL,
            "said": said,
            "quoted": quoted,
            "action": action,
        },
    )


def _plan(order: Order, name: str, subject: str, *, key: str = "", **said: int) -> None:
    if not order.email:  # its person was erased: there is nobody to write to
        return
    with timezone.override(store_zone()):  # a worker has no zone of its own, and the order's words name times
        view = order_view(order, now())
    delivery.plan(
        f"order:{order.reference}:{key or name}",
        kind=f"order_{name}",
        to=order.email,
        subject=f"{subject} · {current_store().name}",
        template=f"checkout/email/{name}",
        context={
            "order": view,
            "order_url": order_url(order),
            "pay_url": pay_url(order),
            "shop_url": settings.PUBLIC_URL,
            **said,
        },
    )
