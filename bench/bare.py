"""The least that could be done: a WSGI server without a framework that writes the rows of an order.

It reads nothing and checks nothing but the stock. Its rows are copies of a real order's (so both servers always write
the same ones) with what must differ replaced; one INSERT a table, one round trip each, the stock row last.
"""

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Environ = dict[str, Any]
ROWS_OF_AN_ORDER = {
    "checkout_idempotencykey": "id = (SELECT idempotency_key_id FROM checkout_order WHERE reference = %s)",
    "checkout_allowance": "id = (SELECT min(id) FROM checkout_allowance) AND %s::text <> ''",  # the oldest is its
    "checkout_order": "reference = %s",
    "checkout_orderline": "order_id = (SELECT id FROM checkout_order WHERE reference = %s)",
    "checkout_payment": "order_id = (SELECT id FROM checkout_order WHERE reference = %s)",
    "policies_acceptance": "order_ref = %s",
    "policies_acceptanceperson": "acceptance_id IN (SELECT id FROM policies_acceptance WHERE order_ref = %s)",
    "merchant_journalentry": "subject = 'order:' || %s",
    "drops_hold": "owner_ref = %s",
}
TAKE = "UPDATE drops_stockitem SET held = held + 1 WHERE id = %s AND available >= 1"


@dataclass(frozen=True)
class Table:
    """The rows of one table that an order leaves."""

    insert: str
    rows: list[dict[str, Any]]

    def write(self, connection: psycopg.Connection, *, each: Iterable[int] = (), by: str = "", **new: Any) -> list[int]:
        """Insert them all, changed by ``new``, and column ``by`` of each row by ``each``; returns their ids."""
        rows = [row | new for row in self.rows]
        for row, parent in zip(rows, each, strict=False):
            row[by] = parent
        values = [value for row in rows for value in row.values()]
        return [number for (number,) in connection.execute(self.insert, values).fetchall()]


class Writer:
    """One connection, and what it needs to know to write an order."""

    def __init__(self, url: str, reference: str, stock_item_id: int) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.stock_item_id = stock_item_id
        self.tables = {name: self._table(name, where, reference) for name, where in ROWS_OF_AN_ORDER.items()}

    def order(self, key: str, email: str) -> str:
        """Write one order in one transaction; returns its token."""
        write, token = self.tables, secrets.token_urlsafe(24)
        reference = f"BARE-{secrets.token_hex(6)}"
        with self.connection.transaction():
            (key_id,) = write["checkout_idempotencykey"].write(self.connection, key=key)
            write["checkout_allowance"].write(self.connection, person_key=hashlib.sha256(email.encode()).hexdigest())
            (order_id,) = write["checkout_order"].write(
                self.connection,
                reference=reference,
                token_hash=hashlib.sha256(token.encode()).hexdigest(),
                token_nonce=secrets.token_hex(16),
                idempotency_key_id=key_id,
                email=email,
            )
            write["checkout_orderline"].write(self.connection, order_id=order_id)
            write["checkout_payment"].write(self.connection, order_id=order_id)
            proofs = write["policies_acceptance"].write(self.connection, order_ref=reference)
            write["policies_acceptanceperson"].write(self.connection, by="acceptance_id", each=proofs)
            write["merchant_journalentry"].write(self.connection, subject=f"order:{reference}")
            write["drops_hold"].write(self.connection, owner_ref=reference, stock_item_id=self.stock_item_id)
            if not self.connection.execute(TAKE, [self.stock_item_id]).rowcount:
                raise RuntimeError("The bare server's stock is meant to last.")
        return token

    def _table(self, name: str, where: str, reference: str) -> Table:
        found = self.connection.cursor(row_factory=dict_row).execute(
            f"SELECT * FROM {name} WHERE {where} ORDER BY id",  # noqa: S608  # our own words
            [reference],
        )
        rows = [{column: _as_given(value) for column, value in row.items() if column != "id"} for row in found]
        columns = list(rows[0])
        marks = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(rows))
        return Table(f"INSERT INTO {name} ({', '.join(columns)}) VALUES {marks} RETURNING id", rows)  # noqa: S608


def _as_given(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value


_threads = threading.local()


def application(environ: Environ, start_response: Callable[..., object]) -> list[bytes]:
    """POST an order's body; 201 with its token."""
    if environ["REQUEST_METHOD"] != "POST":
        start_response("200 OK", [("Content-Length", "0")])
        return []
    body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    token = _writer().order(environ["HTTP_IDEMPOTENCY_KEY"], body["email"])
    answer = json.dumps({"token": token, "status": "placed"}).encode()
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def _writer() -> Writer:
    if not hasattr(_threads, "writer"):
        env = os.environ
        _threads.writer = Writer(env["DATABASE_URL"], env["BENCH_ORDER"], int(env["BENCH_STOCK_ITEM"]))
    writer: Writer = _threads.writer
    return writer
