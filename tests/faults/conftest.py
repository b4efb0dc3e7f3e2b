"""The table at the end of a run."""

import logging
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any

import pytest
from django.db import connection

from checkout.gateway import api
from merchant.models import LatePayments, StoreProfile
from tests.running_shop import RunningShop

logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request of three hundred fans
KEY = pytest.StashKey[list["Line"]]()


@dataclass(frozen=True)
class Line:
    """Two drops under one trouble. ``let_go``: amounts that a bank had set aside and nobody took. ``late``: orders
    whose money, or whose bank's yes, came after they had ended. ``in_line``: places on the waiting lists, of which so
    many were ``offered`` something and so many had it ``taken`` up. ``same_key``: orders whose request got no reply and
    was sent again. ``wrong``: what was lost, doubled or does not add up."""

    trouble: str
    fans: int
    orders: int
    confirmed: int
    ended: int
    charges: int
    refunds: int
    let_go: int
    late: int
    in_line: int
    offered: int
    taken: int
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
    api.client.cache_clear()
    yield
    api.client.cache_clear()


@pytest.fixture
def late_money_waits(shop: RunningShop) -> Iterator[None]:
    """At the head of the waiting list, before it goes back."""
    before = StoreProfile.objects.values_list("late_payments", flat=True).get()
    StoreProfile.objects.update(late_payments=LatePayments.WAIT)
    yield
    StoreProfile.objects.update(late_payments=before)


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
