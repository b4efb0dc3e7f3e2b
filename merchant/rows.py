"""Rows written as the ORM would write them, several tables in one round trip, without building its query.

For the few inserts that every order makes: a model's own ``save()`` does the same and costs many times as much. The
rows travel as JSON, one parameter a table, and PostgreSQL gives each value the type of its column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, cast

import orjson
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


def insert(model: type[models.Model], rows: Sequence[dict[str, Any]], parent: Parent | None = None) -> Insert:
    """Insert rows of one model, each given by column, all with the same ones.

    What is not given has the model's default; what the database has a default for is left to it.
    """
    defaults = _defaults(model)
    if unknown := rows[0].keys() - defaults.keys():
        raise TypeError(f"{model.__name__} has no {', '.join(sorted(unknown))}.")
    names = tuple(name for name, default in defaults.items() if default or name in rows[0])
    known = (parent and parent.known) or [{}] * len(rows)
    given = [
        {name: row[name] if name in row else defaults[name]() for name in names} | found  # type: ignore[misc]  # given
        for row, found in zip(rows, known, strict=True)
    ]
    sql = _sql(model, names, (parent.attname, parent.subquery) if parent else ("", ""))
    return Insert(sql, as_json(given))


def of(row: models.Model) -> dict[str, Any]:
    """What an unsaved row would be inserted with."""
    values = row.__dict__
    return {name: values[name] for name in _defaults(type(row)) if not isinstance(values[name], DatabaseDefault)}


def write(answer: str = "", /, **inserts: Insert) -> tuple[Any, ...]:
    """Run the inserts as one statement; each may read the rows of those before it by its name.

    Returns the row of ``answer``, a SELECT that reads them by their names: if there is none, the first one's first id.
    """
    parts = [f"{name} AS ({each.sql} RETURNING *)" for name, each in inserts.items()]
    answer = answer or f"SELECT id FROM {next(iter(inserts))}"  # noqa: S608  # our own words
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(parts)} {answer}", [each.rows for each in inserts.values()])
        row: tuple[Any, ...] = cursor.fetchone()
        return row


def as_json(given: object) -> str:
    """JSON as PostgreSQL reads it; what is no JSON, as text."""
    return orjson.dumps(given, default=str).decode()


@cache
def _defaults(model: type[models.Model]) -> dict[str, Callable[[], Any] | None]:
    """The columns that are written, each with what the ORM would put there; None where the database fills it in.

    A field's column has the name of its attribute here, and in all our models.
    """
    fields = (each for each in model._meta.concrete_fields if not each.primary_key and not each.generated)
    return {cast("str", each.column): None if each.has_db_default() else each.get_default for each in fields}


@lru_cache(maxsize=256)
def _sql(model: type[models.Model], names: tuple[str, ...], parent: tuple[str, str]) -> str:
    attname, subquery = parent
    chosen = ", ".join(subquery if name == attname else f"r.{name}" for name in names)
    table = model._meta.db_table
    given = f"json_populate_recordset(NULL::{table}, %s::json) AS r"
    if "given.row" in subquery:
        given = f"json_array_elements(%s::json) AS given(row), json_populate_record(NULL::{table}, given.row) AS r"
    # Without quotation marks: psycopg remembers no statement of more than 4096 signs, and our longest is near it.
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {given}"  # noqa: S608  # our own words
