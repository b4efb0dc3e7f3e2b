"""Today: what is next, what is wrong, how is it going. Every number leads to its rows, for those who may see them."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, F, Sum
from django.db.models.functions import TruncHour
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from checkout import breaker, webhooks
from checkout.models import Order, OrderState
from drops.models import Drop, DropKind, DropState
from drops.readiness import hurdles
from drops.tally import Tally, tallies
from merchant.clock import now as clock_now
from merchant.desk import listing
from merchant.money import Money
from merchant.store import current_store
from merchant.troubles import troubles
from segments.models import Footprint, FootprintKind

SOON = timedelta(days=14)
ON_SALE = (DropState.LIVE, DropState.PAUSED, DropState.SOLD_OUT)


@dataclass(frozen=True)
class OnSale:
    drop: Drop
    tally: Tally
    orders: int
    revenue: Money
    url: str
    orders_url: str
    stock_url: str
    waiting_url: str


@dataclass(frozen=True)
class Upcoming:
    drop: Drop
    tally: Tally
    sign_ups: int
    hurdles: list[str]
    url: str


@dataclass(frozen=True)
class Figure:
    label: str
    value: str
    note: str
    url: str


@dataclass(frozen=True)
class StateRow:
    label: str
    tone: str
    count: int
    total: Money
    url: str


def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: adds what the page ``admin/index.html`` shows to ``context``."""
    now, user = clock_now(), request.user
    sees_orders, sees_drops = user.has_perm("checkout.view_order"), user.has_perm("drops.view_drop")
    upcoming = _upcoming(now) if sees_drops else []
    context |= {
        "title": "Today",
        "server_now": now,
        "on_sale": _on_sale() if sees_drops else [],
        "sees_orders": sees_orders,
        "upcoming": upcoming,
        "troubles": troubles(user, [(each.drop, each.hurdles) for each in upcoming], now=now),
    }
    if sees_orders:
        hours = _hours(now)
        context |= {"figures": _figures(user, now), "states": _states(), "hours": hours, "chart": _chart(hours)}
    return context


# --- what is next ----------------------------------------------------------------------------------------------------


def _on_sale() -> list[OnSale]:
    drops = list(Drop.objects.filter(state__in=ON_SALE).order_by("kind", "ends_at", "id"))
    counted = tallies(drop.pk for drop in drops)
    paid = Order.objects.filter(drop__in=drops, captured_minor__gt=0).order_by().values_list("drop_id")
    money = {
        drop_id: (orders, minor)
        for drop_id, orders, minor in paid.annotate(n=Count("id"), minor=Sum(F("captured_minor") - F("refunded_minor")))
    }
    currency = current_store().currency
    return [
        OnSale(
            drop=drop,
            tally=counted.get(drop.pk, Tally()),
            orders=money.get(drop.pk, (0, 0))[0],
            revenue=Money(money.get(drop.pk, (0, 0))[1], currency),
            url=reverse("admin:drops_drop_change", args=[drop.pk]),
            orders_url=listing("checkout_order", drop__id__exact=drop.pk),
            stock_url=listing("drops_stockitem", drop=drop.pk),
            waiting_url=listing("checkout_waitingplace", drop__id__exact=drop.pk),
        )
        for drop in sorted(drops, key=lambda drop: drop.kind == DropKind.STANDING)
    ]


def _upcoming(now: datetime) -> list[Upcoming]:
    drops = list(Drop.objects.filter(state__in=(DropState.SCHEDULED, DropState.DRAFT)).order_by("starts_at", "id")[:8])
    counted = tallies(drop.pk for drop in drops)
    subjects = {f"drop:{drop.slug}": drop.pk for drop in drops}
    listed = dict(
        Footprint.objects.filter(kind=FootprintKind.SIGNED_UP, subject__in=subjects)
        .order_by()
        .values_list("subject")
        .annotate(Count("fan_id", distinct=True))
    )
    return [
        Upcoming(
            drop=drop,
            tally=counted.get(drop.pk, Tally()),
            sign_ups=listed.get(f"drop:{drop.slug}", 0),
            hurdles=hurdles(drop, now=now),
            url=reverse("admin:drops_drop_change", args=[drop.pk]),
        )
        for drop in drops
    ]


