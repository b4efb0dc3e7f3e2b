"""What the pages read of a cart: its lines, and the time it has left."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from checkout.carts import clock_of, holds_units
from checkout.models import Cart
from checkout.pricing import picture_url
from drops.models import Drop, StockItem

WARNED_BEFORE = timedelta(minutes=2)  # WCAG 2.2.1 asks for 20 seconds; a card takes longer


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
