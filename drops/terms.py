"""What a drop sells, at which price, from which stock and when: read whole, in one statement.

An order reads it anew in its own transaction. A quote and a door may use what this process remembers: it is at most a
second old, and an order that was agreed to on older terms is refused with the fresh ones.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from drops import stock
from drops.errors import UnknownOffer
from drops.models import Drop, DropState

FRESH_SECONDS = 1.0
MOST_REMEMBERED = 200
_LONG = ("story", "creator_note")  # no order needs them
_NO_STEPS = "beside AS (SELECT NULL)"
# In SQL because each order asks it: four questions of the ORM would take ten times as long to put together.
_READ = """
    SELECT
        (SELECT * FROM beside),
        (SELECT json_agg(json_build_array(w.kind, w.opens_at, w.closes_at) ORDER BY w.opens_at)
         FROM drops_salewindow w WHERE w.drop_id = d.id)::text,
        (SELECT json_agg(json_build_array(
            v.sku, o.id, p.title || ', ' || v.title, o.price_minor, o.currency, o.per_person_limit, v.weight_grams,
            to_json(p.tags),
            (SELECT json_agg(json_build_array(c.stock_item_id, c.quantity) ORDER BY c.stock_item_id)
             FROM drops_offercomponent c WHERE c.offer_id = o.id)
         )) FROM drops_offer o JOIN drops_variant v ON v.id = o.variant_id JOIN drops_product p ON p.id = v.product_id
         WHERE o.drop_id = d.id)::text,
        {columns}
    FROM drops_drop d WHERE {which}
"""


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """An offer of a drop. ``parts``: ``(stock item id, units of it)`` that one of it takes, ascending by item.
    ``grams``: what one weighs in the parcel."""

    sku: str
    offer_id: int
    title: str
    unit_minor: int
    currency: str
    limit: int
    grams: int
    parts: tuple[tuple[int, int], ...]
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Window:
    """When, and to whom, a drop is open; without an end until the drop's own."""

    kind: str
    opens_at: datetime
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Terms:
    """A drop with its windows and, by SKU, its offers, as they stood in one instant.

    Many orders share it, the drop too: nobody changes it, or loads into it what was not read.
    """

    drop: Drop
    windows: tuple[Window, ...]
    offers: Mapping[str, OfferTerms]

    def needs(self, wanted: Iterable[tuple[str, int]]) -> list[stock.Need]:
        """What ``(SKU, units)`` take from stock, like ``stock.needs`` but without a query."""
        lines = [(self.offers[sku], units) for sku, units in wanted]
        if nothing := [offer.offer_id for offer, _ in lines if not offer.parts]:
            raise UnknownOffer(f"No offer {nothing[0]}.")
        return stock.summed(
            stock.Need(item_id, each * units, offer.sku) for offer, units in lines for item_id, each in offer.parts
        )


_known: dict[str, tuple[float, Terms]] = {}
_last: dict[int, tuple[list[Any], Terms]] = {}  # by drop: the row that was read last, and what it says


def read(drop_id: int) -> Terms:
    """The terms of this instant. Raises Drop.DoesNotExist."""
    return _read("d.id = %s", drop_id)[1]


def read_beside(drop_id: int, steps: str, values: Sequence[Any]) -> tuple[Any | None, Terms]:
    """The same in one round trip with ``steps``: parts of a WITH, of which ``beside`` gives at most one value.

    Where a step waits for somebody else, the terms are those of the instant before. Raises Drop.DoesNotExist.
    """
    return _read("d.id = %s", drop_id, steps, values)


def known(slug: str) -> Terms:
    """The terms of a public drop, at most a second old. Raises Drop.DoesNotExist, for a draft too."""
    at = time.monotonic()
    remembered = _known.get(slug)
    if remembered is None or at - remembered[0] > FRESH_SECONDS:
        if not slug.isprintable():  # the database takes no NUL
            raise Drop.DoesNotExist
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        remembered = _known[slug] = (at, _read("d.slug = %s", slug)[1])
    if remembered[1].drop.state == DropState.DRAFT:
        raise Drop.DoesNotExist
    return remembered[1]


def forget() -> None:
    """Read everything anew at the next call: between tests, and after a seed."""
    _known.clear()
    _last.clear()


def _read(which: str, value: int | str, steps: str = _NO_STEPS, values: Sequence[Any] = ()) -> tuple[Any, Terms]:
    names, sql = _statement(which)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {steps} {sql}", [*values, value])
        row = cursor.fetchone()
    if row is None:
        raise Drop.DoesNotExist
    beside, *told = row
    return beside, _understood(names, told)


def _understood(names: Sequence[str], told: list[Any]) -> Terms:
    """The terms of a row. During a drop a thousand orders read the same one: it is taken apart once."""
    windows, offers, drop_id, *_ = told
    if (last := _last.get(drop_id)) and last[0] == told:
        return last[1]
    terms = Terms(
        drop=Drop.from_db(connection.alias, names, told[2:]),
        windows=tuple(_window(*given) for given in json.loads(windows or "[]")),
        offers={offer[0]: _offer(offer) for offer in json.loads(offers or "[]")},
    )
    if len(_last) >= MOST_REMEMBERED:
        _last.clear()
    _last[drop_id] = (told, terms)
    return terms


@cache
def _statement(which: str) -> tuple[tuple[str, ...], str]:
    fields = [field for field in Drop._meta.concrete_fields if field.name not in _LONG]
    columns = ", ".join(f"d.{field.column}" for field in fields)
    return tuple(field.attname for field in fields), _READ.format(columns=columns, which=which)


def _window(kind: str, opens_at: str, closes_at: str | None) -> Window:
    until = datetime.fromisoformat(closes_at) if closes_at else None
    return Window(kind, datetime.fromisoformat(opens_at), until)


def _offer(given: list[Any]) -> OfferTerms:
    sku, offer_id, title, unit_minor, currency, limit, grams, tags, parts = given
    pieces = tuple((item_id, units) for item_id, units in parts or ())
    return OfferTerms(sku, offer_id, title, unit_minor, currency, limit, grams, pieces, frozenset(tags))
