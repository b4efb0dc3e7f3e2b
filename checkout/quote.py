"""Agreeing: what a fan is told before ordering, as a signed token that the order must bring back.

A quote takes no hold and promises no stock. It fixes price, shipping, tax, total and the exact texts; if any of them
differs when the order comes, the fan is shown the fresh quote and agrees again under a new key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing

from checkout.errors import Invalid, QuoteExpired, Restricted, TotalChanged
from checkout.pricing import PricedLine, Wanted, included_tax, merged, price_lines
from drops import terms as drop_terms
from drops.disclosures import Place, disclosures
from drops.models import Drop
from drops.terms import Terms
from merchant.models import StoreProfile
from merchant.money import LEAST_CHARGED, Money, is_too_little_to_charge
from merchant.store import current_store
from policies.languages import DEFAULT_LANGUAGE
from policies.queries import ShownPolicy
from policies.restrictions import Verdict, verdict

LIFETIME = timedelta(minutes=30)
SALT = "frontrow.quote"
STANDARD = "standard"
MOST_MINOR = 99_999_999  # eight digits: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
PICKUP = "pickup"


@dataclass(frozen=True, slots=True)
class ShippingOption:
    code: str
    title: str
    amount_minor: int
    note: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What is offered, whole. Amounts in minor units of ``currency``; ``tax_minor`` is inside the total."""

    lines: tuple[PricedLine, ...]
    country: str
    shipping_options: tuple[ShippingOption, ...]
    shipping_option: str
    subtotal_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    currency: str
    policies: tuple[ShownPolicy, ...]
    verdict: Verdict
    issued_at: datetime
    expires_at: datetime
    token: str

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)


def quote(
    drop: Drop,
    wanted: Sequence[Wanted],
    *,
    country: str,
    region: str = "",
    shipping_option: str = STANDARD,
    now: datetime,
    terms: Terms | None = None,
    language: str = DEFAULT_LANGUAGE,
) -> Quote:
    """Price the wanted lines for a place at ``now``; valid for 30 minutes.

    ``terms``: what the drop sells, where it was read already. ``language``: in which the fan reads.

    Raises Invalid, UnknownOffer and LimitReached. A place we may not sell to is not an error here: read ``verdict``.
    """
    store = current_store()
    lines = price_lines(terms or drop_terms.read(drop.pk), merged(wanted))
    options = shipping_options(store, drop, now)
    shipping = _chosen(options, shipping_option)
    subtotal = sum(line.total_minor for line in lines)
    total = Money(subtotal + shipping.amount_minor, _currency(lines))
    _refuse_unpayable(total, shipping)
    skus = [line.sku for line in lines]
    policies = tuple(disclosures(drop, now=now, language=language, skus=skus, place=Place(country, region)))
    return Quote(
        lines=lines,
        country=country,
        shipping_options=options,
        shipping_option=shipping.code,
        subtotal_minor=subtotal,
        shipping_minor=shipping.amount_minor,
        tax_minor=sum(line.tax_minor for line in lines) + included_tax(shipping.amount_minor, store.tax_basis_points),
        total_minor=total.amount,
        currency=total.currency,
        policies=policies,
        verdict=verdict(country, ships_to=store.ships_to),
        issued_at=now,
        expires_at=now + LIFETIME,
        token=_signed(drop, lines, total, policies, now=now, language=language),
    )


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the fan's quote token says: when it was shown, and which texts were beside it."""

    shown_at: datetime
    policy_slugs: frozenset[str]


def agree(drop: Drop, token: str, agreed_total: Money, fresh: Quote) -> Agreed:
    """Compare what the fan agreed to with what holds now. (The texts are compared by their answers.)

    Raises QuoteExpired and TotalChanged, each with the fresh quote, and Restricted.
    """
    if not fresh.verdict.allowed:
        raise Restricted(fresh.verdict.reason)
    shown = _opened(token)
    if shown is None or shown["drop"] != drop.slug or fresh.issued_at > _time(shown) + LIFETIME:
        raise QuoteExpired(fresh)
    same_total = (shown["total"], shown["currency"]) == (fresh.total_minor, fresh.currency)
    same_lines = shown["lines"] == [[line.sku, line.quantity] for line in fresh.lines]
    if not (same_total and same_lines and agreed_total == fresh.total):
        raise TotalChanged(fresh)
    return Agreed(_time(shown), frozenset(shown["policies"]))


def language_of(token: str) -> str:
    """The language in which the texts of a quote were shown."""
    return str((_opened(token) or {}).get("language", DEFAULT_LANGUAGE))


def _time(shown: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(shown["at"], tz=UTC)


def shipping_options(store: StoreProfile, drop: Drop, now: datetime) -> tuple[ShippingOption, ...]:
    """The one flat option, until real tables come; and picking it up and paying then, where the drop allows it."""
    standard = ShippingOption(STANDARD, "Standard delivery", store.shipping_minor, "3–5 working days")
    if not drop.pay_at_pickup or drop.pickup_until is None or drop.pickup_until <= now:
        return (standard,)
    return (standard, ShippingOption(PICKUP, "Pay when you pick it up", 0, drop.pickup_place))


def _chosen(options: tuple[ShippingOption, ...], code: str) -> ShippingOption:
    for option in options:
        if option.code == code:
            return option
    raise Invalid({"shipping_option": "Choose one of the delivery options."})


def _refuse_unpayable(total: Money, shipping: ShippingOption) -> None:
    """Nothing at all needs no payment, and what is picked up needs no card."""
    if total.amount > MOST_MINOR:
        raise Invalid({"lines": "This is more than one payment can be. Order less at once."})
    if shipping.code != PICKUP and is_too_little_to_charge(total):
        least = Money(LEAST_CHARGED[total.currency], total.currency)
        raise Invalid({"lines": f"A card can pay {least} or more, and this is {total}. Add something to your order."})


def _signed(
    drop: Drop,
    lines: Sequence[PricedLine],
    total: Money,
    policies: Sequence[ShownPolicy],
    *,
    now: datetime,
    language: str,
) -> str:
    """What the order must bring back, and ``agree`` compares."""
    shown: dict[str, Any] = {
        "drop": drop.slug,
        "lines": [[line.sku, line.quantity] for line in lines],
        "total": total.amount,
        "currency": total.currency,
        "policies": [policy.slug for policy in policies],
        "at": now.timestamp(),
        "language": language,
    }
    return signing.dumps(shown, salt=SALT, compress=True)


def _currency(lines: tuple[PricedLine, ...]) -> str:
    currencies = {line.currency for line in lines}
    if len(currencies) > 1:
        raise Invalid({"lines": "These things are priced in different currencies and cannot share an order."})
    return currencies.pop()


def _opened(token: str) -> dict[str, Any] | None:
    try:
        opened: dict[str, Any] = signing.loads(token, salt=SALT)
    except (signing.BadSignature, UnicodeError):
        return None
    return opened
