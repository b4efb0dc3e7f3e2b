"""Rows written with the values that the ORM would write, several tables in one round trip, without building its query.

For the few inserts that every order makes. A model's own ``save()`` does the same and costs three times as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault

# Their values go to the database as they are.
_PLAIN = (
    models.AutoField,
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.ForeignKey,
    models.IntegerField,
    models.TextField,
)


@dataclass(frozen=True, slots=True)
class Parent:
    """What a column of the rows points at: a subquery for each row, and the subquery's values, row by row."""

    attname: str
    subquery: str
    values: Sequence[Sequence[Any]] = field(default=())


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT of rows of one model, to stand alone or in a WITH."""

    sql: str
    values: list[Any]


def insert(rows: Sequence[models.Model], parent: Parent | None = None) -> Insert:
    """Insert unsaved rows of one model. Columns with a default of the database that was not overridden are left to it."""
    names = tuple(
        name for name in _columns(type(rows[0])) if not isinstance(rows[0].__dict__.get(name), DatabaseDefault)
    )
    columns, values = _columns(type(rows[0])), []
    for number, row in enumerate(rows):
        for name in names:
            if parent and name == parent.attname:
                values += parent.values[number] if parent.values else ()
                continue
            value, its_field = getattr(row, name), columns[name]
            values.append(value if isinstance(its_field, _PLAIN) else its_field.get_db_prep_save(value, connection))
    return Insert(_sql(type(rows[0]), names, len(rows), parent and (parent.attname, parent.subquery)), values)


def write(**inserts: Insert) -> int:
    """Run the inserts as one statement; each may read the ids of those before it by its name. Returns the first's
    first id."""
    names = list(inserts)
    parts = [f"{name} AS ({each.sql} RETURNING *)" for name, each in inserts.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(parts)} SELECT id FROM {names[0]}",  # noqa: S608  # our own words
            [value for each in inserts.values() for value in each.values],
        )
        return int(cursor.fetchone()[0])


@cache
def _columns(model: type[models.Model]) -> dict[str, "models.Field[Any, Any]"]:
    return {each.attname: each for each in model._meta.concrete_fields if not each.primary_key and not each.generated}


@lru_cache(maxsize=256)
def _sql(model: type[models.Model], names: tuple[str, ...], rows: int, parent: tuple[str, str] | None) -> str:
    columns = ", ".join(f'"{_columns(model)[name].column}"' for name in names)
    marks = ", ".join(parent[1] if parent and name == parent[0] else "%s" for name in names)
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ' + ", ".join([f"({marks})"] * rows)  # noqa: S608
