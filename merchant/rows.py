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
from psycopg import sql

_LEFT_OUT = object()  # the database has a default of its own


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
    attname, subquery = (parent.attname, parent.subquery) if parent else ("", "")
    text, made = _statement(model, tuple(rows[0]), attname, subquery)
    known = (parent and parent.known) or [{}] * len(rows)
    given = [{name: make() for name, make in made} | row | found for row, found in zip(rows, known, strict=True)]
    return Insert(text, as_json(given))


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
def _defaults(model: type[models.Model]) -> dict[str, Any]:
    """The columns that are written, each with what the ORM would put there; a callable where rows differ.

    A field's column has the name of its attribute here, and in all our models.
    """
    fields = (each for each in model._meta.concrete_fields if not each.primary_key and not each.generated)
    return {cast("str", each.column): _default(each) for each in fields}


def _default(field: "models.Field[Any, Any]") -> Any:
    if field.has_db_default():
        return _LEFT_OUT
    return field.default if field.has_default() and callable(field.default) else field.get_default()


@lru_cache(maxsize=256)
def _statement(
    model: type[models.Model], given: tuple[str, ...], attname: str, subquery: str
) -> tuple[str, tuple[tuple[str, Callable[[], Any]], ...]]:
    """An INSERT of rows with these columns; and what else each row must bring, with how it is made."""
    defaults = _defaults(model)
    if unknown := set(given) - defaults.keys():
        raise TypeError(f"{model.__name__} has no {', '.join(sorted(unknown))}.")
    brought = {name: f"r.{name}" for name in given} | ({attname: subquery} if attname else {})
    left = {name: default for name, default in defaults.items() if name not in brought and default is not _LEFT_OUT}
    made = tuple((name, default) for name, default in left.items() if callable(default))
    constant = {name: _literal(default) for name, default in left.items() if not callable(default)}
    columns = brought | {name: f"r.{name}" for name, _ in made} | constant
    table = model._meta.db_table
    source = f"json_populate_recordset(NULL::{table}, %s::json) AS r"
    if "given.row" in subquery:
        source = f"json_array_elements(%s::json) AS given(row), json_populate_record(NULL::{table}, given.row) AS r"
    # Without quotation marks: psycopg remembers no statement of more than 4096 signs, and our longest is near it.
    text = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {source}"  # noqa: S608  # our own words
    return text, made


def _literal(value: Any) -> str:
    """A model's default as SQL."""
    return sql.Literal(str(value) if isinstance(value, str) else value).as_string().replace("%", "%%")
