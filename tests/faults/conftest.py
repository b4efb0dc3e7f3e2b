"""The table at the end of a run."""

import logging
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any

import pytest
from django.db import connection

from checkout import gateway
from tests.running_shop import RunningShop

logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request of three hundred fans
KEY = pytest.StashKey[list["Line"]]()


@dataclass(frozen=True)
class Line:
    """One drop under one trouble. ``late``: orders whose money came after they had ended. ``same_key``: orders whose
    request got no reply and was sent again. ``wrong``: what was lost, doubled or does not add up."""

    trouble: str
    fans: int
    orders: int
    confirmed: int
    ended: int
    charges: int
    refunds: int
    late: int
    no_reply: int
    same_key: int
    said_503: int
    wrong: int
    seconds: int


@pytest.fixture(scope="session")
def commits_are_written(django_db_setup: None, django_db_blocker: Any) -> None:
    """As in production, an answer means that PostgreSQL has written it: the suite's own setting would forget a moment.

    Ask for it before the shop starts: it is for new connections.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = on")
    connection.close()


@pytest.fixture
def gateway_to_the_sandbox(shop: RunningShop, settings: Any) -> Iterator[None]:
    """This process may ask the provider, too, as the shop's processes do."""
    settings.STRIPE_API_BASE = shop.sandbox.base_url
    gateway._client.cache_clear()
    yield
    gateway._client.cache_clear()


@pytest.fixture
def table(pytestconfig: pytest.Config) -> list[Line]:
    return pytestconfig.stash.setdefault(KEY, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(KEY, [])
    if not lines:
        return
    terminalreporter.section("a drop under trouble")
    headings = [field.name.replace("_", " ") for field in fields(Line)]
    for cells in (headings, *(map(str, astuple(line)) for line in lines)):
        name, *numbers = cells
        terminalreporter.write_line(f"{name:30}" + "".join(f"{number:>10}" for number in numbers))
