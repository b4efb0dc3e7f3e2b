"""Places as rules name them: ``DE``, ``US-CA``, ``US 99500-99999``, ``GB BT``; and whether an address lies in one."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache

import pycountry
from babel import Locale

# Who is in it: https://european-union.europa.eu/principles-countries-history/eu-countries_en
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU = frozenset(_EU.split())
# The states of the European Free Trade Association that are in it: https://www.efta.int/eea
EEA = EU | {"IS", "LI", "NO"}
AREAS = {"EU": EU, "EEA": EEA}  # the narrower first
AREA_NAMES = {"EU": "the European Union", "EEA": "the European Economic Area"}
# English says "the" before them.
WITH_AN_ARTICLE = frozenset(
    [
        "AE",
        "BS",
        "CF",
        "CK",
        "DO",
        "FK",
        "FO",
        "GB",
        "GM",
        "IM",
        "KM",
        "KY",
        "MH",
        "MP",
        "MV",
        "NL",
        "PH",
        "SB",
        "SC",
        "TC",
        "UM",
        "US",
        "VG",
        "VI",
    ]
)
MOST_PLACES = 200
MOST_TEXT = 4_000
IS_PLACE = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")  # a country or a region
_POSTAL = re.compile(r"(?P<country>[A-Z]{2}) (?P<low>[A-Z0-9]{1,10})(?:-(?P<high>[A-Z0-9]{1,10}))?")


class In(Enum):
    """Whether an address lies in a place. UNSURE: what would tell is missing from it."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Where:
    """As much as is known of a place. ``region`` is what somebody typed: ``CA``, ``California``, or nothing."""

    country: str
    region: str = ""
    postal_code: str = ""


def read_postal_codes(text: str) -> tuple[list[str], list[str]]:
    """What a merchant typed, with commas or lines between, as places: ``US 99500-99999``, or with the country's name;
    and sentences about what is none."""
    if len(text) > MOST_TEXT:
        return [], [f"At most {MOST_TEXT:,} characters."]
    places: dict[str, None] = {}
    wrong = []
    for part in re.split(r"[,;\n]", text):
        if not (said := " ".join(part.upper().split())):
            continue
        if problem := _problem(place := _by_code(re.sub(r"\s*[-–]\s*", "-", said))):
            wrong.append(problem)
        places[place] = None
    return list(places), wrong[:5]


def _by_code(said: str) -> str:
    """``UNITED STATES 99500-99999`` → ``US 99500-99999``; anything else as it is."""
    name, _, codes = said.rpartition(" ")
    code = _country_codes().get(_plain(name))
    return f"{code} {codes}" if code else said


def _problem(place: str) -> str:
    if place in country_names() or place in _country_codes():
        return f"{place}: choose a whole country from the list of countries."
    if place in _regions():
        return f"{place}: choose a state or region from its list."
    codes = _POSTAL.fullmatch(place)
    if codes is None:
        return f"{place}: write the country, then postal codes: US 99500-99999, or GB BT."
    if codes["country"] not in country_names():
        return f"{place}: there is no country {codes['country']}."
    low, high = codes["low"], codes["high"]
    if high and (len(low) != len(high) or low > high):
        return f"{place}: the first postal code must be as long as the last, and not after it."
    return ""


def lies_in(places: Iterable[str], where: Where) -> In:
    """Whether ``where`` lies in any of ``places``."""
    found = {_lies_in(place, where) for place in places if place[:2] == where.country}
    return In.YES if In.YES in found else In.UNSURE if In.UNSURE in found else In.NO


def _lies_in(place: str, where: Where) -> In:
    if len(place) == 2:
        return In.YES
    if place[2] == "-":
        region = region_code(where.country, where.region)
        return In.UNSURE if region is None else _yes(region == place)
    low, _, high = place[3:].partition("-")
    code = _code(where.postal_code, low)
    return _yes(_has_code(code, low, high or low)) if code else In.UNSURE


def _code(said: str, low: str) -> str:
    """A postal code as it is looked for in a range. In a range of numbers its numbers count: ``AK 99501``, ``D-10115``
    and ``LV-1010`` are written so, and nobody leaves a place by writing its code another way."""
    code = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", said).upper()))
    return "".join(str(unicodedata.digit(sign)) for sign in code if sign.isdigit()) if low.isdigit() else code


