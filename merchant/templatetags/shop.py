"""Filters that every template may use."""

from datetime import datetime

from django import template
from django.utils import timezone

from merchant.money import Money

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
def clock(at: datetime) -> str:
    """``19:00 CET``."""
    return timezone.localtime(at).strftime("%H:%M %Z")
