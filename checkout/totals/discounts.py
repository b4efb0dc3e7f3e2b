"""Which discounts an order has, and what each takes off: never more than there is.

Of those that apply by themselves the one that takes most off the goods counts, then the code, of what is left; and
delivery is free at most once. A code that does not apply says why and changes nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from checkout.totals.models import DiscountKind
from checkout.totals.rounding import share
from checkout.totals.tables import DiscountTerms, Tables
from merchant.money import Money

MOST_CODE = 40
USED_UP = "This code has been used up."
USED_BY_YOU = "You have used this code as often as one person may."
_GONE = "“{}” does not count any more."
TOO_LITTLE = "With this code the rest would be less than a card can pay. Add something to your order to use it."


@dataclass(frozen=True, slots=True)
class Used:
    """A discount of this order. ``amount_minor``: what it takes off; of the goods, unless ``of_shipping``."""

    discount_id: int
    title: str
    code: str
    amount_minor: int
    of_shipping: bool
    limit_in_all: int | None
    limit_per_person: int | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The discounts that an order qualifies for, in the order in which they count, and why a code does not."""

    on_goods: tuple[DiscountTerms, ...]
    on_shipping: DiscountTerms | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Basket:
    """What the rules look at."""

    drop_id: int
    subtotal_minor: int
    currency: str
    now: datetime


def tidy(code: str) -> str:
    """A code as it is compared: without spaces around it, in capitals."""
    return code.strip().upper()


def choose(tables: Tables, code: str, basket: Basket, withheld: Mapping[int, str]) -> Chosen:
    """Choose what applies. ``withheld``: discounts that do not, by id, with the reason for the fan."""
    automatic = [
        one for one in tables.discounts if not one.code and one.id not in withheld and not _refusal(one, basket)
    ]
    typed, problem = _typed(tables.discounts, code, basket, withheld)
    goods = [one for one in automatic if one.kind != DiscountKind.FREE_SHIPPING]
    best = max(goods, key=lambda one: off(one, basket.subtotal_minor), default=None)
    free = next((one for one in automatic if one.kind == DiscountKind.FREE_SHIPPING), None)
    if typed is not None and typed.kind == DiscountKind.FREE_SHIPPING:
        free = free or typed
        typed = None
    return Chosen(tuple(one for one in (best, typed) if one is not None), free, problem)


def take_off(chosen: Chosen, subtotal_minor: int) -> tuple[Used, ...]:
    """What each of those for the goods takes off, one after the other. What takes nothing is left out."""
    left, used = subtotal_minor, []
    for one in chosen.on_goods:
        if amount := off(one, left):
            left -= amount
            used.append(use(one, amount, of_shipping=False))
    return tuple(used)


def off(one: DiscountTerms, of_minor: int) -> int:
    """What a discount takes off goods of that price."""
    asked = one.amount_minor if one.kind == DiscountKind.AMOUNT else share(of_minor, one.basis_points)
    return min(asked, of_minor)


def use(one: DiscountTerms, amount_minor: int, *, of_shipping: bool) -> Used:
    return Used(one.id, one.title, one.code, amount_minor, of_shipping, one.limit_in_all, one.limit_per_person)


def _typed(
    discounts: Sequence[DiscountTerms], code: str, basket: Basket, withheld: Mapping[int, str]
) -> tuple[DiscountTerms | None, str]:
    if not code:
        return None, ""
    if len(code) > MOST_CODE:
        return None, f"A code has at most {MOST_CODE} characters."
    found = next((one for one in discounts if one.code == code), None)
    if found is None:
        return None, "We do not know this code. Look at how it is written."
    problem = withheld.get(found.id, "") or _refusal(found, basket)
    return (None, problem) if problem else (found, "")


def _refusal(one: DiscountTerms, basket: Basket) -> str:
    """Why it does not apply, in words for the fan; empty when it does."""
    checks = (
        (one.drop_ids and basket.drop_id not in one.drop_ids, "This code is not for this drop."),
        (one.starts_at is not None and basket.now < one.starts_at, "This code is not valid yet."),
        (one.ends_at is not None and basket.now >= one.ends_at, "This code has ended."),
        (one.limit_in_all is not None and one.used >= one.limit_in_all, USED_UP),
        (one.currency != basket.currency and _is_money(one), "This code is for another currency."),
    )
    for fails, words in checks:
        if fails:
            return words
    if basket.subtotal_minor < one.least_minor:
        return f"This code needs things for {Money(one.least_minor, one.currency)} or more."
    return ""


def _is_money(one: DiscountTerms) -> bool:
    return one.kind == DiscountKind.AMOUNT or one.least_minor > 0


def why_not(used: Sequence[Used], refused: Mapping[int, str]) -> str:
    """Why an order may not have some of its discounts, in a sentence each; one without a code is named."""
    gone = (one for one in used if one.discount_id in refused)
    return " ".join(refused[one.discount_id] if one.code else _GONE.format(one.title) for one in gone)