def _has_code(code: str, low: str, high: str) -> bool:
    """By its first signs, as many as the range has: 99501 is in 995-999. Letters alone mean an area: BT is not in B."""
    if low == high and low.isalpha() and code[len(low) : len(low) + 1].isalpha():
        return False
    return len(code) >= len(low) and low <= code[: len(low)] <= high


def _yes(true: bool) -> In:  # the one thing it says
    return In.YES if true else In.NO


@lru_cache(maxsize=4_000)
def region_code(country: str, said: str) -> str | None:
    """``California``, ``ca`` and ``US-CA`` → ``US-CA``; None for what is no region of that country."""
    said = _plain(said)
    if not said:
        return None
    code = said if said.startswith(f"{country}-") else f"{country}-{said}"
    return code if code in _regions() else _region_names().get((country, said))


def region_name(code: str) -> str:
    """``US-CA`` → ``California``; a code nobody knows stays as it is."""
    return _regions().get(code, code)


def region_codes_of(country: str) -> list[str]:
    """The codes of a country's regions, by their names."""
    found = {code: name for code, name in _regions().items() if code.startswith(f"{country}-")}
    return sorted(found, key=lambda code: (found[code], code))


def regions_of(country: str) -> list[str]:
    """The names of a country's regions, by name; none for what is no country."""
    return list(dict.fromkeys(map(region_name, region_codes_of(country))))


def areas_of(country: str) -> list[str]:
    """The unions a country belongs to."""
    return [area for area, members in AREAS.items() if country in members]


def needs(places: Sequence[str], where: Where) -> dict[str, str]:
    """Which fields of an address would settle it, each with a sentence for the fan."""
    asked = {}
    here = [place for place in places if place[:2] == where.country and len(place) > 2]
    if any(place[2] == "-" for place in here) and region_code(where.country, where.region) is None:
        example = next((each for each in here if each[2] == "-"), "")
        asked["region"] = (
            f"It decides whether we may send this there. Write the state or region, or its code: {example[3:]} for"
            f" {_regions().get(example, example)}."
        )
    if any(place[2] == " " and not _code(where.postal_code, place[3:].partition("-")[0]) for place in here):
        asked["postal_code"] = "Enter your postal code: it decides whether we may send this there."
    return asked


def in_words(place: str) -> str:
    """``California (United States)``, ``Germany``, ``postal codes 995–999 of the United States``."""
    if len(place) == 2:
        return country_in_words(place)
    if place[2] == "-":
        return f"{region_name(place)} ({country_names().get(place[:2], place[:2])})"
    return f"postal codes {place[3:].replace('-', '–')} of {country_in_words(place[:2])}"


def all_in_words(places: Sequence[str]) -> list[str]:
    """The same for several; a union whose countries are all among them goes by its own name."""
    areas, others = gathered(places)
    return [*(AREA_NAMES[area] for area in areas), *map(in_words, others)]


def gathered(places: Sequence[str]) -> tuple[list[str], list[str]]:
    """The unions that are among them whole, and the places beside those."""
    areas = [area for area, members in AREAS.items() if members <= set(places)]
    within = frozenset[str]().union(*(AREAS[area] for area in areas))
    return areas, [place for place in places if place not in within]


def country_in_words(code: str) -> str:
    """A country's name as it stands in a sentence: ``the United States``."""
    name = country_names().get(code, code)
    return f"the {name}" if code in WITH_AN_ARTICLE else name


@cache
def country_names() -> dict[str, str]:
    """ISO 3166 codes with their English names."""
    return {code: name for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}


@cache
def _country_codes() -> dict[str, str]:
    return {_plain(name): code for code, name in country_names().items()}


@cache
def addresses() -> dict[str, str]:
    """Those of ``country_names`` that something can be sent to: not the United Nations, nor the Union as a country.

    ISO 3166, and Kosovo, which has no code there yet.
    """
    lands = {country.alpha_2 for country in pycountry.countries} | {"XK"}
    return {code: name for code, name in country_names().items() if code in lands}


@cache
def _regions() -> dict[str, str]:
    return {region.code: region.name for region in pycountry.subdivisions}


@cache
def _region_names() -> dict[tuple[str, str], str]:
    return {(code[:2], _plain(name)): code for code, name in _regions().items()}


def _plain(name: str) -> str:
    """Without accents, case and double spaces: nobody is refused for an umlaut."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return " ".join(bare.upper().split())
