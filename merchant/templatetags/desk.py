"""Filters of the merchant's desk."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.text import capfirst

from merchant import journal_words
from merchant.templatetags.shop import moment

register = template.Library()

# Where the sidebar has a better word than the model.
IN_THE_SIDEBAR = {
    "Groups": "Roles",
    "Places on waiting lists": "Waiting lists",
    "Retention periods": "What is kept",
    "Users": "People",
    "Webhook events": "Payment news",
}
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


register.filter("spoken", journal_words.plain)  # a code of the provider's as words


@register.simple_tag
def deed(entry: Any) -> str:
    """What a row of the journal says was done, for people."""
    return journal_words.deed(entry.verb)


@register.simple_tag
def why(entry: Any) -> str:
    """Why, for people: fields and codes in words."""
    return journal_words.why(entry.verb, entry.why)


@register.filter
def by_name(actor: str) -> str:
    """Who did it, in a journal's row: ``staff:owner`` → ``owner``."""
    return actor.removeprefix("staff:")


@register.filter
def without_the_app(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Unfold's crumbs, less the first where others follow: it names a Django app, which is nobody's word here."""
    return parts[1:] if len(parts) > 1 else parts


@register.filter
def as_in_the_sidebar(title: object) -> str:
    """The name of a list as the sidebar has it; anything else as it is, with a capital."""
    words = str(capfirst(str(title)))
    return IN_THE_SIDEBAR.get(words, words)
