"""The benchmark runs and counts right. How fast it was says nothing here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from bench.result import Result, Size, report
from bench.run import measure
from drops.queries import forget
from merchant.store import forget_store
from policies.queries import forget as forget_policies

TINY = Size(rounds=1, seconds=30, past=20, most=10, payments=3, latency=0.05)


@pytest.fixture(autouse=True)
def _forgets(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path
    yield
    forget()
    forget_policies()
    forget_store()


@pytest.fixture
def tiny(transactional_db: None) -> Result:
    return measure(TINY)


@pytest.mark.slow
def test_a_tiny_run_places_every_order_once(tiny: Result) -> None:
    assert tiny.faults == []
    # The first one, then orders and journeys, to warm up and for the one round.
    assert tiny.placed == 1 + 2 * (10 + 10)
    assert [turn.outcome.placed for turns in tiny.turns.values() for turn in turns] == [10, 10, 10]
    assert tiny.last_units == {"201": 40, "409 in-other-carts": 80}
    assert (tiny.paid.paid, tiny.paid.charged) == (3, 3)
    assert "nothing oversold, nothing lost" in report(tiny, TINY)
