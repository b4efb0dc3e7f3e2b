"""What the checklist of a drop asks of its prices: that a card can pay the least that an order comes to."""

from collections.abc import Iterator, Sequence

from checkout.totals import tables
from checkout.totals.shipping import carries, price
from drops.models import Offer
from drops.readiness import Check
from merchant.models import StoreProfile
from merchant.money import LEAST_CHARGED, Money, is_too_little_to_charge


def checks(shop: StoreProfile | None, offers: Sequence[Offer]) -> Iterator[Check]:
    """One unit with its delivery is the least that an order can come to, with each way it may be delivered."""
    terms = tables.known()
    low = [offer for offer in offers if any(map(is_too_little_to_charge, _totals(terms, shop, offer)))]
    if low:
        least = Money(LEAST_CHARGED[low[0].currency], low[0].currency)
        words = f"Raise what one costs with its delivery to {least}, or to nothing: no card pays less."
        yield Check(done=False, words=f"{words} Too low: {', '.join(offer.variant.sku for offer in low)}.")
    else:
        yield Check(done=True, words="One of each, with its delivery, is enough for a card payment, or costs nothing.")


def _totals(terms: tables.Tables, shop: StoreProfile | None, offer: Offer) -> Iterator[Money]:
    """Of one unit, for each place and option. What is paid at pick-up needs no card."""
    for delivery in {*_delivered(terms, shop, offer), *(point.price_minor for point in terms.points)}:
        yield offer.price + Money(delivery, offer.currency)


def _delivered(terms: tables.Tables, shop: StoreProfile | None, offer: Offer) -> Iterator[int]:
    if not terms.zones:
        yield shop.shipping_minor if shop else 0
    grams = offer.variant.weight_grams
    for zone in terms.zones:
        yield from (price(rate, offer.price_minor, grams) for rate in zone.rates if carries(rate, grams))
