"""The texts that apply to a drop: on its page, in its cart and in every quote the same ones, byte for byte."""

from collections.abc import Iterable
from datetime import datetime

from drops.models import Drop, DropState, Product
from drops.queries import tags_of
from merchant.store import current_store
from policies import scopes
from policies.languages import DEFAULT_LANGUAGE
from policies.places import Where
from policies.queries import ShownPolicy, applicable
from policies.variables import Value, of_shop

NOWHERE_YET = Where("")


def held_keys(drop: Drop, *, skus: Iterable[str] | None = None, place: Where = NOWHERE_YET) -> list[str]:
    """Everything of ours a policy can be about: the shop, this drop, the tags of what is bought, where it goes.

    ``skus``: what is in the cart; None for all that the drop sells.
    """
    tags = sorted(f"tag:{tag}" for tag in tags_of(drop, skus))
    later = [scopes.PREORDER] if drop.ship_date else []
    return [scopes.SHOP, f"drop:{drop.slug}", *tags, *later, *scopes.of_place(place.country, place.region)]


def values(drop: Drop) -> dict[str, Value]:
    """What a text may fill in: the shop's own values, ``{{ drop }}`` and, for a pre-order, ``{{ ship_date }}``."""
    known = of_shop(current_store()) | {"drop": drop.title}
    return known | ({"ship_date": drop.ship_date} if drop.ship_date else {})


def lacking_where(scope_keys: frozenset[str], names: Iterable[str]) -> list[str]:
    """What the drops that sell, or soon will, lack of what a text for these keys fills in. No query where nothing."""
    if "ship_date" not in names:  # each drop has a title
        return []
    wanted = {key for key in scope_keys if not scopes.is_place(key)}
    undated = Drop.objects.filter(ship_date=None).exclude(state__in=[DropState.DRAFT, DropState.CLOSED])
    said = "which it applies to. Set its ship date, or choose pre-orders alone."
    return [
        f"{{{{ ship_date }}}} has no value for “{drop.title}”, {said}"
        for drop in undated.order_by("title", "pk")
        if wanted <= scopes.widened(held_keys(drop))
    ]


def disclosures(
    drop: Drop,
    *,
    now: datetime,
    language: str = DEFAULT_LANGUAGE,
    skus: Iterable[str] | None = None,
    place: Where = NOWHERE_YET,
) -> list[ShownPolicy]:
    """The policies in force at ``now`` for these things of the drop and this place, rendered with their values."""
    return applicable(held_keys(drop, skus=skus, place=place), now=now, values=values(drop), language=language)


def drop_titles() -> dict[str, str]:
    """By slug: the drops that a policy can be about."""
    return dict(Drop.objects.values_list("slug", "title"))


def tags_in_use() -> set[str]:
    """The tags of products that a policy can be about."""
    return {tag for tags in Product.objects.values_list("tags", flat=True) for tag in tags}