# --- how is it going -------------------------------------------------------------------------------------------------


def _figures(user: User | AnonymousUser, now: datetime) -> list[Figure]:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    placed = Order.objects.filter(placed_at__gte=midnight)
    paid = placed.filter(captured_minor__gt=0).aggregate(n=Count("id"), minor=Sum("captured_minor"))
    since = {"placed_at__gte": midnight.isoformat()}
    all_placed = placed.count()
    figures = [
        Figure("Orders today", f"{all_placed:,}", "since midnight", listing("checkout_order", **since)),
        Figure(
            "Paid today",
            str(Money(paid["minor"] or 0, current_store().currency)),
            f"{paid['n']} of {all_placed} orders",
            listing("checkout_order", state__exact=OrderState.CONFIRMED, **since),
        ),
    ]
    if user.has_perm("segments.view_fan"):
        new = Footprint.objects.filter(kind=FootprintKind.SIGNED_UP, at__gte=now - timedelta(days=7))
        count = new.order_by().values("fan_id").distinct().count()
        figures.append(Figure("On the list", f"{count:,}", "fans asked to be told, 7 days", listing("segments_fan")))
    if user.has_perm("checkout.view_webhookevent"):
        figures.append(_provider_figure(webhooks.last_ring(), now))
    return figures


def _provider_figure(last: datetime | None, now: datetime) -> Figure:
    from_then = f"{_ago(now - last)} ago" if last else "never yet"
    note = f"last time it rang; {_provider_words(breaker.status(now))}"
    return Figure("Payment provider", from_then, note, listing("checkout_webhookevent"))


def _provider_words(seen: breaker.Status) -> str:
    if seen.since is None:
        return f"calls in a minute: {seen.calls:,}, failed: {seen.failures:,}"
    since = f"{timezone.localtime(seen.since):%H:%M}"
    if seen.state == "open":
        return f"failing since {since}, payments pause"
    return f"failing since {since}, being tried again"


def _ago(gap: timedelta) -> str:
    minutes = int(gap.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


TONES = {
    OrderState.CONFIRMED: "success",
    OrderState.DEFERRED: "warning",
    OrderState.ACTION_REQUIRED: "warning",
    OrderState.LATE_PAID: "danger",
    OrderState.PROCESSING: "info",
    OrderState.AUTHORISING: "info",
    OrderState.PLACED: "info",
}


def _states() -> list[StateRow]:
    rows = Order.objects.order_by().values_list("state").annotate(Count("id"), Sum("total_minor"))
    counted = {state: (count, minor) for state, count, minor in rows}
    currency = current_store().currency
    return [
        StateRow(
            label=state.label,
            tone=TONES.get(state, "default"),
            count=counted[state][0],
            total=Money(counted[state][1], currency),
            url=listing("checkout_order", state__exact=state),
        )
        for state in OrderState
        if state in counted
    ]


def _hours(now: datetime) -> list[tuple[datetime, int]]:
    """Orders placed in each of the last 24 hours, the empty ones too."""
    this_hour = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    first = this_hour - timedelta(hours=23)
    rows = (
        Order.objects.filter(placed_at__gte=first)
        .order_by()
        .annotate(hour=TruncHour("placed_at"))
        .values_list("hour")
        .annotate(Count("id"))
    )
    counts = dict(rows)
    return [(hour, counts.get(hour, 0)) for hour in (first + timedelta(hours=n) for n in range(24))]


def _chart(hours: list[tuple[datetime, int]]) -> str:
    """The same numbers for Chart.js."""
    bars = {"label": "Orders", "data": [count for _, count in hours], "backgroundColor": "var(--color-primary-600)"}
    return json.dumps({"labels": [f"{hour:%H:00}" for hour, _ in hours], "datasets": [bars]})
