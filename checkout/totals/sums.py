"""Lines, delivery, discounts and tax to one total: every amount a whole minor unit, and they add up.

    total = goods + delivery − discounts + tax on top

with the tax on top being all of it where prices are without tax, and nothing where it is inside them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from checkout.totals.discounts import Chosen, Used, take_off, use
from checkout.totals.rounding import spread
from checkout.totals.shipping import ShippingOption
from checkout.totals.taxes import TaxAnswer


@dataclass(frozen=True, slots=True)
class Off:
    """What discounts take off the goods: each of them, and of each line."""

    used: tuple[Used, ...]
    of_lines: tuple[int, ...]

    @property
    def whole(self) -> int:
        return sum(self.of_lines)


@dataclass(frozen=True, slots=True)
class Sums:
    """An order's money, in minor units. ``tax_minor`` is inside ``total_minor``, ``tax_added_minor`` of it on top."""

    subtotal_minor: int
    shipping_minor: int
    discount_minor: int
    tax_minor: int
    tax_added_minor: int
    line_discounts: tuple[int, ...]
    line_taxes: tuple[int, ...]
    used: tuple[Used, ...]

    @property
    def total_minor(self) -> int:
        return self.subtotal_minor + self.shipping_minor - self.discount_minor + self.tax_added_minor


def goods_off(chosen: Chosen, amounts: Sequence[int]) -> Off:
    """What comes off the goods, spread over the lines by what they cost."""
    used = take_off(chosen, sum(amounts))
    return Off(used, spread(sum(one.amount_minor for one in used), amounts))


def add_up(
    amounts: Sequence[int],
    off: Off,
    shipping: ShippingOption,
    chosen: Chosen,
    ask_tax: Callable[[tuple[int, ...], int], TaxAnswer],
    *,
    included: bool,
) -> tuple[Sums, TaxAnswer]:
    """Everything together. ``ask_tax`` is given what is left of each line and of the delivery."""
    used = off.used
    shipping_off = shipping.amount_minor if chosen.on_shipping else 0
    if chosen.on_shipping and shipping_off:
        used = (*used, use(chosen.on_shipping, shipping_off, of_shipping=True))
    left = tuple(amount - less for amount, less in zip(amounts, off.of_lines, strict=True))
    tax = ask_tax(left, shipping.amount_minor - shipping_off)
    return Sums(
        subtotal_minor=sum(amounts),
        shipping_minor=shipping.amount_minor,
        discount_minor=off.whole + shipping_off,
        tax_minor=tax.whole,
        tax_added_minor=0 if included else tax.whole,
        line_discounts=off.of_lines,
        line_taxes=tax.of_goods,
        used=used,
    ), tax
