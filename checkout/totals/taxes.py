"""The tax of a place, from the shop's table: inside the prices or on top of them."""

import hashlib
from dataclasses import astuple, dataclass, replace

from checkout.totals.rounding import inside, share
from checkout.totals.tables import Tables, Tax, region_key
from policies.places import Where

TABLE, PROVIDER = "table", "stripe"
NOWHERE = Where("")


@dataclass(frozen=True, slots=True)
class Taxed:
    """What is asked: the amounts that are left after discounts, in minor units."""

    place: Where
    currency: str
    skus: tuple[str, ...]
    goods_minor: tuple[int, ...]
    shipping_minor: int
    included: bool


@dataclass(frozen=True, slots=True)
class TaxAnswer:
    """The tax of each line and of the delivery. ``source``: the table, or the provider's tax service."""

    title: str
    of_goods: tuple[int, ...]
    of_shipping: int
    source: str = TABLE
    asked: str = ""  # the digest of the question, where the provider answered it

    @property
    def whole(self) -> int:
        return sum(self.of_goods) + self.of_shipping


def digest(asked: Taxed) -> str:
    """Tells one question from another: the same one has the same answer."""
    where = asked.place
    place = (where.country, region_key(where.country, where.region), where.postal_code.strip().upper())
    return hashlib.sha256(repr((*place, *astuple(replace(asked, place=NOWHERE)))).encode()).hexdigest()[:32]


def by_table(tables: Tables, shop_basis_points: int, asked: Taxed) -> TaxAnswer:
    """By the region's rate, else the country's, else none. A shop without a table has its one rate inside its prices.

    Each line is rounded by itself, half up.
    """
    rate = rate_at(tables, asked.place) if tables.taxes else Tax("Tax", "", "", shop_basis_points, on_shipping=True)
    if rate is None or not rate.basis_points:
        return TaxAnswer("", (0,) * len(asked.goods_minor), 0)
    cut = inside if asked.included else share
    return TaxAnswer(
        title=f"{rate.title} {percent(rate.basis_points)}" if tables.taxes else "Tax",
        of_goods=tuple(cut(amount, rate.basis_points) for amount in asked.goods_minor),
        of_shipping=cut(asked.shipping_minor, rate.basis_points) if rate.on_shipping else 0,
    )


def rate_at(tables: Tables, place: Where) -> Tax | None:
    """The rate of the region where there is one, else of the country."""
    region, found = region_key(place.country, place.region), None
    for tax in tables.taxes:
        if tax.country == place.country and tax.region in ("", region):
            found = tax if tax.region or found is None else found
    return found


def percent(basis_points: int) -> str:
    """``1900`` → ``19 %``, ``825`` → ``8.25 %``."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".") + " %" if rest else f"{whole} %"
