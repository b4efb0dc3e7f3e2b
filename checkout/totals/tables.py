"""The shop's tables of delivery, tax and discounts, read whole in one statement and remembered for a second.

A quote may be a second old. An order brings the version that holds in its transaction; where this process remembers
another one, it reads them anew.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from policies.places import region_code

FRESH_SECONDS = 1.0
VERSION = "coalesce((SELECT number FROM checkout_tablesversion WHERE id = 1), 0)"
_READ = f"""
    SELECT {VERSION},
    (SELECT json_agg(z ORDER BY z.position, z.id) FROM (
        SELECT id, position, countries, regions FROM checkout_shippingzone) z)::text,
    (SELECT json_agg(r ORDER BY r.position, r.from_grams, r.id) FROM (
        SELECT id, position, zone_id, code, title, note, price_minor, per_kg_minor, from_grams, up_to_grams,
               free_from_minor FROM checkout_shippingrate) r)::text,
    (SELECT json_agg(p ORDER BY p.id) FROM (
        SELECT id, code, title, note, country, region, price_minor FROM checkout_pickuppoint WHERE is_open) p)::text,
    (SELECT json_agg(t) FROM (SELECT title, country, region, basis_points, on_shipping FROM checkout_taxrate) t)::text,
    (SELECT json_agg(d ORDER BY d.id) FROM (
        SELECT d.id, title, code, kind, amount_minor, currency, basis_points, least_minor, starts_at, ends_at,
               limit_in_all, limit_per_person,
               ARRAY(SELECT drop_id FROM checkout_discountdrop s WHERE s.discount_id = d.id) AS drop_ids,
               coalesce((SELECT used FROM checkout_discountcount c
                         WHERE c.discount_id = d.id AND c.person_key = ''), 0) AS used
        FROM checkout_discount d WHERE is_on) d)::text
"""  # noqa: S608  # our own words


@dataclass(frozen=True, slots=True)
class Rate:
    code: str
    title: str
    note: str
    price_minor: int
    per_kg_minor: int
    from_grams: int
    up_to_grams: int | None
    free_from_minor: int | None


@dataclass(frozen=True, slots=True)
class Zone:
    """``countries`` empty: wherever no other zone is. ``regions`` in small letters."""

    countries: frozenset[str]
    regions: frozenset[str]
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Point:
    code: str
    title: str
    note: str
    country: str
    region: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Tax:
    title: str
    country: str
    region: str
    basis_points: int
    on_shipping: bool


@dataclass(frozen=True, slots=True)
class DiscountTerms:
    """A discount that is switched on. ``used``: by all, where a limit in all is counted; as old as the tables that were
    remembered. ``redemptions`` decides."""

    id: int
    title: str
    code: str
    kind: str
    amount_minor: int
    currency: str
    basis_points: int
    least_minor: int
    starts_at: datetime | None
    ends_at: datetime | None
    limit_in_all: int | None
    limit_per_person: int | None
    drop_ids: frozenset[int]
    used: int


@dataclass(frozen=True, slots=True)
class Tables:
    """All of it, as it stood in one instant."""

    version: int
    zones: tuple[Zone, ...] = ()
    points: tuple[Point, ...] = ()
    taxes: tuple[Tax, ...] = ()
    discounts: tuple[DiscountTerms, ...] = ()


_known: list[tuple[float, Tables]] = []


def known() -> Tables:
    """The tables, at most a second old."""
    if not _known or time.monotonic() - _known[0][0] > FRESH_SECONDS:
        return _remember()
    return _known[0][1]


def at(version: int) -> Tables:
    """The tables of a version that was read in this transaction, or of a later one."""
    if not _known or _known[0][1].version != version:
        return _remember()
    return _known[0][1]


def forget() -> None:
    """Read them anew at the next call: between tests, and after a seed."""
    _known.clear()


def _remember() -> Tables:
    begun = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        version, *texts = cursor.fetchone()
    tables = _tables(version, texts)
    _known[:] = [(begun, tables)]
    return tables


def _tables(version: int, texts: Sequence[str | None]) -> Tables:
    zones, rates, points, taxes, discounts = (json.loads(text or "[]") for text in texts)
    return Tables(
        version=version,
        zones=tuple(_zone(zone, rates) for zone in zones),
        points=tuple(Point(**_without(point, "id")) for point in points),
        taxes=tuple(Tax(**tax | {"region": region_key(tax["country"], tax["region"])}) for tax in taxes),
        discounts=tuple(_discount(given) for given in discounts),
    )


def _zone(given: dict[str, Any], rates: Sequence[dict[str, Any]]) -> Zone:
    own = (rate for rate in rates if rate["zone_id"] == given["id"])
    return Zone(
        countries=frozenset(given["countries"]),
        regions=frozenset(region_key(country, region) for country in given["countries"] for region in given["regions"]),
        rates=tuple(Rate(**_without(rate, "id", "position", "zone_id")) for rate in own),
    )


def _discount(given: dict[str, Any]) -> DiscountTerms:
    times = {name: datetime.fromisoformat(given[name]) if given[name] else None for name in ("starts_at", "ends_at")}
    return DiscountTerms(**given | times | {"drop_ids": frozenset(given["drop_ids"])})


def _without(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def region_key(country: str, region: str) -> str:
    """A region as it is compared: by its code where it is known, ``California`` is ``US-CA``; else by its letters."""
    return region_code(country, region) or " ".join(region.split()).casefold()
