"""From wanted SKUs to priced lines of one drop, the same for the quote and for the order."""

from collections.abc import Sequence
from dataclasses import dataclass

from checkout.errors import Invalid
from drops.errors import LimitReached, UnknownOffer
from drops.models import Variant
from drops.queries import picture_urls
from drops.terms import OfferTerms, Terms

MAX_LINES = 20
MAX_QUANTITY = 50
MAX_SKU = 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a fan asks for: a SKU of the drop and how many."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with the price of this moment. Amounts in minor units; of the whole line, but for ``unit_minor``.

    ``discount_minor`` comes off ``total_minor``; ``tax_minor`` is inside what is left, or on top of it. ``tags``: the
    product's, of this moment too; ``parts``: what one of it takes from stock, as in ``OfferTerms``.
    """

    offer_id: int
    sku: str
    title: str
    quantity: int
    unit_minor: int
    total_minor: int
    currency: str
    limit: int
    grams: int
    picture_url: str
    tags: tuple[str, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()
    discount_minor: int = 0
    tax_minor: int = 0
    tax_added_minor: int = 0


def merged(wanted: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """One line a SKU, in the order of their SKUs; refuses empty, too many, zero and negative ones."""
    sums: dict[str, int] = {}
    for line in wanted:
        if len(line.sku) > MAX_SKU or not line.sku.isprintable():
            raise UnknownOffer(line.sku)
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise Invalid({"lines": f"Choose between 1 and {MAX_QUANTITY} of {line.sku}."})
        sums[line.sku] = sums.get(line.sku, 0) + line.quantity
    if not sums:
        raise Invalid({"lines": "Choose at least one thing."})
    if len(sums) > MAX_LINES:
        raise Invalid({"lines": f"At most {MAX_LINES} different things in one order."})
    return tuple(Wanted(sku, quantity) for sku, quantity in sorted(sums.items()))


def price_lines(terms: Terms, wanted: Sequence[Wanted]) -> tuple[PricedLine, ...]:
    """The lines with the prices of these terms, in the order of ``wanted``. No query.

    Raises UnknownOffer for a SKU that this drop does not sell and LimitReached above the limit for a person.
    """
    pictures = picture_urls(terms.drop)
    return tuple(_price(terms.offers.get(line.sku), line, pictures.get(line.sku, "")) for line in wanted)


def _price(offer: OfferTerms | None, line: Wanted, picture: str) -> PricedLine:
    if offer is None:
        raise UnknownOffer(line.sku)
    if line.quantity > offer.limit:
        raise LimitReached(line.sku, offer.limit)
    return PricedLine(
        offer_id=offer.offer_id,
        sku=line.sku,
        title=offer.title,
        quantity=line.quantity,
        unit_minor=offer.unit_minor,
        total_minor=offer.unit_minor * line.quantity,
        currency=offer.currency,
        limit=offer.limit,
        grams=offer.grams * line.quantity,
        picture_url=picture,
        tags=tuple(sorted(offer.tags)),
        parts=offer.parts,
    )


def picture_url(variant: Variant) -> str:
    """The variant's own picture, else its product's first (prefetch ``product__pictures``), else nothing."""
    if variant.picture:
        return variant.picture.url
    first = next(iter(variant.product.pictures.all()), None)
    return first.file.url if first else ""
