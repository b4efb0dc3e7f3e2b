"""What a policy's place can be chosen from, by the names people know: drops, tags in use, countries and their regions.

Drops and tags are known by apps above, which tell them here once, at their start.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from policies import scopes
from policies.places import AREA_NAMES, addresses, country_names, in_words as place_in_words, region_codes_of

_titles: list[Callable[[], Mapping[str, str]]] = []
_tags: list[Callable[[], Iterable[str]]] = []
Choices = list[tuple[str, str]]


def know(*, titles: Callable[[], Mapping[str, str]], tags: Callable[[], Iterable[str]]) -> None:
    """Let the desk offer what an app above sells: ``titles`` by the slug of a drop, and the ``tags`` of products."""
    _titles.append(titles)
    _tags.append(tags)


def drop_titles() -> dict[str, str]:
    """The titles of all drops by their slugs, with the slug beside it where several have the same title."""
    known = {slug: title for titles in _titles for slug, title in titles().items()}
    times = Counter(title.casefold() for title in known.values())
    return {slug: f"{title} ({slug})" if times[title.casefold()] > 1 else title for slug, title in known.items()}


def drops(kept: Iterable[str] = ()) -> Choices:
    """Slugs with titles, by title. ``kept`` are slugs a policy has already, though their drop may be gone."""
    known = drop_titles()
    named = sorted(known.items(), key=lambda each: (each[1].casefold(), each[0]))
    return named + [(slug, f"{slug} (no drop any more)") for slug in kept if slug not in known]


def tags(kept: Iterable[str] = ()) -> Choices:
    """Tags in use, and those a policy has already, though no product may have them yet."""
    known = sorted({tag for each in _tags for tag in each()})
    return [(tag, tag) for tag in known] + [(tag, f"{tag} (on no product yet)") for tag in kept if tag not in known]


def lands() -> Choices:
    """Unions first, then countries by name; as keys of a scope."""
    areas = [(f"area:{code}", name.removeprefix("the ")) for code, name in AREA_NAMES.items()]
    countries = sorted(addresses().items(), key=lambda each: each[1])
    return areas + [(f"country:{code}", name) for code, name in countries]


def regions(countries: Iterable[str], kept: Iterable[str] = ()) -> Choices:
    """The states and regions of ``countries``, by country and name; and those that a rule names already."""
    names = country_names()
    lands = sorted({*countries, *(code[:2] for code in kept)} & set(names), key=names.__getitem__)
    return [(code, place_in_words(code)) for land in lands for code in region_codes_of(land)]


def in_words(scope: str) -> str:
    """Where it applies, for staff: with the drop's title as it is now. Asks the database; a list gives its titles."""
    return scopes.in_words(scope, drop_titles() if "drop:" in scope else {})
