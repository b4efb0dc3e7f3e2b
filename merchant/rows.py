"""Rows written as the ORM would write them, several tables in one round trip, without building its query.

For the few inserts that every order makes: a model's own ``save()`` does the same and costs many times as much. The
rows travel as JSON, one parameter a table, and PostgreSQL gives each value the type of its column.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, cast

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault


@dataclass(frozen=True, slots=True)
class Parent:
    """What a column of the rows points at, as a subquery; it may read ``given.row->>'…'``, where ``known`` adds to each
    row what it looks for."""

    attname: str
    subquery: str
    known: Sequence[dict[str, str]] = field(default=())


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT of rows of one model, to stand alone or in a WITH. Its one parameter is ``rows``."""

    sql: str
    rows: str


def insert(rows: Sequence[models.Model], parent: Parent | None = None) -> Insert:
    """Insert unsaved rows of one model. What the database has a default for, and was not given, is left to it."""
    names = tuple(
        name for name in _columns(type(rows[0])) if not isinstance(rows[0].__dict__.get(name), DatabaseDefault)
    )
    known = (parent and parent.known) or [{}] * len(rows)
    given: list[dict[str, Any]] = [
        {name: row.__dict__.get(name) for name in names} | found for row, found in zip(rows, known, strict=True)
    ]
    sql = _sql(type(rows[0]), names, (parent.attname, parent.subquery) if parent else ("", ""))
    return Insert(sql, json.dumps(given, default=_text))


def write(**inserts: Insert) -> int:
    """Run the inserts as one statement; each may read the rows of those before it by its name. Returns the first one's
    first id."""
    names = list(inserts)
    parts = [f"{name} AS ({each.sql} RETURNING *)" for name, each in inserts.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(parts)} SELECT id FROM {names[0]}",  # noqa: S608  # our own words
            [each.rows for each in inserts.values()],
        )
        return int(cursor.fetchone()[0])


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@cache
def _columns(model: type[models.Model]) -> tuple[str, ...]:
    """Of the fields that are written. A field's column has the name of its attribute here, and in all our models."""
    fields = (each for each in model._meta.concrete_fields if not each.primary_key and not each.generated)
    return tuple(cast("str", each.column) for each in fields)


@lru_cache(maxsize=256)
def _sql(model: type[models.Model], names: tuple[str, ...], parent: tuple[str, str]) -> str:
    attname, subquery = parent
    chosen = ", ".join(subquery if name == attname else f'r."{name}"' for name in names)
    columns, table = ", ".join(f'"{name}"' for name in names), model._meta.db_table
    return (
        f'INSERT INTO "{table}" ({columns}) SELECT {chosen}'  # noqa: S608  # our own words
        f' FROM json_array_elements(%s::json) AS given(row), json_populate_record(NULL::"{table}", given.row) AS r'
    )
