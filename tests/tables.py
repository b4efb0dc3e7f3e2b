"""Between tests that commit: every table as the migrations left it.

Django empties all eighty tables and writes content types and permissions anew, whatever the test has done: about as
long as the test itself takes. Here what a test has filled or changed is put back, and nothing else is touched; what
stands in the tables before the first test stands there before each of them.
"""

from functools import cache

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

Rows = list[bytes]  # in COPY's text form, sorted
STANDING: dict[str, Rows] = {}  # of the tables that are not empty before the first test


def remember() -> None:
    """What the tables hold now is what ``restore`` brings back. Once for each database."""
    STANDING.clear()
    with connection.cursor() as cursor:
        STANDING.update({table: _rows(cursor, table) for table in _filled(cursor)})


def restore() -> None:
    """Puts back what was remembered; sequences go on counting. Waits for transactions that are open elsewhere."""
    with transaction.atomic(), connection.cursor() as cursor:
        changed = [table for table in STANDING if _rows(cursor, table) != STANDING[table]]
        changed += [table for table in _filled(cursor) if table not in STANDING]
        if not changed:
            return
        emptied = _with_those_that_point_at(changed)
        cursor.execute(f"TRUNCATE {', '.join(map(_quoted, sorted(emptied)))}")
        for table in emptied & STANDING.keys():
            with cursor.copy(f"COPY {_quoted(table)} FROM STDIN") as copy:
                copy.write(b"".join(STANDING[table]))


def _filled(cursor: CursorWrapper) -> list[str]:
    looks = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM {_quoted(table)})" for table in _all())
    cursor.execute(" UNION ALL ".join(looks))
    return [table for (table,) in cursor.fetchall()]


def _rows(cursor: CursorWrapper, table: str) -> Rows:
    with cursor.copy(f"COPY {_quoted(table)} TO STDOUT") as copy:
        return sorted(b"".join(copy).splitlines(keepends=True))


@cache
def _all() -> list[str]:
    return sorted(connection.introspection.django_table_names(only_existing=True, include_views=False))


@cache
def _pointers() -> list[tuple[str, str]]:
    """Each foreign key: the table that has it, and the table at which it points."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ours.relname, theirs.relname FROM pg_constraint"
            " JOIN pg_class ours ON ours.oid = conrelid JOIN pg_class theirs ON theirs.oid = confrelid"
            " WHERE contype = 'f'"
        )
        return list(cursor.fetchall())


def _with_those_that_point_at(tables: list[str]) -> set[str]:
    """PostgreSQL empties a table only together with those whose foreign keys point at it, empty ones too."""
    found: set[str] = set()
    more = set(tables)
    while more:
        found |= more
        more = {ours for ours, theirs in _pointers() if theirs in more} - found
    return found


def _quoted(table: str) -> str:
    return connection.ops.quote_name(table)
