"""Long work leaves threads to short work, and nothing that was asked for meanwhile is missed."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from merchant.turns import in_turn


def test_who_finds_enough_at_it_is_sent_away_and_it_is_done_once_more_for_them_all() -> None:
    begun, go_on = Event(), Event()
    times: list[int] = []

    def slow() -> None:
        times.append(1)
        begun.set()
        go_on.wait(timeout=120)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_turn, "slow", slow)
        assert begun.wait(timeout=120)
        assert [in_turn("slow", slow) for _ in range(5)] == [False] * 5
        assert times == [1]
        go_on.set()
        assert first.result() is True
    assert times == [1, 1]


def test_as_many_as_may_are_at_it_together() -> None:
    both = Barrier(2, timeout=120)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(in_turn, "pair", both.wait, most=2) for _ in range(2)]
        assert [each.result() for each in done] == [True, True]


def test_what_fails_leaves_its_turn_to_the_next() -> None:
    def fail() -> None:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            in_turn("failing", fail)
    assert in_turn("failing", lambda: None) is True


def test_others_have_turns_of_their_own() -> None:
    assert in_turn("one", lambda: in_turn("other", lambda: None)) is True
