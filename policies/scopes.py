"""Where a policy applies: one or more opaque keys that must all hold, such as ``tag:sleepwear + country:DE``.

A cart holds keys too: ``shop`` always, its drop, the tags of what is in it, ``preorder``, and where it ships to. A
place holds what it lies in: California is in the United States, Germany in the European Union.
"""

import re
from collections.abc import Iterable, Mapping

from policies.places import AREA_NAMES, areas_of, country_names, in_words as place_in_words, region_code

SHOP, PREORDER = "shop", "preorder"
PLACES = ("area", "country", "region")
AND = " + "
MOST_KEYS = 4
KEY = r"(?:shop|preorder|drop:[\w-]+|tag:[\w-]+|area:[A-Z]{2,6}|country:[A-Z]{2}|region:[A-Z]{2}-[A-Z0-9]{1,3})"
PATTERN = re.compile(rf"{KEY}(?: \+ {KEY}){{0,{MOST_KEYS - 1}}}")
SAID = "shop, preorder, drop:<slug>, tag:<word>, area:EU, country:DE or region:US-CA; several with + between"


def keys(scope: str) -> frozenset[str]:
    """The keys of a scope as it is written."""
    return frozenset(scope.split(AND))


def written(scope_keys: Iterable[str]) -> str:
    """Keys as a scope is stored: each once, in a fixed order; the whole shop where there are none."""
    return AND.join(sorted({*scope_keys} - {SHOP} or {SHOP}, key=_rank))


def of_place(country: str, region: str = "") -> list[str]:
    """The keys of an address: ``("US", "California")`` → ``country:US``, ``region:US-CA``. Nothing for no country."""
    code = country.strip().upper()
    if code not in country_names():
        return []
    state = region_code(code, region)
    return [f"country:{code}", *([f"region:{state}"] if state else [])]


def widened(scope_keys: Iterable[str]) -> frozenset[str]:
    """The keys with everything they lie in: a region in its country, a country in its unions, all in the shop.

    The European Union lies in the European Economic Area.
    """
    found = {SHOP, *scope_keys}
    found |= {f"country:{key[7:9]}" for key in found if key.startswith("region:")}
    found |= {f"area:{area}" for key in found if key.startswith("country:") for area in areas_of(key[8:])}
    found |= {"area:EEA"} if "area:EU" in found else set()
    return frozenset(found)


def is_place(key: str) -> bool:
    """Whether it can hold only once the address is known."""
    return key.partition(":")[0] in PLACES


def is_wider(this: frozenset[str], that: frozenset[str]) -> bool:
    """Whether scope ``this`` covers everything that ``that`` covers, and more. Both as ``widened`` gives them."""
    return this < that


def reasons(scope: str) -> list[str]:
    """Why it applies to a cart, for people: ``ships to Germany``, ``pre-order``. Nothing for the whole shop."""
    return [_reason(key) for key in scope.split(AND) if key != SHOP]


def in_words(scope: str, titles: Mapping[str, str] | None = None) -> str:
    """Where it applies, for people: ``the drop “Winter Robe”, shipped to Germany``. All of it must hold.

    ``titles`` of drops by their slugs; a drop without one is called by its slug.
    """
    first, *more = scope.split(AND)
    return ", ".join([_place(first, titles or {}), *map(_narrowed, more)])


def _rank(key: str) -> tuple[int, str]:
    order = (SHOP, "drop", "tag", PREORDER, "area", "country", "region")
    kind = key.partition(":")[0]
    return (order.index(kind) if kind in order else len(order), key)


def _reason(key: str) -> str:
    kind, _, name = key.partition(":")
    if kind in PLACES:
        return f"ships to {_place_name(kind, name)}"
    return {PREORDER: "pre-order", "drop": "this drop"}.get(kind, name.replace("-", " "))


def _place(key: str, titles: Mapping[str, str]) -> str:
    kind, _, name = key.partition(":")
    if kind in PLACES:
        return f"orders to {_place_name(kind, name)}"
    words = name.replace("-", " ")
    return {
        "drop": f"the drop “{titles.get(name, words)}”",
        "tag": f"everything tagged “{words}”",
        PREORDER: "pre-orders",
    }.get(kind, "everything the shop sells")


def _narrowed(key: str) -> str:
    kind, _, name = key.partition(":")
    if kind in PLACES:
        return f"shipped to {_place_name(kind, name)}"
    words = name.replace("-", " ")
    return {"drop": f"in the drop “{words}”", "tag": f"with something tagged “{words}”"}.get(kind, "pre-ordered")


def _place_name(kind: str, name: str) -> str:
    if kind == "area":
        return AREA_NAMES.get(name, name)
    return place_in_words(name)
