"""Agreeing: what a fan is told before ordering, as a signed token that the order must bring back.

A quote takes no hold and promises no stock. It fixes price, delivery, discounts, tax, total and the exact texts; if any
of them differs when the order comes, the fan is shown the fresh quote and agrees again under a new key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing

from checkout.errors import AgeRequired, Invalid, QuoteExpired, Restricted, TotalChanged
from checkout.pricing import PricedLine, Wanted, merged, price_lines
from checkout.totals import discounts, tables as totals_tables, taxes
from checkout.totals.discounts import Used
from checkout.totals.models import PICKUP
from checkout.totals.reckoning import AskTax, Job, Reckoned, reckon
from checkout.totals.shipping import STANDARD, ShippingOption
from checkout.totals.tables import Tables
from checkout.totals.taxes import TaxAnswer, Taxed
from drops import terms as drop_terms
from drops.disclosures import disclosures
from drops.models import Drop
from drops.terms import Terms
from merchant.money import Money
from merchant.store import current_store
from policies.languages import DEFAULT_LANGUAGE
from policies.places import Where
from policies.queries import ShownPolicy
from policies.restrictions import Verdict, judge
from policies.rules import Asked, Item

__all__ = ["PICKUP", "STANDARD", "Agreed", "Opened", "Quote", "agree", "open_token", "quote"]

LIFETIME = timedelta(minutes=30)
KEPT = timedelta(days=1)  # of an order that a device could not send: as long as it keeps one
SALT = "frontrow.quote"
NOTHING_GOES_THERE = "Nothing that weighs and costs as much is delivered there. Choose another place, or order less."


@dataclass(frozen=True, slots=True)
class Quote:
    """What is offered, whole. Amounts in minor units of ``currency``; ``tax_minor`` is inside the total.

    ``discount_problem``: why the code that was typed takes nothing off. ``tax_source``: who said how much tax.
    ``withheld`` and ``told_tax``: what the order needs to come to the same total.
    """

    lines: tuple[PricedLine, ...]
    country: str
    shipping_options: tuple[ShippingOption, ...]
    shipping_option: str
    shipping_title: str
    discount_code: str
    discount_problem: str
    discounts: tuple[Used, ...]
    subtotal_minor: int
    shipping_minor: int
    discount_minor: int
    tax_minor: int
    tax_added_minor: int
    tax_title: str
    tax_source: str
    total_minor: int
    currency: str
    policies: tuple[ShownPolicy, ...]
    verdict: Verdict
    issued_at: datetime
    expires_at: datetime
    drop: str
    language: str
    withheld: dict[int, str]
    told_tax: dict[str, Any] | None

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def token(self) -> str:
        """What the order must bring back, and ``agree`` compares. Signed when it is asked for: an order never does."""
        shown: dict[str, Any] = {
            "drop": self.drop,
            "lines": [[line.sku, line.quantity] for line in self.lines],
            "total": self.total_minor,
            "currency": self.currency,
            "policies": [policy.slug for policy in self.policies],
            "withheld": self.withheld,
            "tax": self.told_tax,
            "at": self.issued_at.timestamp(),
            "language": self.language,
        }
        return signing.dumps(shown, salt=SALT, compress=True)


def quote(
    drop: Drop,
    wanted: Sequence[Wanted],
    *,
    country: str,
    region: str = "",
    postal_code: str = "",
    shipping_option: str = STANDARD,
    discount_code: str = "",
    now: datetime,
    terms: Terms | None = None,
    asked: Asked | None = None,
    tables: Tables | None = None,
    withheld: Mapping[int, str] | None = None,
    ask_tax: AskTax | None = None,
    language: str = DEFAULT_LANGUAGE,
) -> Quote:
    """Price the wanted lines for a place at ``now``; valid for 30 minutes.

    ``terms`` and ``tables``: what the drop sells and what the shop adds, where they were read already. ``asked``: the
    place of the address and the age as shown, where they are known: some rules need them. ``withheld``: discounts that
    this person may not have (any more), by id with the reason. ``ask_tax`` is asked before the table of taxes; None
    from it means the table. ``language``: in which the fan reads.

    Raises Invalid, UnknownOffer and LimitReached. A place we may not sell to is no error here, read ``verdict``; nor is
    a discount code that does not apply, read ``discount_problem``.
    """
    terms = terms or drop_terms.read(drop.pk)
    place = Where(country, region, postal_code)
    job = Job(
        drop=drop,
        lines=price_lines(terms, merged(wanted)),
        place=place,
        shipping_option=shipping_option,
        code=discounts.tidy(discount_code),
        tables=tables or totals_tables.known(),
        withheld=withheld or {},
        ask_tax=ask_tax,
        now=now,
    )
    reckoned = reckon(job)
    policies = disclosures(drop, now=now, language=language, skus=[line.sku for line in job.lines], place=place)
    verdict = _judged(job, reckoned, terms, asked or Asked(place))
    return _offered(job, reckoned, tuple(policies), verdict, language)


def _judged(job: Job, reckoned: Reckoned, terms: Terms, asked: Asked) -> Verdict:
    """May it go there, to this person? Not where nothing delivers it, either."""
    items = [Item(terms.offers[line.sku].tags, line.quantity) for line in job.lines]
    verdict = judge(asked, items, ships_to=current_store().ships_to, now=job.now)
    if reckoned.options:
        return verdict
    return replace(verdict, allowed=False, reason=verdict.reason or NOTHING_GOES_THERE)


def _offered(job: Job, reckoned: Reckoned, policies: tuple[ShownPolicy, ...], verdict: Verdict, language: str) -> Quote:
    found = reckoned.sums
    return Quote(
        lines=reckoned.lines,
        country=job.place.country,
        shipping_options=reckoned.options,
        shipping_option=reckoned.shipping.code,
        shipping_title=reckoned.shipping.title,
        discount_code=job.code,
        discount_problem=reckoned.problem,
        discounts=found.used,
        subtotal_minor=found.subtotal_minor,
        shipping_minor=found.shipping_minor,
        discount_minor=found.discount_minor,
        tax_minor=found.tax_minor,
        tax_added_minor=found.tax_added_minor,
        tax_title=reckoned.tax.title,
        tax_source=reckoned.tax.source,
        total_minor=found.total_minor,
        currency=job.currency,
        policies=policies,
        verdict=verdict,
        issued_at=job.now,
        expires_at=job.now + LIFETIME,
        drop=job.drop.slug,
        withheld=dict(job.withheld),
        told_tax=_told(reckoned.tax),
        language=language,
    )


# --- what the order brings back -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the fan's quote token says: when it was shown, and which texts were beside it."""

    shown_at: datetime
    policy_slugs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A quote token that we signed; ``shown`` is None for any other."""

    shown: dict[str, Any] | None

    @property
    def withheld(self) -> dict[int, str]:
        """The discounts that the quote left out because this person may not have them."""
        withheld = (self.shown or {}).get("withheld", {})  # a release before this one knew of none, nor of a tax
        return {int(one): why for one, why in withheld.items()}

    @property
    def language(self) -> str:
        """In which the texts were shown."""
        return str((self.shown or {}).get("language", DEFAULT_LANGUAGE))

    def tax_of(self, asked: Taxed) -> TaxAnswer | None:
        """The tax that the provider's service told for this very question; None where the table was asked."""
        told = (self.shown or {}).get("tax")
        if not told or told["asked"] != taxes.digest(asked):
            return None
        return TaxAnswer(told["title"], tuple(told["goods"]), told["shipping"], taxes.PROVIDER, told["asked"])


