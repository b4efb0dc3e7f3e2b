"""Drops and stock for tests, in one line each."""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from drops import stock
from drops.models import Drop, DropState, Offer, OfferComponent, Product, StockItem, Variant

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
CART, ORDER = stock.OwnerKind.CART, stock.OwnerKind.ORDER


def item(code: str = "ROBE-M", total: int = 5) -> StockItem:
    return stock.add_item(code, total)


def counts(one: StockItem) -> tuple[int, int, int]:
    """(held, sold, available) as the database has them."""
    one.refresh_from_db()
    return one.held, one.sold, one.available


def order(ref: str = "FR-1") -> stock.Owner:
    return stock.Owner(ORDER, ref)


def cart(ref: str = "c1") -> stock.Owner:
    return stock.Owner(CART, ref)


@transaction.atomic
def hold(one: StockItem, quantity: int = 1, *, owner: stock.Owner, minutes: int = 10, cap: int = 25) -> None:
    stock.hold(
        [stock.Need(one.pk, quantity)],
        owner=owner,
        expires_at=NOW + timedelta(minutes=minutes),
        hard_cap_at=NOW + timedelta(minutes=cap),
    )


def drop(slug: str = "winter-robe", state: DropState = DropState.LIVE, **fields: object) -> Drop:
    values = {"title": slug.replace("-", " ").title(), "starts_at": NOW - timedelta(hours=1), "state": state}
    return Drop.objects.create(slug=slug, **(values | fields))


def variant(sku: str = "ROBE-M", title: str = "M", product: Product | None = None) -> Variant:
    product = product or Product.objects.get_or_create(slug="robe", defaults={"title": "Robe"})[0]
    return Variant.objects.create(product=product, sku=sku, title=title)


def offer(of: Drop, sku: str = "ROBE-M", total: int = 5, price_minor: int = 4800) -> Offer:
    """An offer of one variant with a stock of its own."""
    made = Offer.objects.create(drop=of, variant=variant(sku), price_minor=price_minor, currency="USD")
    OfferComponent.objects.create(offer=made, stock_item=item(sku, total))
    return made


def close_connection() -> None:
    """At the end of a thread: its connection would keep the test database from being dropped."""
    connection.close()
