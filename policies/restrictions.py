"""Where and to whom we may sell. One verdict with its reason, asked at the quote and again at the order.

The shipping address decides. The place of the IP advises; it counts only for digital goods, which are not shipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from merchant.store import store_zone
from policies import rules
from policies.ages import AgeAsked
from policies.places import country_in_words, country_names, region_code
from policies.rules import DIGITAL, Asked, Findings, Item, Term


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the order may go on; if not, ``reason`` is a sentence for the fan.

    ``age``: what a rule asks for; ``age_open`` while it was not shown. ``fields``: what is missing from the address,
    each with a sentence. ``inputs`` and ``findings`` are the record, without personal data.
    """

    allowed: bool
    reason: str = ""
    age: AgeAsked | None = None
    age_open: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    advisory: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[tuple[str, str]] = ()


ALLOWED = Verdict(allowed=True)
SHIPS_TO = "where the shop delivers"


def judge(
    asked: Asked,
    items: Sequence[Item],
    *,
    ships_to: Sequence[str],
    now: datetime,
    terms: Sequence[Term] | None = None,
) -> Verdict:
    """May these items go there, to this person, at ``now``? By ``terms``, else by the rules that stand.

    Costs no query while the rules are remembered.
    """
    delivers = verdict(asked.where.country, ships_to=ships_to)
    terms = rules.standing(now) if terms is None else terms
    afar = bool(ships_to and asked.ip_place and not verdict(asked.ip_place[:2], ships_to=ships_to).allowed)
    if not terms and not afar:
        return delivers
    found = rules.ask(terms, asked, items, today=timezone.localdate(now, store_zone()))
    if afar:
        found.said.append((SHIPS_TO, "advice: the IP is somewhere else"))
        found.advisory = True
    return _verdict(delivers, found, asked, items)


def verdict(country: str, *, ships_to: Sequence[str]) -> Verdict:
    """May an order go to ``country`` (ISO 3166, two letters)? An empty ``ships_to`` means everywhere."""
    code = country.strip().upper()
    if len(code) != 2 or code not in country_names():
        return Verdict(allowed=False, reason="Choose the country to deliver to.")
    if not ships_to or code in {place.strip().upper() for place in ships_to}:
        return ALLOWED
    return Verdict(allowed=False, reason=f"We do not deliver to {country_in_words(code)}. {_places(ships_to)}")


def _verdict(delivers: Verdict, found: Findings, asked: Asked, items: Sequence[Item]) -> Verdict:
    return Verdict(
        allowed=delivers.allowed and not found.refusal,
        reason=delivers.reason or found.refusal,
        age=found.age,
        age_open=found.age_open,
        fields=found.fields,
        advisory=found.advisory,
        inputs=_inputs(asked, items),
        findings=tuple(found.said),
    )


def _inputs(asked: Asked, items: Sequence[Item]) -> dict[str, Any]:
    """What was known, without what names a person: no postal code, no date of birth."""
    return {
        "country": asked.where.country,
        "region": region_code(asked.where.country, asked.where.region) or _given(asked.where.region),
        "postal_code": _given(asked.where.postal_code),
        "ip_place": asked.ip_place or "unknown",
        "age": "date of birth" if asked.born else "attested" if asked.attested else "not shown",
        "items": [[sorted(item.tags), item.quantity] for item in items],
        "digital": any(DIGITAL in item.tags for item in items),
    }


def _given(text: str) -> str:
    return "given" if text else "none"


def _name(code: str) -> str:
    return country_names().get(code, code)


def _places(codes: Sequence[str]) -> str:
    names = [country_in_words(code) for code in sorted((code.strip().upper() for code in codes), key=_name)]
    if len(names) > 8:
        return f"We deliver to {len(names)} other countries."
    return "We deliver to " + (f"{', '.join(names[:-1])} and {names[-1]}." if len(names) > 1 else f"{names[0]}.")
