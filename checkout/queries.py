"""What an order's page and its e-mails read."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.urls import reverse

from checkout.contact import country_name
from checkout.models import Order, OrderState, Payment, PaymentPath, Redemption
from checkout.orders import has_no_card, held_until, may_pay_elsewhere, waits_for_fan
from checkout.stories import FIRST_IN_LINE, FIRST_IN_LINE_UNCHARGED, TIME_IS_UP, Tone
from checkout.telling import cards_used_up, deeds_of, needs_bank, story_of, timeline_of, words_of
from checkout.tokens import hashed, order_token
from policies.models import Acceptance

POLLED = (OrderState.PLACED, OrderState.AUTHORISING, OrderState.DEFERRED, OrderState.ACTION_REQUIRED)


@dataclass(frozen=True, slots=True)
class OrderLineView:
    title: str
    quantity: int
    total_minor: int


class AcceptedPolicy(NamedTuple):
    id: str
    title: str
    url: str
    accepted: bool | None
    number: int
    sha256: str  # of the very bytes that were shown


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as its fan sees it. Amounts in minor units of ``currency``."""

    reference: str
    state: str
    token: str
    headline: str
    explanation: str
    next_step: str
    tone: Tone
    timeline: tuple[tuple[datetime, str], ...]
    lines: tuple[OrderLineView, ...]
    subtotal_minor: int
    shipping_title: str
    shipping_minor: int
    discount_minor: int
    discounts: tuple[Redemption, ...]
    tax_minor: int
    tax_added_minor: int
    tax_title: str
    total_minor: int
    refunded_minor: int
    currency: str
    email: str
    address_lines: tuple[str, ...]
    hold_expires_at: datetime | None
    policies: tuple[AcceptedPolicy, ...]
    pay_url: str | None
    cards_used_up: bool
    other_way_url: str | None
    can_cancel: bool
    can_have_money_back: bool
    can_be_let_go: bool
    can_order_again: bool
    needs_bank: bool
    poll: bool
    drop_slug: str
    drop_title: str
    server_now: datetime


def order_by_token(token: str) -> Order | None:
    """The order whose secret this is."""
    found = Order.objects.select_related("drop", "payment")
    return found.filter(token_hash=hashed(token)).first()


def order_view(order: Order, now: datetime) -> OrderView:
    """Everything the order's page and its e-mails say. Four queries besides the order's own, and one for discounts."""
    payment = order.payment
    until = held_until(order, payment, now)
    deeds, late, over = deeds_of(order), until > order.hold_expires_at, order.state in POLLED and until <= now
    story = TIME_IS_UP if over else story_of(order, payment, deeds, late=late)
    words = words_of(order, payment, until, now)
    open_and_waiting = waits_for_fan(order, payment) and not over
    used_up = open_and_waiting and cards_used_up(payment)
    return OrderView(
        reference=order.reference,
        state=order.state,
        token=order_token(order.token_nonce),
        headline=story.headline.format(**words),
        explanation=story.explanation.format(**words).strip(),
        next_step=story.next_step.format(**words),
        tone=story.tone,
        timeline=timeline_of(order, payment, deeds),
        lines=tuple(
            OrderLineView(line.title, line.quantity, line.unit_price_minor * line.quantity)
            for line in order.lines.all()
        ),
        subtotal_minor=order.subtotal_minor,
        shipping_title=order.shipping_title,
        shipping_minor=order.shipping_minor,
        discount_minor=order.discount_minor,
        discounts=tuple(order.redemptions.all()) if order.discount_minor else (),
        tax_minor=order.tax_minor,
        tax_added_minor=order.tax_added_minor,
        tax_title=order.tax_title,
        total_minor=order.total_minor,
        refunded_minor=order.refunded_minor,
        currency=order.currency,
        email=order.email,
        address_lines=_address_lines(order) if payment.path != PaymentPath.PICKUP else (),
        hold_expires_at=until if order.state in POLLED and not over else None,
        policies=_policies(order),
        pay_url=_pay_path(order) if open_and_waiting and not (used_up or needs_bank(payment)) else None,
        cards_used_up=used_up,
        other_way_url=_other_way(order, payment),
        can_cancel=late
        or has_no_card(order, payment)
        or order.state in (OrderState.ACTION_REQUIRED, OrderState.DEFERRED),
        can_have_money_back=story is FIRST_IN_LINE,
        can_be_let_go=story is FIRST_IN_LINE_UNCHARGED,
        can_order_again=order.state in (OrderState.EXPIRED, OrderState.CANCELLED),
        needs_bank=open_and_waiting and needs_bank(payment),
        poll=order.state in POLLED,
        drop_slug=order.drop.slug,
        drop_title=order.drop.title,
        server_now=now,
    )


def _other_way(order: Order, payment: Payment) -> str | None:
    """Instead of the bank's question, or of the card that could not be asked about: the provider's page."""
    tried = order.state == OrderState.DEFERRED or needs_bank(payment)
    return _pay_path(order) if tried and may_pay_elsewhere(order, payment) else None


def _pay_path(order: Order) -> str:
    return reverse("checkout:pay", args=[order_token(order.token_nonce)])


def _address_lines(order: Order) -> tuple[str, ...]:
    address = order.address
    town = " ".join(filter(None, [address.get("postal_code"), address.get("city"), address.get("region")]))
    lines = [order.name, address.get("line1"), address.get("line2"), town, country_name(address.get("country", ""))]
    return tuple(line for line in lines if line)


def _policies(order: Order) -> tuple[AcceptedPolicy, ...]:
    stands = Acceptance.objects.filter(order_ref=order.reference, replaced=False)
    accepted = stands.select_related("rendering__version__policy")
    return tuple(
        AcceptedPolicy(
            id=one.rendering.version.ref,
            title=one.rendering.version.policy.title,
            url=reverse("policies:version", args=[one.rendering.version.policy.slug, one.rendering.version.number]),
            accepted=one.accepted,
            number=one.rendering.version.number,
            sha256=one.rendering.sha256,
        )
        for one in accepted.order_by("pk")
    )
