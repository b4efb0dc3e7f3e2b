"""The shop under load: the demo's catalogue and policies, one product that never runs out, and a past worth reading."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Sum

from bench.bare import ROWS_OF_AN_ORDER
from drops import stock
from drops.models import Hold, HoldState, StockItem
from merchant.demo.seed_catalogue import LIVE, seed_drops, seed_shop, seed_things
from merchant.demo.seed_journal import Story
from merchant.demo.seed_policies import seed_policies

SLUG, HOT, SCARCE = LIVE, "ROBE-M", "ROBE-XL"
BARE = "BARE"  # the bare server's hot row: beside ours, not ours
PLENTY, LAST_UNITS = 1_000_000, 40

# A past order is a copy of a real one: what differs, by table. `t` is the copied row, `i` counts the copies.
PAST = {
    "checkout_idempotencykey": {"id": "t.id + i", "key": "'past-' || i"},
    "checkout_allowance": {"id": "t.id + i", "person_key": "md5(i::text) || md5(i::text)"},
    "checkout_order": {
        "id": "t.id + i",
        "idempotency_key_id": "t.idempotency_key_id + i",
        "reference": "'PAST-' || i",
        "token_hash": "md5(i::text) || md5(i::text)",
        "email": "'past-' || i || '@example.com'",
        "state": "'confirmed'",
        "captured_minor": "t.total_minor",
        "confirmed_at": "t.placed_at",
    },
    "checkout_orderline": {"id": "t.id + i", "order_id": "t.order_id + i"},
    "checkout_payment": {"id": "t.id + i", "order_id": "t.order_id + i", "state": "'paid'"},
    "policies_acceptance": {"id": "t.id + i * 100", "order_ref": "'PAST-' || i"},
    "policies_acceptanceperson": {"id": "t.id + i * 100", "acceptance_id": "t.acceptance_id + i * 100"},
    "merchant_journalentry": {"id": "t.id + i", "subject": "'order:PAST-' || i"},
    "drops_hold": {"id": "t.id + i", "owner_ref": "'PAST-' || i", "state": "'committed'"},
}


@dataclass(frozen=True)
class Count:
    """What the database says of one stock item. ``active`` is the sum of its active holds."""

    total: int
    held: int
    sold: int
    active: int

    @property
    def taken(self) -> int:
        return self.held + self.sold

    def faults(self, expected: int) -> list[str]:
        """What is wrong when ``expected`` units were sold or held."""
        claims = {
            f"{self.taken} units are held or sold, {expected} were placed": self.taken == expected,
            f"{self.taken} units of {self.total} are held or sold: oversold": self.taken <= self.total,
            f"{self.held} units are held, but the holds say {self.active}": self.held == self.active,
        }
        return [claim for claim, holds in claims.items() if not holds]


@transaction.atomic
def open_shop(now: datetime) -> None:
    """The demo's shop, its drops live, with plenty of the hot product and forty of the scarce one."""
    story = Story()
    seed_shop()
    seed_policies(now)
    seed_things()
    seed_drops(now, story)
    story.write()
    stock.add_item(BARE, PLENTY)
    for code, units in ((HOT, PLENTY), (SCARCE, LAST_UNITS)):
        item = StockItem.objects.get(code=code)
        stock.restock(item.pk, units - item.total, actor="bench", why="for the crowd")


def order_body(sku: str) -> dict[str, object]:
    """An order of one unit, as the API wants it, less what the quote will say."""
    return {
        "lines": [{"sku": sku, "quantity": 1}],
        "email": "fan@example.com",
        "name": "A Fan",
        "address": {"line1": "Long Street 1", "city": "Leipzig", "postal_code": "04109", "country": "DE"},
        "confirmation_token": None,
    }


def give_it_a_past(reference: str, orders: int) -> None:
    """Copy an order ``orders`` times into the past, then let the planner look at the tables."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table, where in ROWS_OF_AN_ORDER.items():
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608  # our own words, here and below
            columns = [column.name for column in cursor.description]
            chosen = [PAST[table].get(column, f"t.{column}") for column in columns]
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(chosen)}"  # noqa: S608
                f" FROM {table} t, generate_series(1, {orders:d}) i WHERE {where}",
                [reference],
            )
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608
    with connection.cursor() as cursor:
        # Not VACUUM ANALYZE of empty tables: foreign keys would be checked by reading them whole.
        cursor.execute("ANALYZE")
        cursor.execute("CHECKPOINT")


def count(code: str) -> Count:
    item = StockItem.objects.get(code=code)
    active = Hold.objects.filter(stock_item=item, state=HoldState.ACTIVE).aggregate(units=Sum("quantity"))["units"] or 0
    return Count(item.total, item.held, item.sold, active)
