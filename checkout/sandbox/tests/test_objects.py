"""Objects carry the fields that Stripe's published examples carry (STRIPE_FIXTURES names that file)."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.steps import confirm, paid, token, unpaid
from checkout.sandbox.tests.test_checkout_sessions import open_session

FIXTURES = os.environ.get("STRIPE_FIXTURES", "")

pytestmark = pytest.mark.skipif(
    not Path(FIXTURES).is_file(), reason="STRIPE_FIXTURES does not name Stripe's fixtures3.json (stripe/openapi)"
)


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return dict(json.loads(Path(FIXTURES).read_text(encoding="utf-8"))["resources"])


def make(kind: str, client: stripe.StripeClient, sandbox: SandboxServer) -> tuple[str, str]:
    """Brings one object of that kind about; answers its path and its id."""
    intent = paid(client)
    charge = str(intent.latest_charge)
    makers: dict[str, Callable[[], tuple[str, str]]] = {
        "payment_intent": lambda: ("payment_intents", intent.id),
        "charge": lambda: ("charges", charge),
        "refund": lambda: ("refunds", client.v1.refunds.create({"charge": charge}).id),
        "confirmation_token": lambda: ("confirmation_tokens", token(client)),
        "checkout.session": lambda: ("checkout/sessions", open_session(client).id),
        "balance_transaction": lambda: ("balance_transactions", client.v1.balance_transactions.list().data[0].id),
        "dispute": lambda: ("disputes", sandbox.dispute(intent.id)),
        "event": lambda: ("events", client.v1.events.list().data[0].id),
        "payment_method": lambda: ("payment_methods", str(intent.payment_method)),
    }
    return makers[kind]()


KINDS = [
    "balance_transaction",
    "charge",
    "checkout.session",
    "confirmation_token",
    "dispute",
    "event",
    "payment_intent",
    "payment_method",
    "refund",
]


@pytest.mark.parametrize("kind", KINDS)
def test_has_the_published_fields(
    client: stripe.StripeClient, sandbox: SandboxServer, published: dict[str, Any], kind: str
) -> None:
    folder, identifier = make(kind, client, sandbox)
    url = f"{sandbox.base_url}/v1/{folder}/{identifier}"
    ours = httpx.get(url, headers={"Authorization": "Bearer sk_test_x"}, trust_env=False).json()

    assert set(ours) == set(published[kind])


def test_card_details_have_the_published_fields(client: stripe.StripeClient, published: dict[str, Any]) -> None:
    intent = client.v1.payment_intents.retrieve(confirm(client, unpaid(client)).id, {"expand": ["latest_charge"]})
    assert isinstance(intent.latest_charge, stripe.Charge)
    details = intent.latest_charge.payment_method_details
    assert details is not None
    assert set(details.to_dict()["card"]) == set(published["charge"]["payment_method_details"]["card"])
