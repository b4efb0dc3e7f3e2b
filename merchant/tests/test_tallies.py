"""A count of one process at once, of all of them a moment later."""

from typing import Any

import pytest
import time_machine
from redis import RedisError

import merchant.tallies
from merchant.redis_client import client
from merchant.tallies import Key, Tallies, tell_in_background
from tests.waiting import until


@pytest.fixture(autouse=True)
def _nobody_has_counted() -> Any:
    with time_machine.travel("2026-11-20T18:00:30Z", tick=False):
        for key in client().scan_iter("*tally:*"):
            client().delete(key)
        yield


def test_each_counts_alone_until_it_has_told() -> None:
    one, other = Tallies(), Tallies()
    assert [
        one.count("address", "a"),
        one.count("address", "a"),
        one.count("address", "b"),
        other.count("address", "a"),
    ] == [1, 2, 1, 1]
    one.tell()
    other.tell()
    assert (one.count("address", "a"), other.count("address", "a")) == (3, 4)
    one.tell()
    other.tell()
    counted = (one.count("address", "a"), other.count("address", "a"), one.count("address", "b"))
    assert counted == (5, 6, 2), "what came since is heard with the next"


def test_what_is_counted_while_it_is_told_is_told_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Tallies(), Tallies()
    added = merchant.tallies._added

    def slowly(minute: int, news: dict[Key, int]) -> dict[Key, int]:
        told = added(minute, news)
        assert one.count("address", "a") == 2
        return told

    one.count("address", "a")
    monkeypatch.setattr(merchant.tallies, "_added", slowly)
    one.tell()
    monkeypatch.undo()
    one.tell()
    other.count("address", "a")
    other.tell()
    assert other.count("address", "a") == 4


def test_a_minute_is_over_for_good() -> None:
    one = Tallies()
    one.count("address", "a")
    one.tell()
    assert client().ttl(next(client().scan_iter("*tally:*"))) > 60
    with time_machine.travel("2026-11-20T18:01:00Z", tick=False):
        assert one.count("address", "a") == 1


def test_while_redis_is_away_it_counts_on_and_tells_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Tallies(), Tallies()

    def away() -> None:
        raise RedisError

    monkeypatch.setattr(merchant.tallies, "client", away)
    assert one.count("address", "a") == 1
    one.tell()
    assert one.count("address", "a") == 2
    monkeypatch.undo()
    one.tell()
    other.count("address", "a")
    other.tell()
    assert other.count("address", "a") == 4


def test_in_a_web_server_a_thread_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merchant.tallies, "_bell", [])
    tell_in_background()
    merchant.tallies.mine.count("address", "a")
    until(lambda: list(client().scan_iter("*tally:*")) != [])
    monkeypatch.undo()
    merchant.tallies.mine.forget()
