"""Visits and carts of the demo's drops, so that there is something to compare: as many as its orders suggest."""

from collections import Counter
from datetime import date

from django.db.models.functions import TruncDate

from checkout.models import Cart, Order
from checkout.tokens import hashed
from drops.models import Drop, DropKind, DropVisits

# Visits, and carts, for each order: a drop's fans come to buy, a product page's also to look.
TIMED, STANDING = (9, 1.6), (38, 2.1)


def seed_visits() -> None:
    """Nothing for a drop that was visited already."""
    for drop in Drop.objects.filter(orders__isnull=False, visits=None).distinct():
        days = Order.objects.filter(drop=drop).order_by().annotate(day=TruncDate("placed_at"))
        _seed(drop, Counter(days.values_list("day", flat=True)))


def _seed(drop: Drop, orders: Counter[date]) -> None:
    each_visits, each_carts = STANDING if drop.kind == DropKind.STANDING else TIMED
    DropVisits.objects.bulk_create(
        DropVisits(drop=drop, day=day, visits=number * each_visits + day.day % 7) for day, number in orders.items()
    )
    times = list(drop.orders.order_by("pk").values_list("placed_at", flat=True))
    number = round(len(times) * each_carts)
    Cart.objects.bulk_create(
        Cart(
            token_hash=hashed(f"demo:{drop.slug}:{n}"), drop=drop, created_at=times[n % len(times)], closed_at=times[0]
        )
        for n in range(number)
    )
