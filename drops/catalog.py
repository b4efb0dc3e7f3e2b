"""What a drop offers, and from which stock each unit of it comes."""

from collections.abc import Iterable

from django.db import transaction

from drops import stock
from drops.models import Drop, Offer, OfferComponent, Variant
from merchant.money import Money


def add_offer(drop: Drop, variant: Variant, *, price: Money, limit: int = 2, allocation: int | None = None) -> Offer:
    """Offer a variant from its own stock, with ``limit`` for a person.

    ``allocation`` caps what this drop may sell of it. A variant that was never stocked gets a stock of
    nothing; ``stock.restock`` fills it.
    """
    return add_bundle(drop, variant, [(variant, 1)], price=price, limit=limit, allocation=allocation)


@transaction.atomic
def add_bundle(
    drop: Drop,
    variant: Variant,
    parts: Iterable[tuple[Variant, int]],
    *,
    price: Money,
    limit: int = 2,
    allocation: int | None = None,
) -> Offer:
    """Offer ``variant`` as a set of ``(variant, quantity)`` parts, each taken from its own stock."""
    offer = Offer.objects.create(
        drop=drop,
        variant=variant,
        price_minor=price.amount,
        currency=price.currency,
        per_person_limit=limit,
        allocation=allocation,
        position=drop.offers.count(),
    )
    items = [(stock.add_item(part.sku), quantity) for part, quantity in parts]
    if allocation is not None:
        items.append((stock.add_item(f"offer:{offer.pk}", allocation), 1))
    OfferComponent.objects.bulk_create(
        OfferComponent(offer=offer, stock_item=item, quantity=quantity) for item, quantity in items
    )
    return offer
