"""What the pages read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from django.urls import reverse

from checkout.carts import clock_of, holds_units
from checkout.contact import country_name
from checkout.models import WITHOUT_PROVIDER, Cart, Order, OrderState, Payment, PaymentPath, PaymentState, Redemption
from checkout.orders import OPEN, held_until, may_pay_elsewhere
from checkout.pricing import picture_url
from checkout.stories import (
    CARD_DECLINED,
    FIRST_IN_LINE,
    FIRST_IN_LINE_UNCHARGED,
    FREE_OF_CHARGE,
    GIVEN_BACK,
    HAD_AGAIN,
    LETTING_GO,
    NEEDS_BANK,
    NOT_COLLECTED,
    NOT_KEPT,
    OUR_DELAYS,
    PARTLY_REFUNDED,
    PICKED_UP,
    REFUNDED,
    SET_ASIDE,
    STORIES,
    TIMELINE,
    TIMELINES,
    TO_PICK_UP,
    Story,
    Tone,
)
from checkout.tokens import hashed, order_token
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Drop, DropState, StockItem
from merchant.models import JournalEntry
from merchant.money import Money
from merchant.templatetags.shop import clock
from policies.models import Acceptance

PICKUP_STORIES: dict[str, Story] = {OrderState.CONFIRMED: TO_PICK_UP, OrderState.CANCELLED: NOT_COLLECTED}
WARNED_BEFORE = timedelta(minutes=2)  # WCAG 2.2.1 asks for 20 seconds; a card takes longer
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


@dataclass(frozen=True, slots=True)
class HoldView:
    """The time a cart has left. ``keep_minutes``: how much the fan may have more from ``warn_at`` on; 0 at the cap."""

    until: datetime | None = None
    ended: bool = False
    warn_at: datetime | None = None
    keep_minutes: int = 0


@dataclass(frozen=True, slots=True)
class CartLineView:
    sku: str
    title: str
    picture_url: str
    quantity: int
    limit: int
    unit_minor: int
    total_minor: int
    currency: str
    available: int


@dataclass(frozen=True, slots=True)
class CartView:
    lines: tuple[CartLineView, ...]
    subtotal_minor: int
    currency: str
    hold: HoldView
    server_now: datetime


def order_by_token(token: str) -> Order | None:
    """The order whose secret this is."""
    found = Order.objects.select_related("drop", "payment")
    return found.filter(token_hash=hashed(token)).first()


def order_view(order: Order, now: datetime) -> OrderView:
    """Everything the order's page and its e-mails say. Four queries besides the order's own, and one for discounts."""
    payment = order.payment
    until = held_until(order, payment, now)
    deeds, late = _deeds(order), until > order.hold_expires_at
    story = _story(order, payment, deeds, late=late)
    words = _words(order, payment, until, now)
    open_and_waiting = order.state in OPEN and payment.state == PaymentState.AWAITING_FAN
    return OrderView(
        reference=order.reference,
        state=order.state,
        token=order_token(order.token_nonce),
        headline=story.headline.format(**words),
        explanation=story.explanation.format(**words).strip(),
        next_step=story.next_step.format(**words),
        tone=story.tone,
        timeline=_timeline(order, payment, deeds),
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
        hold_expires_at=until if order.state in POLLED else None,
        policies=_policies(order),
        pay_url=_pay_path(order) if open_and_waiting and not _needs_bank(payment) else None,
        other_way_url=_other_way(order, payment),
        can_cancel=late or order.state in (OrderState.ACTION_REQUIRED, OrderState.DEFERRED),
        can_have_money_back=story is FIRST_IN_LINE,
        can_be_let_go=story is FIRST_IN_LINE_UNCHARGED,
        can_order_again=order.state in (OrderState.EXPIRED, OrderState.CANCELLED),
        needs_bank=open_and_waiting and _needs_bank(payment),
        poll=order.state in POLLED,
        drop_slug=order.drop.slug,
        drop_title=order.drop.title,
        server_now=now,
    )


def cart_view(cart: Cart | None, drop: Drop, now: datetime) -> CartView:
    """The cart's page. Two queries."""
    lines = _cart_lines(cart) if cart else ()
    return CartView(
        lines=lines,
        subtotal_minor=sum(line.total_minor for line in lines),
        currency=lines[0].currency if lines else "",
        hold=hold_view(cart, drop, now) if cart and lines else HoldView(),
        server_now=now,
    )


