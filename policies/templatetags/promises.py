"""How the one sentence of a version stands on pages that know no drop."""

from django import template

from policies.models import PolicyVersion
from policies.rendering import neutral

register = template.Library()


@register.filter
def one_sentence(version: PolicyVersion) -> str:
    """The summary with the shop's own values, and neutral words for those of a drop."""
    return neutral(version, version.summary)
