"""What the database's owner can do to the record, and nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from policies.auditing import audit
from policies.tests.conftest import NOON


@contextmanager
def without_triggers(*tables: str) -> Iterator[Any]:
    """What the database's owner can do, and nobody else."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            yield cursor
        finally:
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def tamper(sql: str, *table: str) -> list[str]:
    """What the verifier says after it."""
    with without_triggers(*table) as cursor:
        cursor.execute(sql)
    return audit(NOON).problems
