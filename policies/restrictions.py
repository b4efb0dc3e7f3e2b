"""Where we may sell. One verdict with its reason, asked at the quote and again at the order."""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.places import country_names


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the order may go on; if not, ``reason`` is a sentence for the fan."""

    allowed: bool
    reason: str = ""


ALLOWED = Verdict(allowed=True)


def verdict(country: str, *, ships_to: Sequence[str]) -> Verdict:
    """May an order go to ``country`` (ISO 3166, two letters)? An empty ``ships_to`` means everywhere."""
    code = country.strip().upper()
    if len(code) != 2 or code not in country_names():
        return Verdict(allowed=False, reason="Choose the country to deliver to.")
    if not ships_to or code in {place.strip().upper() for place in ships_to}:
        return ALLOWED
    return Verdict(allowed=False, reason=f"We do not deliver to {country_names()[code]}. {_places(ships_to)}")


def _places(codes: Sequence[str]) -> str:
    names = sorted(country_names().get(code.strip().upper(), code) for code in codes)
    if len(names) > 8:
        return f"We deliver to {len(names)} other countries."
    return "We deliver to " + (f"{', '.join(names[:-1])} and {names[-1]}." if len(names) > 1 else f"{names[0]}.")
