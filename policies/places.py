"""Countries, the unions they belong to, and the states that sell under laws of their own."""

from functools import cache

from babel import Locale

# Who is in it: https://european-union.europa.eu/principles-countries-history/eu-countries_en
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU = frozenset(_EU.split())
AREAS = {"EU": EU}
AREA_NAMES = {"EU": "the European Union"}
# By name too, because people type either: https://pe.usps.com/text/pub28/28apb.htm and Canada Post's list.
_STATES = {
    "US": (
        "AL Alabama AK Alaska AZ Arizona AR Arkansas CA California CO Colorado CT Connecticut DE Delaware "
        "DC District_of_Columbia FL Florida GA Georgia HI Hawaii ID Idaho IL Illinois IN Indiana IA Iowa "
        "KS Kansas KY Kentucky LA Louisiana ME Maine MD Maryland MA Massachusetts MI Michigan MN Minnesota "
        "MS Mississippi MO Missouri MT Montana NE Nebraska NV Nevada NH New_Hampshire NJ New_Jersey "
        "NM New_Mexico NY New_York NC North_Carolina ND North_Dakota OH Ohio OK Oklahoma OR Oregon "
        "PA Pennsylvania RI Rhode_Island SC South_Carolina SD South_Dakota TN Tennessee TX Texas UT Utah "
        "VT Vermont VA Virginia WA Washington WV West_Virginia WI Wisconsin WY Wyoming "
    ),
    "CA": (
        "AB Alberta BC British_Columbia MB Manitoba NB New_Brunswick NL Newfoundland_and_Labrador "
        "NS Nova_Scotia NT Northwest_Territories NU Nunavut ON Ontario PE Prince_Edward_Island QC Quebec "
        "SK Saskatchewan YT Yukon "
    ),
}


@cache
def country_names() -> dict[str, str]:
    """English names by ISO 3166 code of two letters."""
    return {code: name for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}


@cache
def state_names(country: str) -> dict[str, str]:
    """Names by code, of the countries whose states matter to us; of others none."""
    words = _STATES.get(country, "").split()
    return {code: name.replace("_", " ") for code, name in zip(words[::2], words[1::2], strict=True)}


def state_code(country: str, typed: str) -> str:
    """``("US", "california")`` → ``"CA"``; "" for what is no state we know. Where we know none, a code is believed."""
    wanted, names = " ".join(typed.split()), state_names(country)
    if not names:
        return wanted.upper() if wanted.isascii() and wanted.isalnum() and len(wanted) <= 3 else ""
    return _codes(country).get(wanted.casefold().replace("é", "e"), "")


def areas_of(country: str) -> list[str]:
    """The unions a country belongs to."""
    return [area for area, members in AREAS.items() if country in members]


@cache
def _codes(country: str) -> dict[str, str]:
    names = state_names(country)
    return {name.casefold(): code for code, name in names.items()} | {code.casefold(): code for code in names}
