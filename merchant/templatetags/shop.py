"""Filters that every template may use."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from django import template
from django.utils import timezone

from merchant.money import Money
from merchant.theme import DARK_PAPER, LIGHT_PAPER, ink_on, readable

register = template.Library()


@register.filter
def money(minor: int, currency: str) -> str:
    """``{{ 4800|money:"USD" }}`` → ``$48.00``."""
    return str(Money(minor, currency))


@register.filter
def moment(at: datetime) -> str:
    """``Fri 20 Nov, 19:00 CET``: a time always carries its zone."""
    return timezone.localtime(at).strftime("%a %-d %b, %H:%M %Z")


@register.filter
def clock(at: datetime, now: datetime) -> str:
    """``19:00 CET``; with its day when that is not today's."""
    same_day = timezone.localdate(at) == timezone.localdate(now)
    return timezone.localtime(at).strftime("%H:%M %Z") if same_day else moment(at)


@register.filter
def with_utc(at: datetime) -> str:
    """``21 Nov 2026, 00:00 CET (20 Nov, 23:00 UTC)``: for what must be exact whoever reads it, and wherever."""
    here, utc = timezone.localtime(at), at.astimezone(UTC)
    words = here.strftime("%-d %b %Y, %H:%M %Z")
    if here.utcoffset() == utc.utcoffset():
        return words
    return f"{words} ({utc:{'%H:%M' if here.date() == utc.date() else '%-d %b, %H:%M'}} UTC)"


@register.filter
def day(at: datetime) -> str:
    """``20 Nov 2026``: for what is long past."""
    return timezone.localtime(at).strftime("%-d %b %Y")


@register.filter
def distance(at: datetime, now: datetime) -> str:
    """``in 2 h``, ``in 3 days``, ``5 min ago``: how far ``at`` is from ``now``, in its two largest useful steps."""
    seconds = int((at - now).total_seconds())
    words = _span(abs(seconds))
    return f"in {words}" if seconds >= 0 else f"{words} ago"


def _span(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days >= 2:
        return f"{days} days"
    if hours >= 2:
        return f"{hours} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else "less than a minute"


class Offered(Protocol):
    """Anything with a price, a stock and a personal limit: an offer of a drop."""

    @property
    def product(self) -> str: ...
    @property
    def price_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def limit(self) -> int: ...
    @property
    def available(self) -> int: ...


@register.filter
def price_range(offers: Sequence[Offered]) -> str:
    """``$48.00`` when all cost the same, else ``from $48.00``."""
    if not offers:
        return ""
    lowest = min(offers, key=lambda offer: offer.price_minor)
    price = money(lowest.price_minor, lowest.currency)
    return f"from {price}" if prices_differ(offers) else price


@register.filter
def lead_price(offers: Sequence[Offered]) -> str:
    """The price of what a drop is about: its first product."""
    return price_range([offer for offer in offers if offer.product == offers[0].product])


@register.filter
def prices_differ(offers: Sequence[Offered]) -> bool:
    return len({offer.price_minor for offer in offers}) > 1


@register.filter
def largest_limit(offers: Sequence[Offered]) -> range:
    """The quantities that at least one of the offers allows: 1, 2, …"""
    return range(1, max((offer.limit for offer in offers), default=1) + 1)


@register.filter
def any_left(offers: Sequence[Offered]) -> bool:
    """Whether anything can be bought."""
    return any(offer.available > 0 for offer in offers)


@register.filter
def any_gone(offers: Sequence[Offered]) -> bool:
    """Whether something cannot be bought."""
    return any(offer.available <= 0 for offer in offers)


@register.filter
def on_light(colour: str) -> str:
    """The colour as it can be read on a light page: e-mails can't ask ``/theme.css``."""
    return readable(colour, LIGHT_PAPER)


@register.filter
def on_dark(colour: str) -> str:
    return readable(colour, DARK_PAPER)


@register.filter
def ink(colour: str) -> str:
    """The colour of words on ``colour``."""
    return ink_on(colour)
