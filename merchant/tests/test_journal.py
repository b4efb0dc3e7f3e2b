"""The journal is written with the deed and never rewritten, in raw SQL either."""

import pytest
from django.db import DatabaseError, connection, transaction

from merchant import journal
from merchant.models import JournalEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> JournalEntry:
    journal.record("drop:1", "opened", actor=journal.staff("owner"), why="It is time.", data={"units": 40})
    return JournalEntry.objects.get()


def test_says_who_did_what_and_why(entry: JournalEntry) -> None:
    said = (entry.subject, entry.verb, entry.actor, entry.why, entry.data)
    assert said == ("drop:1", "opened", "staff:owner", "It is time.", {"units": 40})
    assert entry.at.tzinfo is not None


def test_a_long_reason_is_cut_and_not_refused() -> None:
    journal.record("drop:1", "paused", actor=journal.WORKER, why="x" * 400)
    assert len(JournalEntry.objects.get().why) == 300


def test_a_deed_that_is_rolled_back_leaves_no_line() -> None:
    with transaction.atomic():
        journal.record("drop:1", "opened", actor=journal.WORKER)
        transaction.set_rollback(True)
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE merchant_journalentry SET verb = 'never'", "DELETE FROM merchant_journalentry"],
)
def test_refuses_to_be_rewritten(entry: JournalEntry, statement: str) -> None:
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        _run(statement)
    assert JournalEntry.objects.get() == entry


def test_refuses_to_be_emptied(entry: JournalEntry) -> None:
    _run("SET LOCAL frontrow.allow_truncate = 'off'")  # as everywhere but in the tests' own database
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        _run("TRUNCATE merchant_journalentry")
    assert JournalEntry.objects.get() == entry


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
