"""Which rows a deed locks, in which order: read out of its statements."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

# The one order of docs/adr/0029: rows of these tables may be wanted by several deeds at once.
THE_ORDER = (
    "checkout_cart",
    "checkout_order",
    "checkout_payment",
    "checkout_waitingplace",
    "checkout_cardindrop",
    "checkout_discountcount",
    "checkout_allowance",
    "segments_fan",
    "drops_stockitem",
)
# An insert into these waits for whoever inserts the same. Into the others it makes a row that nobody else knows yet.
FOUND_OR_MADE = ("checkout_cardindrop", "checkout_discountcount", "checkout_allowance", "segments_fan")
_WRITES = re.compile(r'(UPDATE|INSERT INTO|DELETE FROM) "?(\w+)"?')
_LOCKS = re.compile(r'FROM "?(\w+)"?.*FOR (?:NO KEY )?UPDATE(?!.*SKIP LOCKED)', re.DOTALL)


def of(deed: Callable[[], object]) -> list[list[str]]:
    """The tables of ``THE_ORDER`` of which a deed locks rows, each at its first: a list for each transaction that locks
    rows of several."""
    found: list[list[str]] = []
    known: list[set[str]] = []  # locked or made in the transaction that is open

    def begin() -> None:
        known.append(set())
        found.append([])
        transaction.on_commit(known.clear)

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if connection.in_atomic_block:
            if not known:
                begin()
            for table, is_made in _tables(sql):
                if table in THE_ORDER and table not in known[0] and not is_made:
                    found[-1].append(table)
                known[0].add(table)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        deed()
    return [locked for locked in found if len(locked) > 1]


def _tables(sql: str) -> list[tuple[str, bool]]:
    """The tables a statement locks rows of, or makes them in."""
    if locked := _LOCKS.search(sql):
        return [(locked[1], False)]
    written = _WRITES.findall(sql)
    return [(table, verb == "INSERT INTO" and table not in FOUND_OR_MADE) for verb, table in written]
