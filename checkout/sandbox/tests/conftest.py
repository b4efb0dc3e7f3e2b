"""One sandbox process for the session, emptied before every test, and a shop that listens to its webhooks."""

from collections.abc import Iterator

import httpx
import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.receiver import Receiver


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_process: SandboxServer) -> SandboxServer:
    sandbox_process.reset()
    sandbox_process.send_webhooks_to(None)
    return sandbox_process


@pytest.fixture
def client(sandbox: SandboxServer) -> stripe.StripeClient:
    """The real SDK, unmodified, with its own retries off as the shop has them."""
    return stripe.StripeClient("sk_test_x", base_addresses={"api": sandbox.base_url}, max_network_retries=0)


@pytest.fixture
def receiver(sandbox: SandboxServer) -> Iterator[Receiver]:
    """A shop's webhook endpoint; its events are verified with the SDK's own check."""
    with Receiver(sandbox.webhook_secret) as shop:
        sandbox.send_webhooks_to(shop.url)
        yield shop
        sandbox.send_webhooks_to(None)


@pytest.fixture
def browserless(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    """A browser without JavaScript: forms, redirects followed by hand."""
    with httpx.Client(base_url=sandbox.base_url, trust_env=False, timeout=60) as browser:
        yield browser
