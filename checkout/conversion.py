"""From visits to paid orders, drop by drop: so that timed drops are compared with what is always on sale.

Each step counts what happened in the period, each by its own time. Visits are loadings of the drop's page
(``drops.visits``), carts those that fans began there (an offer of the waiting list is none), orders those that were
placed there, and paid those whose money came or that had nothing to pay. Nobody counts the visits of another site's
page: what an embed or the API sold is told apart and is in no rate.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from checkout.models import Cart, Order, OrderState, PaymentPath
from drops.models import Drop, DropKind, DropState, DropVisits
from policies.models import Surface

PERIODS = (7, 30, 90)


@dataclass(frozen=True, slots=True)
class Funnel:
    """The steps of one drop. ``rate`` and ``baseline``: paid orders of a hundred visits, here and of what is always on
    sale; None without visits. ``elsewhere``: paid orders through other sites, beside those."""

    drop: Drop | None
    title: str
    visits: int
    carts: int
    orders: int
    paid: int
    elsewhere: int = 0
    baseline: float | None = None

    @property
    def rate(self) -> float | None:
        return 100 * self.paid / self.visits if self.visits else None

    @property
    def times(self) -> float | None:
        """How many times the rate of what is always on sale."""
        return self.rate / self.baseline if self.rate is not None and self.baseline else None


@dataclass(frozen=True, slots=True)
class Report:
    """``since``: from when visits were counted in the period; None, and no rows, before any was."""

    since: date | None
    days: int
    standing: Funnel
    timed: Funnel
    rows: tuple[Funnel, ...]


def report(days: int, now: datetime) -> Report:
    """The funnels of the last ``days`` days of the shop's calendar, today included. Five queries."""
    wanted = timezone.localdate(now) - timedelta(days=days - 1)
    first = DropVisits.objects.aggregate(day=Min("day"))["day"]
    since = max(wanted, first) if first else None
    nothing = Funnel(None, "", 0, 0, 0, 0)
    if since is None:
        return Report(None, days, nothing, nothing, ())
    found = _funnels(since)
    standing = _sum("Always on sale", [each for each in found if each.drop and each.drop.kind == DropKind.STANDING])
    timed = _sum("Timed drops", [each for each in found if each.drop and each.drop.kind == DropKind.TIMED])
    rows = tuple(_beside(each, standing) for each in found)
    return Report(since, days, standing, _beside(timed, standing), rows)


def _funnels(since: date) -> list[Funnel]:
    """Those in which anything happened: what is always on sale first, then the newest."""
    start = timezone.make_aware(datetime.combine(since, time.min))
    visits = DropVisits.objects.filter(day__gte=since).order_by().values_list("drop_id").annotate(Sum("visits"))
    carts = Cart.objects.filter(created_at__gte=start, offered=False, surface=Surface.CHECKOUT)
    placed = Order.objects.filter(placed_at__gte=start)
    here, elsewhere = Q(surface=Surface.CHECKOUT), Q(surface=Surface.API)
    paid = Q(captured_minor__gt=0) | Q(payment__path=PaymentPath.FREE, state=OrderState.CONFIRMED)
    counted = (
        placed.order_by()
        .values_list("drop_id")
        .annotate(
            orders_here=Count("id", filter=here),
            paid_here=Count("id", filter=here & paid),
            paid_elsewhere=Count("id", filter=elsewhere & paid),
        )
    )
    seen, begun = dict(visits), dict(carts.order_by().values_list("drop_id").annotate(Count("id")))
    ordered = {drop_id: numbers for drop_id, *numbers in counted}
    drops = Drop.objects.exclude(state=DropState.DRAFT).filter(pk__in={*seen, *begun, *ordered})
    return [
        Funnel(drop, drop.title, seen.get(drop.pk, 0), begun.get(drop.pk, 0), *ordered.get(drop.pk, (0, 0, 0)))
        for drop in sorted(drops, key=lambda drop: drop.kind == DropKind.TIMED)
    ]


def _sum(title: str, each: list[Funnel]) -> Funnel:
    return Funnel(
        None,
        title,
        sum(one.visits for one in each),
        sum(one.carts for one in each),
        sum(one.orders for one in each),
        sum(one.paid for one in each),
        sum(one.elsewhere for one in each),
    )


def _beside(one: Funnel, standing: Funnel) -> Funnel:
    return replace(one, baseline=standing.rate)