def hold_view(cart: Cart, drop: Drop, now: datetime) -> HoldView:
    """What a cart with something in it is told of its time. No query."""
    if not holds_units(cart, drop):
        return HoldView()
    if cart.expires_at is None or cart.expires_at <= now:
        return HoldView(ended=True)
    warn_at = max(cart.expires_at - WARNED_BEFORE, now)
    longer = min(warn_at + timedelta(minutes=drop.hold_minutes), clock_of(cart, drop, now).hard_cap_at)
    minutes = int((longer - warn_at) / timedelta(minutes=1)) if longer > cart.expires_at else 0
    return HoldView(until=cart.expires_at, warn_at=warn_at, keep_minutes=minutes)


def _story(order: Order, payment: Payment, deeds: Sequence[JournalEntry], *, late: bool) -> Story:
    if late:  # no worker came to say so
        return STORIES[OrderState.DEFERRED]
    if payment.path in WITHOUT_PROVIDER and order.state in (OrderState.CONFIRMED, OrderState.CANCELLED):
        return _story_without_provider(order, payment)
    if order.state == OrderState.ACTION_REQUIRED:
        return _story_of_the_fans_step(payment)
    if payment.is_authorised and order.state in (OrderState.AUTHORISING, OrderState.LATE_PAID):
        return _story_of_what_is_set_aside(order, payment)
    if order.state == OrderState.CONFIRMED and order.refunded_minor:
        return PARTLY_REFUNDED if order.refunded_minor < order.captured_minor else REFUNDED
    return _story_of_what_came_late(order, deeds) or STORIES[order.state]


def _story_of_what_is_set_aside(order: Order, payment: Payment) -> Story:
    if order.state == OrderState.AUTHORISING:
        return SET_ASIDE
    if payment.state == PaymentState.DUE:
        return HAD_AGAIN
    return FIRST_IN_LINE_UNCHARGED if _refund_by(order) else LETTING_GO


def _story_of_what_came_late(order: Order, deeds: Sequence[JournalEntry]) -> Story | None:
    """The fan's money, our provider's answer, or we ourselves."""
    if order.state == OrderState.EXPIRED:
        return OUR_DELAYS.get(_state_before(OrderState.EXPIRED, deeds))
    return FIRST_IN_LINE if _refund_by(order) else None


def _state_before(state: OrderState, deeds: Sequence[JournalEntry]) -> str:
    """What the order was when it went into ``state`` last: whose turn it was. Empty where the journal does not tell."""
    states = [deed.verb for deed in deeds if deed.verb in OrderState.values]
    return next((before for before, verb in reversed(list(pairwise(states))) if verb == state), "")


def _refund_by(order: Order) -> datetime | None:
    """For an order that was paid too late and waits at the head of the list: when its money goes back."""
    if order.state != OrderState.LATE_PAID:
        return None
    waiting = WaitingPlace.objects.filter(order=order, state=PlaceState.WAITING)
    return waiting.values_list("refund_by", flat=True).first()


def _story_without_provider(order: Order, payment: Payment) -> Story:
    if _was_not_kept(order, payment):
        return NOT_KEPT
    if payment.path == PaymentPath.FREE:
        return FREE_OF_CHARGE
    if payment.state == PaymentState.PAID:
        return GIVEN_BACK if order.refunded_minor else PICKED_UP
    return PICKUP_STORIES[order.state]


def _was_not_kept(order: Order, payment: Payment) -> bool:
    """The shop's own doing: given away for nothing, or to be picked up and the date had not come."""
    early = order.state_since < order.hold_expires_at
    without = payment.path == PaymentPath.FREE or (payment.path == PaymentPath.PICKUP and early)
    return order.state == OrderState.CANCELLED and without


