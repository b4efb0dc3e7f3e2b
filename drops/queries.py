"""What the pages of drops show. What rarely changes is kept for two seconds in each process; stock never is."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, Min, QuerySet
from django.db.models.functions import Greatest
from django.utils.safestring import SafeString

from drops.models import Drop, DropState, Offer, OfferComponent, Picture, Variant
from drops.windows import Phase, phase_of
from merchant.markdown import to_html

FRESH_SECONDS = 2.0
CLOSED_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Stock:
    """Units of an offer that can be bought now, and those that others hold and may give back."""

    available: int
    in_carts: int


@dataclass(frozen=True, slots=True)
class PictureView:
    url: str
    alt: str


@dataclass(frozen=True, slots=True)
class OfferView:
    """One thing to choose on a drop's page. ``price_minor`` is in minor units of ``currency``."""

    sku: str
    title: str
    product: str
    price_minor: int
    currency: str
    available: int
    in_carts: int
    limit: int
    picture_url: str
    picture_alt: str


@dataclass(frozen=True, slots=True)
class DropCard:
    """A drop on the home page."""

    slug: str
    title: str
    strapline: str
    kind: str
    phase: Phase
    starts_at: datetime | None
    ends_at: datetime | None
    server_now: datetime
    cover_url: str
    cover_alt: str


@dataclass(frozen=True, slots=True)
class DropView:
    """A drop's page, less its policies."""

    slug: str
    title: str
    strapline: str
    state: str
    kind: str
    phase: Phase
    starts_at: datetime | None
    ends_at: datetime | None
    server_now: datetime
    cover_url: str
    cover_alt: str
    pictures: tuple[PictureView, ...]
    offers: tuple[OfferView, ...]
    story_html: SafeString
    creator_name: str
    creator_note_html: SafeString
    ship_date: date | None
    waiting_list: bool
    capture_method: str


@dataclass(frozen=True, slots=True)
class Home:
    """Drops in the order of interest: what sells now, what comes next (soonest first), what is gone (latest first)."""

    live: tuple[DropCard, ...]
    upcoming: tuple[DropCard, ...]
    closed: tuple[DropCard, ...]

    @property
    def lead(self) -> DropCard | None:
        """The one drop that the page begins with."""
        return next(iter(self.live + self.upcoming), None)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The part of a drop's page that changes seldom."""

    offers: tuple[Offer, ...]
    pictures: tuple[PictureView, ...]
    covers: dict[int, PictureView]
    picture_urls: dict[str, str]
    story_html: SafeString
    creator_note_html: SafeString


_shelves: dict[int, tuple[float, _Shelf]] = {}


def public() -> QuerySet[Drop]:
    """Drops that fans may see."""
    return Drop.objects.exclude(state=DropState.DRAFT)


def home(now: datetime) -> Home:
    """All public drops, sorted for the home page."""
    cards = [_card(drop, now) for drop in public()]
    live = [card for card in cards if card.phase in {Phase.LIVE, Phase.PAUSED}]
    upcoming = [card for card in cards if card.phase == Phase.UPCOMING]
    gone = [card for card in cards if card.phase in {Phase.SOLD_OUT, Phase.CLOSED}]
    return Home(
        live=tuple(sorted(live, key=lambda card: (card.kind == "standing", card.phase == Phase.PAUSED))),
        upcoming=tuple(sorted(upcoming, key=lambda card: card.starts_at or now)),
        closed=tuple(sorted(gone, key=lambda card: card.phase == Phase.CLOSED))[:CLOSED_SHOWN],
    )


def drop_page(slug: str, now: datetime) -> DropView:
    """The page of a public drop. Raises Drop.DoesNotExist."""
    return view_of(public().get(slug=slug), now)


def view_of(drop: Drop, now: datetime) -> DropView:
    """The page of a drop that was read already."""
    shelf, units = _shelf(drop), stock_of(drop.pk)
    return DropView(
        slug=drop.slug,
        title=drop.title,
        strapline=drop.strapline,
        state=drop.state,
        kind=drop.kind,
        phase=phase_of(drop, now),
        starts_at=drop.starts_at,
        ends_at=drop.ends_at,
        server_now=now,
        cover_url=drop.cover.url if drop.cover else "",
        cover_alt=drop.cover_alt,
        pictures=shelf.pictures,
        offers=tuple(_offer(offer, shelf, units) for offer in shelf.offers if offer.variant.sku in units),
        story_html=shelf.story_html,
        creator_name=drop.creator_name,
        creator_note_html=shelf.creator_note_html,
        ship_date=drop.ship_date,
        waiting_list=drop.waiting_list,
        capture_method=drop.capture_method,
    )


