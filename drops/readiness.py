"""May this drop go live? A checklist in the merchant's words, worked out anew each time it is asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from drops.models import Capture, Drop, DropKind, Offer
from drops.promises import demands
from merchant.models import LatePayments, StoreProfile

DAYS_BANKS_KEEP = 6  # seven, less some hours to take it in


@dataclass(frozen=True)
class Check:
    """One line of the checklist. ``must``: without it the drop is not scheduled; else it is advice."""

    done: bool
    words: str
    must: bool = True
    fix: str = ""  # the page of the desk where it is mended, where that is another one than the drop's


Question = Callable[[StoreProfile | None, Sequence[Offer]], Iterable[Check]]
_asked_above: list[Question] = []


def ask_too(question: Question) -> None:
    """Put what an app above knows, such as what delivery costs where, on every checklist. Called once, at its start."""
    _asked_above.append(question)


def checklist(drop: Drop, *, now: datetime) -> list[Check]:
    """Everything that should be true before fans come, done or not."""
    shop = StoreProfile.objects.first()
    offers = list(drop.offers.select_related("variant__product").prefetch_related("components__stock_item"))
    return [
        *_shop(shop, offers),
        *_times(drop, now),
        *_offers(offers),
        *(check for asked in _asked_above for check in asked(shop, offers)),
        *_capture(drop, shop, offers),
        *_promises(drop, shop, now),
        *_looks(drop, offers),
    ]


def hurdles(drop: Drop, *, now: datetime) -> list[str]:
    """What still forbids scheduling; empty when the drop may go live."""
    return [check.words for check in checklist(drop, now=now) if check.must and not check.done]


def _shop(shop: StoreProfile | None, offers: list[Offer]) -> Iterator[Check]:
    yield Check(shop is not None, "Save the shop's profile: its name, country and currency.")
    if shop:
        foreign = [offer.variant.sku for offer in offers if offer.currency != shop.currency]
        yield Check(not foreign, f"Set every price in {shop.currency}." + _named(foreign))


def _times(drop: Drop, now: datetime) -> Iterator[Check]:
    yield Check(drop.starts_at is not None, "Set the start.")
    if drop.kind == DropKind.TIMED:
        yield Check(drop.ends_at is None or drop.ends_at > now, "The end has passed: set a later one.")
        yield Check(drop.ends_at is not None, "Set an end, so that fans know how long they have.", must=False)
    if drop.pay_at_pickup:
        later = drop.pickup_until is not None and drop.pickup_until > (drop.ends_at or drop.starts_at or now)
        yield Check(later, "Say until when it can be picked up: after the sale, on the tab Pick-up.")
        yield Check(bool(drop.pickup_place), "Say where it is picked up, on the tab Pick-up.")
    if drop.ship_date and drop.starts_at:
        yield Check(drop.ship_date >= drop.starts_at.date(), "The ship date lies before the start.")


def _offers(offers: list[Offer]) -> Iterator[Check]:
    yield Check(bool(offers), "Put at least one thing on offer.")
    free_of_charge = [offer.variant.sku for offer in offers if not offer.price_minor]
    meant = "Give every offer a price, unless it is meant to cost nothing."
    yield Check(not free_of_charge, meant + _named(free_of_charge), must=False)
    empty = [offer.variant.sku for offer in offers if not _has_stock(offer)]
    yield Check(not empty, "Put units into stock for every offer." + _named(empty))


def _capture(drop: Drop, shop: StoreProfile | None, offers: list[Offer]) -> Iterator[Check]:
    """What it means to charge later: said where it may surprise."""
    if drop.capture != Capture.WHEN_CERTAIN or shop is None:
        return
    paid = any(offer.price_minor for offer in offers)
    yield Check(
        paid, "Nothing here has a price, so no card is ever charged later: leave it at the bank's yes.", must=False
    )
    words = (
        f"A bank keeps an amount about a week, and the shop lets late payments wait {shop.late_payment_days} days: who "
        "is first in line then waits only as long as the bank does."
    )
    waits = shop.late_payments == LatePayments.WAIT and drop.waiting_list
    yield Check(not waits or shop.late_payment_days <= DAYS_BANKS_KEEP, words, must=False)


def _has_stock(offer: Offer) -> bool:
    components = list(offer.components.all())
    return bool(components) and all(each.stock_item.available >= each.quantity for each in components)


def _promises(drop: Drop, shop: StoreProfile | None, now: datetime) -> Iterator[Check]:
    for demand in demands(drop, shop, now=now):
        yield Check(demand.done, demand.words, must=demand.must, fix=demand.fix)


def _looks(drop: Drop, offers: list[Offer]) -> Iterator[Check]:
    yield Check(bool(drop.cover), "Choose a cover picture.", must=False)
    yield Check(not drop.cover or bool(drop.cover_alt), "Describe the cover for those who can't see it.", must=False)
    yield Check(bool(drop.strapline), "Write one sentence under the name.", must=False)
    products = {offer.variant.product for offer in offers}
    bare = sorted(product.title for product in products if not product.pictures.exists())
    yield Check(not bare, "Give every product a picture." + _named(bare), must=False)


def _named(things: list[str]) -> str:
    return f" Missing: {', '.join(things)}." if things else ""
