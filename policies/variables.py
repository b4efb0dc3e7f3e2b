"""The values a text may fill in: what each means, of which type it is, who gives it, and what stands in without it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Literal

from babel.dates import format_date

from merchant.models import StoreProfile

Value = str | int | date
Giver = Literal["shop", "drop"]


@dataclass(frozen=True, slots=True)
class Variable:
    """``neutral``: the words on the policy's own page, where no drop gives a value. ``fix``: what to do without one."""

    type: Literal["text", "number", "date", "e-mail"]
    giver: Giver
    neutral: str
    fix: str


TABLE = {
    "ship_date": Variable("date", "drop", "the ship date shown with the drop", "Set the drop's ship date."),
    "drop": Variable("text", "drop", "the drop", "Give the drop a title."),
    "shop": Variable("text", "shop", "the shop", "Write the shop's name in its profile."),
    "support_email": Variable("e-mail", "shop", "our support address", "Write the support address in its profile."),
    "return_days": Variable(
        "number", "shop", "the number of days in our returns policy", "Set the return days in the shop's profile."
    ),
    "postal_address": Variable("text", "shop", "our postal address", "Write the shop's postal address in its profile."),
}
NEUTRAL = {name: variable.neutral for name, variable in TABLE.items()}


def of_shop(shop: StoreProfile) -> dict[str, Value]:
    """The values the shop's profile gives; those it lacks are left out."""
    given: dict[str, Value | None] = {
        "shop": shop.name,
        "support_email": shop.support_email,
        "return_days": shop.return_days,
        "postal_address": ", ".join(shop.postal_address.split("\n")),
    }
    return {name: value for name, value in given.items() if value}


def fixed_by(shop: StoreProfile, names: Iterable[str], language: str) -> dict[str, str]:
    """What the shop gives for these names, as a text of ``language`` says it: what a version is published with."""
    wanted = set(names)
    return {name: in_words(value, language) for name, value in of_shop(shop).items() if name in wanted}


def in_words(value: Value, language: str) -> str:
    """A value as a text of ``language`` says it: dates by their month's name."""
    if not isinstance(value, date):
        return str(value)
    if language.startswith("en"):
        return value.strftime("%-d %B %Y")
    return str(format_date(value, "long", locale=language.replace("-", "_")))


def unknown(names: list[str]) -> dict[str, str]:
    """Names that nothing fills in, each with the one that was probably meant ("" when none is near)."""
    return {name: next(iter(get_close_matches(name, TABLE, 1)), "") for name in names if name not in TABLE}


def lacking(names: list[str], given: Mapping[str, Value], giver: Giver) -> list[str]:
    """What to do about the variables of ``giver`` that a text uses and nobody has given a value."""
    wanted = [name for name in names if name in TABLE and TABLE[name].giver == giver and not given.get(name)]
    return [f"{{{{ {name} }}}} has no value. {TABLE[name].fix}" for name in wanted]
