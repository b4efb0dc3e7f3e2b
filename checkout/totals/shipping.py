"""How an order can come: the options of its place, by what the goods weigh and cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from checkout.totals.models import PICKUP
from checkout.totals.tables import Point, Rate, Tables, Zone, region_key
from drops.models import Drop
from merchant.models import StoreProfile
from policies.places import Where

STANDARD = "standard"
KILOGRAM = 1000


@dataclass(frozen=True, slots=True)
class ShippingOption:
    """``taxed_at``: the place whose tax counts, where that is not the fan's own."""

    code: str
    title: str
    amount_minor: int
    note: str
    taxed_at: Where | None = None


def shipping_options(
    tables: Tables, store: StoreProfile, drop: Drop, place: Where, *, goods_minor: int, grams: int, now: datetime
) -> tuple[ShippingOption, ...]:
    """What a fan there may choose from. ``goods_minor``: what they pay for the goods, after discounts.

    Without any zone there is the shop's one flat price. None at all: nothing goes there.
    """
    options = [*_delivered(tables, store, place, goods_minor, grams), *map(_collected, tables.points)]
    if drop.pay_at_pickup and drop.pickup_until is not None and drop.pickup_until > now:
        options.append(ShippingOption(PICKUP, "Pay when you pick it up", 0, drop.pickup_place))
    return tuple(options)


def chosen(options: tuple[ShippingOption, ...], code: str) -> ShippingOption | None:
    """The option of that code; the first one for who did not choose. None when there is no such option."""
    for option in options:
        if option.code == code:
            return option
    return options[0] if options and code in ("", STANDARD) else None


def _delivered(
    tables: Tables, store: StoreProfile, place: Where, goods_minor: int, grams: int
) -> Iterator[ShippingOption]:
    if not tables.zones:
        yield ShippingOption(STANDARD, "Standard delivery", store.shipping_minor, "3–5 working days")
        return
    zone, seen = zone_of(tables, place), set()
    for rate in zone.rates if zone else ():
        if rate.code not in seen and carries(rate, grams):
            seen.add(rate.code)
            yield ShippingOption(rate.code, rate.title, price(rate, goods_minor, grams), rate.note)


def zone_of(tables: Tables, place: Where) -> Zone | None:
    """The zone that names the place most closely: its region, its country, else the rest of the world."""
    region = region_key(place.country, place.region)
    best: Zone | None = None
    best_score = -1
    for zone in tables.zones:
        if (zone.countries and place.country not in zone.countries) or (zone.regions and region not in zone.regions):
            continue
        score = 2 * bool(zone.regions) + bool(zone.countries)
        if score > best_score:
            best, best_score = zone, score
    return best


def price(rate: Rate, goods_minor: int, grams: int) -> int:
    """Its price, and for each kilogram that was begun; nothing from the subtotal on that makes it free."""
    if rate.free_from_minor is not None and goods_minor >= rate.free_from_minor:
        return 0
    return rate.price_minor + rate.per_kg_minor * -(-grams // KILOGRAM)


def carries(rate: Rate, grams: int) -> bool:
    """Whether a parcel of this weight may go with it."""
    return rate.from_grams <= grams and (rate.up_to_grams is None or grams <= rate.up_to_grams)


def _collected(point: Point) -> ShippingOption:
    return ShippingOption(point.code, point.title, point.price_minor, point.note, Where(point.country, point.region))
