"""How much of a drop is left, held and sold: one count for lists and for the desk."""

from collections.abc import Iterable
from dataclasses import dataclass

from drops.models import OfferComponent, StockItem

ALLOCATION = "offer:"


@dataclass(frozen=True)
class Tally:
    """Units of all the stock a drop sells from; each item counts once, an allocation instead of what it limits."""

    total: int = 0
    held: int = 0
    sold: int = 0
    awaited: int = 0

    @property
    def available(self) -> int:
        return self.total - self.held - self.sold

    @property
    def sold_percent(self) -> int:
        return self.sold * 100 // self.total if self.total else 0

    @property
    def held_percent(self) -> int:
        return self.held * 100 // self.total if self.total else 0


def tallies(drop_ids: Iterable[int]) -> dict[int, Tally]:
    """The tally of each drop, in one query."""
    components = (
        OfferComponent.objects.filter(offer__drop_id__in=list(drop_ids))
        .select_related("stock_item", "offer")
        .order_by("offer_id", "stock_item_id")
    )
    of_offer: dict[tuple[int, int], list[StockItem]] = {}
    for component in components:
        of_offer.setdefault((component.offer.drop_id, component.offer_id), []).append(component.stock_item)
    of_drop: dict[int, dict[int, StockItem]] = {}
    for (drop_id, _), items in of_offer.items():
        limiting = [item for item in items if item.code.startswith(ALLOCATION)] or items
        of_drop.setdefault(drop_id, {}).update({item.pk: item for item in limiting})
    return {drop_id: _sum(items.values()) for drop_id, items in of_drop.items()}


def _sum(items: Iterable[StockItem]) -> Tally:
    rows = list(items)
    return Tally(
        total=sum(item.total for item in rows),
        held=sum(item.held for item in rows),
        sold=sum(item.sold for item in rows),
        awaited=sum(item.awaited for item in rows),
    )
