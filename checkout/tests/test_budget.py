"""No process, and no crowd of them, calls the provider more often than the budget says.

Most of these stretch the budget's second to a minute, so that a busy machine does not grow a second turn.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from pytest_django import Settings

from checkout import budget
from checkout.errors import GatewayUnavailable

CREATE, CONFIRM, RETRIEVE = "payment_intents.create", "payment_intents.confirm", "payment_intents.retrieve"
CHECKOUT = Path(__file__).resolve().parents[2]
# Another process that wants thirty turns, and says how many it got.
OTHER_PROCESS = f"""
import django
django.setup()
from checkout import budget
from checkout.tests.test_budget import turns
budget.WINDOW_SECONDS = 600
print(turns({CREATE!r}, 30))
"""


@pytest.fixture(autouse=True)
def _fresh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(budget, "WINDOW_SECONDS", 600)  # no turn comes back while a slow machine takes its own
    settings.STRIPE_BUDGET_WAIT_SECONDS = 0
    budget.forget()
    yield
    budget.forget()


def turns(operation: str, wanted: int) -> int:
    """How many turns are given to somebody who wants so many at once."""
    return sum(_given(operation) for _ in range(wanted))


def _given(operation: str) -> bool:
    try:
        budget.take(operation)
    except GatewayUnavailable:
        return False
    return True


def test_an_operation_has_twenty_turns_and_then_nobody_is_asked() -> None:
    assert turns(CREATE, 50) == 20
    with pytest.raises(GatewayUnavailable) as refused:
        budget.take(CREATE)
    assert (refused.value.why, refused.value.acted) == ("our own budget", False)


def test_a_turn_comes_back_a_window_after_it_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WINDOW_SECONDS", 60)
    with time_machine.travel(datetime(2026, 11, 20, 18, 0, tzinfo=UTC), tick=False) as time:
        assert turns(CREATE, 12) == 12
        time.shift(40)
        assert turns(CREATE, 50) == 8
        time.shift(30)
        assert turns(CREATE, 50) == 12
        time.shift(35)
        assert turns(CREATE, 50) == 8


def test_threads_share_it() -> None:
    with ThreadPoolExecutor(8) as threads:
        given = threads.map(lambda _: turns(CREATE, 10), range(8))
    assert sum(given) == 20


def test_processes_share_it(settings: Settings) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS]
    env = os.environ | {"STRIPE_BUDGET_WAIT_SECONDS": "0", "REDIS_URL": settings.REDIS_URL}
    others = [subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    given = [turns(CREATE, 5), *(int(other.communicate()[0]) for other in others)]
    assert sum(given) == 20


def test_all_operations_together_have_a_budget_too(settings: Settings) -> None:
    settings.STRIPE_CALLS_PER_SECOND_IN_ALL = 30
    assert turns(CREATE, 50) + turns(CONFIRM, 50) == 30
    assert budget.used() == 30


def test_what_is_no_payment_lives_on_half_and_leaves_payments_theirs() -> None:
    others = ("payment_intents.retrieve", "payment_intents.cancel", "refunds.create", "events.list", "refunds.retrieve")
    assert [turns(operation, 50) for operation in others] == [10, 10, 10, 10, 0]
    assert [turns(operation, 50) for operation in (CREATE, CONFIRM)] == [20, 20]


def test_waits_for_its_turn_instead_of_failing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WINDOW_SECONDS", 1)
    settings.STRIPE_CALLS_PER_SECOND = 4
    settings.STRIPE_BUDGET_WAIT_SECONDS = 20
    assert turns(CREATE, 6) == 6


def test_without_redis_a_process_lives_on_its_share(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert turns(CREATE, 50) == 5
    assert turns(RETRIEVE, 50) == 2
    assert budget.used() is None
