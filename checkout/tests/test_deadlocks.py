"""Who is taken out of a deadlock tries again by itself, before anybody is told of an error."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected, LockNotAvailable

from checkout import deadlocks
from checkout.tests.test_place_order_races import together
from drops.models import StockItem


class Ring:
    """Two who want the same two rows in opposite order; at first each has one of them before either wants another."""

    def __init__(self) -> None:
        for code in "ab":
            StockItem.objects.create(code=code)
        self.both_have_one = threading.Barrier(2)
        self.one_is_done = threading.Event()
        self.tries = [0, 0]

    def lock(self, number: int) -> str:
        first, second = "ab" if number else "ba"
        self.tries[number] += 1
        with transaction.atomic(durable=True):
            StockItem.objects.select_for_update().get(code=first)
            if self.tries[number] == 1:
                self.both_have_one.wait()
            StockItem.objects.select_for_update().get(code=second)
        self.one_is_done.set()
        return "done"


def told(deed: Callable[[int], str]) -> Callable[[int], str]:
    def said(number: int) -> str:
        try:
            return deed(number)
        except OperationalError:
            return "an error"

    return said


@pytest.mark.django_db(transaction=True)
def test_who_was_taken_out_does_it_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring()
    monkeypatch.setattr(deadlocks, "pause", ring.one_is_done.wait)
    assert together(told(deadlocks.tried_again(ring.lock)), 2) == {"done": 2}
    assert sorted(ring.tries) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_without_it_one_of_the_two_is_told_an_error() -> None:
    ring = Ring()
    assert together(told(ring.lock), 2) == {"done": 1, "an error": 1}


@pytest.mark.parametrize(("why", "tries"), [(DeadlockDetected(), deadlocks.TRIES), (LockNotAvailable(), 1)])
def test_the_last_deadlock_and_any_other_trouble_is_told(
    why: Exception, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlocks, "pause", lambda: None)
    done: list[int] = []

    @deadlocks.tried_again
    def deed() -> None:
        done.append(1)
        raise OperationalError from why

    with pytest.raises(OperationalError):
        deed()
    assert len(done) == tries
