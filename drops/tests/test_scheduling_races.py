"""Twin tests of a move: eight workers turn the same drop at the same instant."""

import threading

import pytest

from drops import scheduling, tasks
from drops.models import Drop, DropState
from drops.tests.factories import NOW, drop, offer
from drops.tests.test_stock_races import THREADS, together
from merchant import journal
from merchant.models import JournalEntry

pytestmark = pytest.mark.django_db(transaction=True)


def due() -> Drop:
    robe = drop(state=DropState.SCHEDULED)
    offer(robe)
    return robe


def test_without_the_claim_a_drop_starts_eight_times() -> None:
    robe = due()
    everybody_has_looked = threading.Barrier(THREADS)

    def naive(number: int) -> None:
        seen = Drop.objects.get(pk=robe.pk)
        everybody_has_looked.wait()
        if seen.state == DropState.SCHEDULED:
            Drop.objects.filter(pk=robe.pk).update(state=DropState.LIVE)
            journal.record(f"drop:{robe.pk}", "started", actor=journal.WORKER)

    together(THREADS, naive)
    assert JournalEntry.objects.filter(verb="started").count() == THREADS


def test_with_the_claim_it_starts_once() -> None:
    due()
    assert sum(int(str(moved)) for moved in together(64, lambda number: scheduling.turn_due(NOW))) == 1
    assert JournalEntry.objects.filter(verb="started").count() == 1


def test_the_task_turns_what_is_due_by_the_clock() -> None:
    robe = due()
    Drop.objects.update(starts_at="2020-01-01T00:00Z")
    tasks.turn_drops()
    tasks.publish_live()
    robe.refresh_from_db()
    assert (robe.state, robe.live_version) == (DropState.LIVE, 1)
