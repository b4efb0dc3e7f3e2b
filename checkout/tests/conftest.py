"""A live drop, a fan, and the payment provider's sandbox: what the tests of checkout stand on."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from checkout import attempts, breaker, budget
from checkout.gateway import api
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from drops.models import Drop
from merchant import store
from merchant.models import StoreProfile


@pytest.fixture(autouse=True)
def _no_stale_shop() -> Iterator[None]:
    store.forget_store()
    yield
    store.forget_store()


@pytest.fixture
def shop(db: None) -> StoreProfile:
    """A shop in Berlin that sends robes to three countries for six dollars."""
    profile = StoreProfile(
        pk=1,
        name="Test shop",
        currency="USD",
        country="US",
        timezone="Europe/Berlin",
        ships_to=["US", "DE", "CA"],
        shipping_minor=600,
        tax_basis_points=1900,
    )
    profile.save()
    return profile


@pytest.fixture
def robe(shop: StoreProfile) -> Drop:
    """A live drop of one robe at $48.00, five units, two a person."""
    return fan.live_drop(total=5)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_process: SandboxServer, settings: object) -> Iterator[SandboxServer]:
    """The provider, without faults or anything of other tests, and our gateway pointed at it."""
    settings.STRIPE_API_BASE = sandbox_process.base_url  # type: ignore[attr-defined]  # pytest-django's own object
    settings.STRIPE_WEBHOOK_SECRETS = [sandbox_process.webhook_secret]  # type: ignore[attr-defined]
    api.client.cache_clear()
    sandbox_process.reset()
    breaker.forget()
    budget.forget()
    attempts.forget()
    yield sandbox_process
    sandbox_process.clear()
    api.client.cache_clear()