def _story_of_the_fans_step(payment: Payment) -> Story:
    if payment.state == PaymentState.DUE:  # they have done it, and a worker is about to look
        return STORIES[OrderState.AUTHORISING]
    if _needs_bank(payment):
        return NEEDS_BANK
    return CARD_DECLINED if payment.error_code not in ("", "card_wanted") else STORIES[OrderState.ACTION_REQUIRED]


def _words(order: Order, payment: Payment, until: datetime, now: datetime) -> dict[str, str]:
    unheard = payment.outcome_unknown or until > order.hold_expires_at
    unknown = unheard and payment.confirm_sent  # an intent nobody confirmed has charged nobody
    refund_by = _refund_by(order)
    return {
        "until": clock(until, now),
        "ended": clock(order.state_since, now),
        "where": _where_units_go(order.drop),
        "refund_by": clock(refund_by, now) if refund_by else "",
        "email": order.email,
        "place": f"{order.drop.pickup_place}." if order.drop.pickup_place else "",
        "error": payment.error_message,
        "charged": "We are checking whether your bank already answered; you are never charged twice."
        if unknown
        else _not_charged(payment),
        "not_charged": _not_charged(payment),
        "refunded": str(Money(order.refunded_minor, order.currency)),
        "total": str(order.total),
        "returned": "Your money is back on its way to you." if order.captured_minor else _not_charged(payment),
    }


def _where_units_go(drop: Drop) -> str:
    if drop.state == DropState.CLOSED:
        return "back to the shop"
    return "to those who wait, or back on sale" if drop.waiting_list else "back on sale"


def _not_charged(payment: Payment) -> str:
    if payment.was_let_go or payment.state == PaymentState.LETTING_GO:
        return "You have not been charged; your bank releases the amount that it had set aside."
    if payment.is_authorised:
        return "Your bank said yes and keeps the amount aside; you have not been charged yet."
    return "You have not been charged."


def _needs_bank(payment: Payment) -> bool:
    return payment.path == PaymentPath.INTENT and payment.error_code == "action" and bool(payment.client_secret)


def _other_way(order: Order, payment: Payment) -> str | None:
    """Instead of the bank's question, or of the card that could not be asked about: the provider's page."""
    tried = order.state == OrderState.DEFERRED or _needs_bank(payment)
    return _pay_path(order) if tried and may_pay_elsewhere(order, payment) else None


def _pay_path(order: Order) -> str:
    return reverse("checkout:pay", args=[order_token(order.token_nonce)])


def _deeds(order: Order) -> list[JournalEntry]:
    return list(JournalEntry.objects.filter(subject=order.subject, verb__in=TIMELINE).order_by("id"))


def _timeline(order: Order, payment: Payment, deeds: Sequence[JournalEntry]) -> tuple[tuple[datetime, str], ...]:
    words = TIMELINES.get(payment.path, TIMELINE)
    if payment.capture_before is not None and not order.captured_minor:
        words = words | {OrderState.LATE_PAID: "Your bank's yes came after the hold had ended"}
    if _was_not_kept(order, payment):
        words = words | {OrderState.CANCELLED: "Cancelled by the shop"}
    return tuple((deed.at, words[deed.verb]) for deed in deeds)


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


def _cart_lines(cart: Cart) -> tuple[CartLineView, ...]:
    found = cart.lines.select_related("offer__variant__product").prefetch_related(
        "offer__variant__product__pictures", "offer__components"
    )
    lines = list(found.order_by("offer__position", "offer_id"))
    free = _free({part.stock_item_id for line in lines for part in line.offer.components.all()})
    return tuple(
        CartLineView(
            sku=line.offer.variant.sku,
            title=f"{line.offer.variant.product.title}, {line.offer.variant.title}",
            picture_url=picture_url(line.offer.variant),
            quantity=line.quantity,
            limit=line.offer.per_person_limit,
            unit_minor=line.offer.price_minor,
            total_minor=line.offer.price_minor * line.quantity,
            currency=line.offer.currency,
            available=min(
                (free[part.stock_item_id] // part.quantity for part in line.offer.components.all()), default=0
            ),
        )
        for line in lines
    )


def _free(item_ids: set[int]) -> dict[int, int]:
    return dict(StockItem.objects.filter(pk__in=item_ids).values_list("pk", "available"))
