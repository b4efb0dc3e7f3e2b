"""The texts that apply to a drop: on its page, in its cart and in every quote the same ones, byte for byte."""

from datetime import datetime

from drops.models import Drop
from drops.queries import tags_of
from merchant.store import current_store
from policies.queries import ShownPolicy, applicable


def scopes(drop: Drop) -> list[str]:
    """Everything of ours a policy can be about: the shop, this drop, the tags of what it sells."""
    return ["shop", f"drop:{drop.slug}", *sorted(f"tag:{tag}" for tag in tags_of(drop))]


def values(drop: Drop) -> dict[str, str]:
    """What a text may fill in: ``{{ ship_date }}``, ``{{ drop }}``, ``{{ shop }}``, ``{{ support_email }}``."""
    store = current_store()
    known = {"drop": drop.title, "shop": store.name, "support_email": store.support_email}
    if drop.ship_date:
        known["ship_date"] = drop.ship_date.strftime("%-d %B %Y")
    return known


def disclosures(drop: Drop, *, now: datetime, language: str = "en") -> list[ShownPolicy]:
    """The policies in force for this drop at ``now``, rendered with its values."""
    return applicable(scopes(drop), now=now, values=values(drop), language=language)
