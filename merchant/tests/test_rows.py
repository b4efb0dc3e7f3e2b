"""Rows written in one statement are the rows that the ORM writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, models, transaction

from checkout.models import IdempotencyKey, Order, OrderLine, Payment
from checkout.tests import fan
from drops.models import Drop
from merchant import rows
from merchant.models import JournalEntry

pytestmark = pytest.mark.django_db
AWKWARD = 'Ж "quoted" \\ back, 100 % {{ braces }}\u2028and 🧥'


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def drop(db: None) -> Drop:
    return fan.live_drop()


def an_order(drop: Drop, at: datetime, number: int) -> Order:
    return Order(
        reference=f"FR-{number}",
        token_hash=f"{number:064d}",
        token_nonce="n",
        idempotency_key=IdempotencyKey.objects.create(drop=drop, key=str(number), body_hmac="h"),
        drop=drop,
        email="fan@example.com",
        name=AWKWARD,
        address={"line1": AWKWARD, "deep": [1, None, True]},
        subtotal_minor=4800,
        total_minor=4800,
        currency="USD",
        placed_at=at,
        state_since=at,
        hold_expires_at=at + timedelta(minutes=10),
        hard_cap_at=at + timedelta(minutes=25),
        deferral_ends_at=at + timedelta(hours=2),
    )


def lines(offer_id: int) -> list[dict[str, Any]]:
    return [
        {"offer_id": offer_id, "sku": f"ROBE-{size}", "title": AWKWARD, "unit_price_minor": 4800, "quantity": 1}
        for size in "SML"
    ]


def as_dict(row: models.Model, *, without: set[str]) -> dict[str, object]:
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in without | {"id"}
    }


def test_they_are_what_the_orm_writes(drop: Drop, now: datetime) -> None:
    offer_id = drop.offers.get().pk
    by_orm = an_order(drop, now, 1)
    by_orm.save()
    OrderLine.objects.bulk_create([OrderLine(order=by_orm, **line) for line in lines(offer_id)])
    Payment.objects.create(order=by_orm, confirmation_token="t", due_at=now)

    its_order = rows.Parent("order_id", "(SELECT id FROM placed)")
    (key,) = rows.write(
        placed=rows.insert(Order, [rows.of(an_order(drop, now, 2))]),
        lines=rows.insert(OrderLine, lines(offer_id), its_order),
        payment=rows.insert(Payment, [{"confirmation_token": "t", "due_at": now}], its_order),
    )

    by_rows = Order.objects.get(pk=key)
    by_orm.refresh_from_db()
    own = {"reference", "token_hash", "idempotency_key_id"}
    assert as_dict(by_rows, without=own) == as_dict(by_orm, without=own)
    ours, theirs = (
        [as_dict(line, without={"order_id"}) for line in order.lines.order_by("id")] for order in (by_rows, by_orm)
    )
    assert ours == theirs
    assert as_dict(by_rows.payment, without={"order_id"}) == as_dict(by_orm.payment, without={"order_id"})


def test_what_the_database_has_a_default_for_is_left_to_it(db: None) -> None:
    rows.write(entry=rows.insert(JournalEntry, [{"subject": "a", "verb": "b", "actor": "c"}]))
    assert JournalEntry.objects.get(subject="a").at is not None


def test_a_value_that_is_too_long_is_refused_not_cut(db: None) -> None:
    with pytest.raises(DataError), transaction.atomic():
        rows.write(entry=rows.insert(JournalEntry, [{"subject": "s" * 1000, "verb": "b", "actor": "c"}]))


def test_a_column_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="JournalEntry has no colour"):
        rows.insert(JournalEntry, [{"subject": "a", "verb": "b", "actor": "c", "colour": "red"}])


def test_the_answer_reads_what_was_written(db: None) -> None:
    entries = [{"subject": subject, "verb": "b", "actor": "c"} for subject in ("one", "two")]
    answer = "SELECT array_agg(subject ORDER BY id), count(*) FROM entries"
    assert rows.write(answer, entries=rows.insert(JournalEntry, entries)) == (["one", "two"], 2)


def test_every_column_has_the_name_of_its_attribute() -> None:
    for model in (Order, OrderLine, Payment, JournalEntry):
        assert [field.attname for field in model._meta.concrete_fields] == [
            field.column for field in model._meta.concrete_fields
        ]
