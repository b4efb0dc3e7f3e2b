"""A thread that does something soon after it is rung."""

import logging

import pytest

from merchant.bell import Bell
from tests.waiting import until


def test_all_rings_of_a_moment_are_answered_at_once() -> None:
    done: list[int] = []
    bell = Bell(lambda: done.append(1), pause=0.05)
    for _ in range(100):
        bell.ring()
    until(lambda: done != [])
    assert len(done) < 100


def test_a_deed_that_fails_is_logged_and_done_with_the_next_ring(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def fails_at_first() -> None:
        done.append(1)
        if len(done) == 1:
            raise RuntimeError

    bell = Bell(fails_at_first, pause=0.0)
    with caplog.at_level(logging.ERROR):
        bell.ring()
        until(lambda: "bell.deed_failed" in caplog.text)
        bell.ring()
        until(lambda: len(done) == 2)
