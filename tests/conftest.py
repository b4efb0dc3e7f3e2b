"""A running shop for the tests that need real processes, and this process's verbs writing into its database."""

from collections.abc import Iterator
from typing import Any

import pytest

from merchant.clock import now
from merchant.models import StoreProfile
from merchant.roles import ensure_roles
from policies.models import Policy
from policies.publishing import new_draft, publish
from tests.running_shop import RunningShop, own_database, working_in


@pytest.fixture(scope="session")
def running_shop(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningShop]:
    """Started once for the session. Tests share it: each makes a drop of its own."""
    with django_db_blocker.unblock(), own_database() as database:
        running = RunningShop(tmp_path_factory.mktemp("shop"), database)
        try:
            with working_in(database):
                furnish()
            running.start()
            yield running
        finally:
            running.stop()


@pytest.fixture
def db(running_shop: RunningShop, django_db_blocker: Any) -> Iterator[None]:
    """In place of the suite's database the running shop's, where nothing is rolled back: others read it, too."""
    with django_db_blocker.unblock(), working_in(running_shop.database):
        yield


@pytest.fixture
def shop(running_shop: RunningShop, db: None) -> Iterator[RunningShop]:
    """The running shop, without faults."""
    running_shop.sandbox.clear()
    yield running_shop
    running_shop.sandbox.clear()


def furnish() -> None:
    """A shop in New York that sends to three countries for six dollars, with one promise to be ticked."""
    ensure_roles()
    StoreProfile(
        pk=1,
        name="Halden",
        currency="USD",
        country="US",
        timezone="America/New_York",
        ships_to=["US", "DE", "CA"],
        shipping_minor=600,
    ).save()
    returns = Policy.objects.create(slug="returns", kind="returns", title="Returns")
    draft = new_draft(returns, "staff:owner")
    draft.source, draft.summary = "Send it back within **30 days**.", "30 days to send it back."
    draft.box_wording = "I know that I have 30 days to send it back."
    draft.save()
    publish(draft, by="staff:owner", now=now())