def open_token(token: str) -> Opened:
    """Read a quote token, before the sums are done again."""
    try:
        return Opened(signing.loads(token, salt=SALT))
    except (signing.BadSignature, UnicodeError):
        return Opened(None)


def agree(drop: Drop, opened: Opened, agreed_total: Money, fresh: Quote, *, lasts: timedelta = LIFETIME) -> Agreed:
    """Compare what the fan agreed to with what holds now. (The texts are compared by their answers.)

    ``lasts``: how old a quote may be that comes out the same.

    Raises QuoteExpired and TotalChanged, each with the fresh quote, Restricted, Invalid and AgeRequired.
    """
    _require_lawful(fresh.verdict)
    shown = opened.shown
    if shown is None or shown["drop"] != drop.slug or fresh.issued_at > _time(shown) + lasts:
        raise QuoteExpired(fresh)
    same_total = (shown["total"], shown["currency"]) == (fresh.total_minor, fresh.currency)
    same_lines = shown["lines"] == [[line.sku, line.quantity] for line in fresh.lines]
    if not (same_total and same_lines and agreed_total == fresh.total):
        raise TotalChanged(fresh)
    return Agreed(_time(shown), frozenset(shown["policies"]))


def _require_lawful(verdict: Verdict) -> None:
    if not verdict.allowed:
        raise Restricted(verdict.reason, verdict)
    if verdict.fields:
        raise Invalid(dict(verdict.fields))
    if verdict.age_open and verdict.age:
        raise AgeRequired(verdict.age)


def _time(shown: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(shown["at"], tz=UTC)


def _told(tax: TaxAnswer) -> dict[str, Any] | None:
    """The provider's tax travels with the quote: an order trusts it and asks nobody."""
    if tax.source != taxes.PROVIDER:
        return None
    return {"asked": tax.asked, "title": tax.title, "goods": tax.of_goods, "shipping": tax.of_shipping}
