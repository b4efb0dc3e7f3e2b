"""Filters of the merchant's desk."""

from datetime import datetime, timedelta

from django import template

from merchant.templatetags.shop import moment

register = template.Library()

STEPS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))


@register.filter
def when(at: datetime, now: datetime) -> str:
    """``Fri 20 Nov, 19:00 CET · in 2 h``: a time always carries its zone, and on the desk its distance too."""
    return f"{moment(at)} · {distance(at, now)}"


@register.filter
def distance(at: datetime, now: datetime) -> str:
    """``in 2 h``, ``5 min ago``, ``now``; rounded to its largest unit, hours up to two days."""
    gap = abs(at - now)
    if gap < timedelta(minutes=1):
        return "now"
    size, unit = _unit(gap)
    words = f"{round(gap / size)} {unit}"
    return f"in {words}" if at > now else f"{words} ago"


def _unit(gap: timedelta) -> tuple[timedelta, str]:
    for size, unit in STEPS:
        if gap >= (size * 2 if unit == "d" else size):
            return size, unit
    return STEPS[-1]


@register.filter
def spoken(verb: str) -> str:
    """A journal verb as words: ``payment_failed`` → ``Payment failed``."""
    return verb.replace("_", " ").replace(".", " ").capitalize()