def stock_of(drop_id: int) -> dict[str, Stock]:
    """The stock of each SKU on offer: for a bundle or an allocation, what its scarcest part allows."""
    rows = (
        OfferComponent.objects.filter(offer__drop_id=drop_id)
        .values("offer__variant__sku")
        .annotate(
            available=Min(Greatest(F("stock_item__available"), 0) / F("quantity")),
            # What comes back goes to those who wait first: only the rest may come back to everyone.
            unsold=Min(Greatest(F("stock_item__available") + F("stock_item__held"), 0) / F("quantity")),
        )
        .order_by("offer__position", "offer_id")
        .values_list("offer__variant__sku", "available", "unsold")
    )
    return {sku: Stock(available, unsold - available) for sku, available, unsold in rows}


def tags_of(drop: Drop, skus: Iterable[str] | None = None) -> set[str]:
    """The tags of these things of a drop, or of everything it sells; at most two seconds old."""
    wanted = None if skus is None else set(skus)
    offers = [offer for offer in _shelf(drop).offers if wanted is None or offer.variant.sku in wanted]
    return {tag for offer in offers for tag in offer.variant.product.tags}


def picture_urls(drop: Drop) -> dict[str, str]:
    """The picture of each SKU on offer, "" where there is none; at most two seconds old."""
    return _shelf(drop).picture_urls


def forget() -> None:
    """Read everything anew at the next call: between tests, and after a seed."""
    _shelves.clear()


def _card(drop: Drop, now: datetime) -> DropCard:
    return DropCard(
        slug=drop.slug,
        title=drop.title,
        strapline=drop.strapline,
        kind=drop.kind,
        phase=phase_of(drop, now),
        starts_at=drop.starts_at,
        ends_at=drop.ends_at,
        server_now=now,
        cover_url=drop.cover.url if drop.cover else "",
        cover_alt=drop.cover_alt,
    )


def _offer(offer: Offer, shelf: _Shelf, units: dict[str, Stock]) -> OfferView:
    variant, stock, picture = offer.variant, units[offer.variant.sku], _picture(offer.variant, shelf.covers)
    return OfferView(
        sku=variant.sku,
        title=variant.title,
        product=variant.product.title,
        price_minor=offer.price_minor,
        currency=offer.currency,
        available=stock.available,
        in_carts=stock.in_carts,
        limit=offer.per_person_limit,
        picture_url=picture.url,
        picture_alt=picture.alt,
    )


def _picture(variant: Variant, covers: dict[int, PictureView]) -> PictureView:
    """Its own, else its product's first."""
    if variant.picture:
        return PictureView(variant.picture.url, str(variant))
    return covers.get(variant.product_id, PictureView("", variant.product.title))


def _shelf(drop: Drop) -> _Shelf:
    now = time.monotonic()
    known = _shelves.get(drop.pk)
    if known is None or now - known[0] > FRESH_SECONDS:
        known = _shelves[drop.pk] = (now, _read_shelf(drop))
    return known[1]


def _read_shelf(drop: Drop) -> _Shelf:
    if drop.get_deferred_fields():  # many share the drop of the terms: what it left out must not be kept in it
        drop = Drop.objects.get(pk=drop.pk)
    offers = tuple(drop.offers.select_related("variant__product"))
    order = list(dict.fromkeys(offer.variant.product_id for offer in offers))
    pictures = sorted(Picture.objects.filter(product_id__in=order), key=lambda each: order.index(each.product_id))
    covers: dict[int, PictureView] = {}
    for picture in pictures:
        covers.setdefault(picture.product_id, PictureView(picture.file.url, picture.alt))
    return _Shelf(
        offers=offers,
        pictures=tuple(PictureView(picture.file.url, picture.alt) for picture in pictures),
        covers=covers,
        picture_urls={offer.variant.sku: _picture(offer.variant, covers).url for offer in offers},
        story_html=to_html(drop.story),
        creator_note_html=to_html(drop.creator_note),
    )
