"""What an order costs: from its lines and a place to the total, with delivery, discounts and tax."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from checkout.errors import Invalid
from checkout.pricing import PricedLine
from checkout.totals import discounts, sums, taxes
from checkout.totals.discounts import Basket
from checkout.totals.models import MOST_MINOR, PICKUP
from checkout.totals.shipping import ShippingOption, chosen, shipping_options
from checkout.totals.sums import Sums
from checkout.totals.tables import Tables
from checkout.totals.taxes import TaxAnswer, Taxed
from drops.models import Drop
from merchant.money import LEAST_CHARGED, Money, is_too_little_to_charge
from merchant.store import current_store
from policies.places import Where

AskTax = Callable[[Taxed], TaxAnswer | None]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be reckoned, to which place. ``withheld``: discounts that are left out, by id with the reason."""

    drop: Drop
    lines: tuple[PricedLine, ...]
    place: Where
    shipping_option: str
    code: str
    tables: Tables
    withheld: Mapping[int, str]
    ask_tax: AskTax | None
    now: datetime

    @property
    def currency(self) -> str:
        return self.lines[0].currency

    @property
    def amounts(self) -> tuple[int, ...]:
        return tuple(line.total_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """The money of a quote, and what was chosen for it. ``problem``: why the code that was typed takes nothing off."""

    lines: tuple[PricedLine, ...]
    sums: Sums
    tax: TaxAnswer
    options: tuple[ShippingOption, ...]
    shipping: ShippingOption
    problem: str


def reckon(job: Job) -> Reckoned:
    """The sums. Discounts that would leave less than a card can pay are left out, and all is reckoned without them.

    Raises Invalid where the lines have two currencies, for another delivery than there is, and where it is more than
    one can pay, or less.
    """
    _require_one_currency(job.lines)
    reckoned = _sums(job)
    total = Money(reckoned.sums.total_minor, job.currency)
    if total.amount > MOST_MINOR:
        raise Invalid({"lines": "This is more than one payment can be. Order less at once."})
    if reckoned.shipping.code == PICKUP or not is_too_little_to_charge(total):
        return reckoned  # nothing at all needs no payment, and what is picked up needs no card
    if reckoned.sums.used:
        too_little = {one.discount_id: discounts.TOO_LITTLE for one in reckoned.sums.used}
        return reckon(replace(job, withheld={**job.withheld, **too_little}))
    least = Money(LEAST_CHARGED[total.currency], total.currency)
    raise Invalid({"lines": f"A card can pay {least} or more, and this is {total}. Add something to your order."})


def _sums(job: Job) -> Reckoned:
    store, amounts = current_store(), job.amounts
    basket = Basket(job.drop.pk, sum(amounts), job.currency, job.now)
    apply = discounts.choose(job.tables, job.code, basket, job.withheld)
    off = sums.goods_off(apply, amounts)
    goods_minor, grams = sum(amounts) - off.whole, sum(line.grams for line in job.lines)
    options = shipping_options(
        job.tables, store, job.drop, job.place, goods_minor=goods_minor, grams=grams, now=job.now
    )
    shipping = _shipping(options, job.shipping_option)

    def tax(goods: tuple[int, ...], delivery: int) -> TaxAnswer:
        skus = tuple(line.sku for line in job.lines)
        asked = Taxed(shipping.taxed_at or job.place, job.currency, skus, goods, delivery, store.prices_include_tax)
        told = job.ask_tax(asked) if job.ask_tax is not None and options else None
        return told or taxes.by_table(job.tables, store.tax_basis_points, asked)

    found, answer = sums.add_up(amounts, off, shipping, apply, tax, included=store.prices_include_tax)
    return Reckoned(_with_sums(job.lines, found), found, answer, options, shipping, apply.problem)


def _shipping(options: tuple[ShippingOption, ...], code: str) -> ShippingOption:
    """What was chosen; nothing at all where nothing goes there."""
    shipping = chosen(options, code)
    if shipping is None and options:
        raise Invalid({"shipping_option": "Choose one of the delivery options."})
    return shipping or ShippingOption("", "", 0, "")


def _with_sums(lines: tuple[PricedLine, ...], found: Sums) -> tuple[PricedLine, ...]:
    if not found.tax_minor and not found.discount_minor:
        return lines
    each = zip(lines, found.line_discounts, found.line_taxes, strict=True)
    added = bool(found.tax_added_minor)
    return tuple(
        replace(line, discount_minor=off, tax_minor=tax, tax_added_minor=tax if added else 0) for line, off, tax in each
    )


def _require_one_currency(lines: tuple[PricedLine, ...]) -> None:
    if len({line.currency for line in lines}) > 1:
        raise Invalid({"lines": "These things are priced in different currencies and cannot share an order."})
