"""What the pages of the waiting list show."""

from dataclasses import dataclass
from datetime import datetime

from checkout import waiting_list
from checkout.stories import Tone
from checkout.tokens import order_token, place_token
from checkout.waiting_asks import Asked
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Drop
from drops.queries import OfferView, view_of
from drops.windows import Phase, phase_of

GOING_ON = (Phase.LIVE, Phase.SOLD_OUT, Phase.PAUSED)
S = PlaceState
ASKED = "asked"  # no place: what is shown to who typed an address and need not be its owner


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A place as its fan sees it. ``number``: which one in line, 0 where it is not in line any more."""

    token: str
    state: str
    what: str
    quantity: int
    number: int
    tone: Tone
    headline: str
    explanation: str
    next_step: str
    offered_until: datetime | None
    can_buy: bool
    can_leave: bool
    can_join: bool
    order_token: str
    poll: bool
    drop_slug: str
    drop_title: str
    server_now: datetime


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """What one can wait for in a drop. Nothing: ``on_sale`` says whether it can simply be bought."""

    offers: tuple[OfferView, ...]
    on_sale: bool
    is_open: bool
    has_list: bool
    minutes: int
    most: int


# (headline, explanation, next step, tone)
STORIES: dict[str, tuple[str, str, str, Tone]] = {
    ASKED: (
        "Look in your mail",
        (
            "You asked to wait for {what}. We wrote to the address that you typed: your number in line is in that "
            "mail, and the link to your own place, where you see it move and can leave."
        ),
        (
            "When it is your turn we write again. Nothing there in a few minutes? Look among the spam, or join again "
            "if the address was mistyped: who is on the list keeps their place."
        ),
        "wait",
    ),
    S.WAITING: (
        "You are number {number} in line",
        "When {what} comes back and it is your turn, it is held for you for {minutes} minutes, before it is on sale.",
        "Nothing to do. We write to you at once; this page changes by itself.",
        "wait",
    ),
    S.OFFERED: (
        "It is yours for now",
        "{what} came back and is held for you for a while. Then the next in line is asked.",
        "Buy it while it is held, or let it go.",
        "act",
    ),
    S.BOUGHT: ("You took it", "{what} became your order.", "We have written to you about it.", "good"),
    S.LAPSED: (
        "Your time ended",
        "{what} was held for you and not bought in time, so the next in line was asked. Nothing was charged.",
        "You can join the list again, at its end.",
        "bad",
    ),
    S.LEFT: (
        "You left the list",
        "Nobody is asked in your name any more.",
        "You can join again while it lasts.",
        "good",
    ),
    S.REMOVED: (
        "Taken off the list",
        "The shop took this place off the list.",
        "If you think that is a mistake, write to us.",
        "bad",
    ),
    S.CLOSED: (
        "The drop is over",
        "It ended before {what} came back for you. Nothing was charged.",
        "The next drops are on our page.",
        "bad",
    ),
}
_ORDERED: tuple[str, str, str, Tone] = (
    "You took it",
    "{what} is in your order.",
    "Its page says how it goes on.",
    "good",
)
_TIME_IS_UP = STORIES[S.LAPSED]


def place_view(place: WaitingPlace, now: datetime) -> PlaceView:
    """Three queries at most besides the place's own."""
    variant = place.offer.variant if place.offer else None
    what = f"{variant.product.title}, {variant.title}" if variant else place.drop.title
    number = waiting_list.number(place) if place.state == S.WAITING else 0
    order = place.cart.orders.first() if place.cart and place.cart.closed_at else None
    can_buy = place.state == S.OFFERED and _is_held(place, now)
    headline, explanation, next_step, tone = _story(place, can_buy=can_buy, ordered=order is not None)
    words = {
        "number": number,
        "minutes": place.drop.waiting_minutes,
        "what": f"{place.quantity} × {what}" if place.quantity > 1 else what,
    }
    return PlaceView(
        token=place_token(place.token_nonce),
        state=place.state,
        what=what,
        quantity=place.quantity,
        number=number,
        tone=tone,
        headline=headline.format(**words),
        explanation=explanation.format(**words),
        next_step=next_step,
        offered_until=place.offered_until if can_buy else None,
        can_buy=can_buy,
        can_leave=place.state == S.WAITING or can_buy,
        can_join=place.state in (S.LAPSED, S.LEFT) and phase_of(place.drop, now) in GOING_ON,
        order_token=order_token(order.token_nonce) if order else "",
        poll=place.state == S.WAITING or can_buy,
        drop_slug=place.drop.slug,
        drop_title=place.drop.title,
        server_now=now,
    )


def asked_view(asked: Asked, now: datetime) -> PlaceView:
    """What anybody sees who asked to wait, whoever's address they typed. No query."""
    variant = asked.offer.variant
    what = f"{variant.product.title}, {variant.title}"
    is_open = phase_of(asked.drop, now) in GOING_ON
    headline, explanation, next_step, tone = STORIES[ASKED] if is_open else STORIES[S.CLOSED]
    return PlaceView(
        token=asked.token,
        state=ASKED,
        what=what,
        quantity=asked.quantity,
        number=0,
        tone=tone,
        headline=headline,
        explanation=explanation.format(what=f"{asked.quantity} × {what}" if asked.quantity > 1 else what),
        next_step=next_step,
        offered_until=None,
        can_buy=False,
        can_leave=False,
        can_join=is_open,
        order_token="",
        poll=False,
        drop_slug=asked.drop.slug,
        drop_title=asked.drop.title,
        server_now=now,
    )


def waiting_page(drop: Drop, now: datetime) -> WaitingPage:
    """Two queries."""
    view = view_of(drop, now)
    gone = tuple(offer for offer in view.offers if offer.available <= 0)
    return WaitingPage(
        offers=gone,
        on_sale=len(gone) < len(view.offers),
        is_open=view.phase in GOING_ON,
        has_list=drop.waiting_list,
        minutes=drop.waiting_minutes,
        most=max((offer.limit for offer in gone), default=1),
    )


def _is_held(place: WaitingPlace, now: datetime) -> bool:
    cart = place.cart
    return cart is not None and cart.closed_at is None and cart.expires_at is not None and cart.expires_at > now


def _story(place: WaitingPlace, *, can_buy: bool, ordered: bool) -> tuple[str, str, str, Tone]:
    if ordered:
        return _ORDERED
    return _TIME_IS_UP if place.state == S.OFFERED and not can_buy else STORIES[place.state]
