"""Objects carry the fields that Stripe's carry: the names of the fields of its published examples, read from
``fixtures3.json`` of the repository stripe/openapi at commit f6c2a48. STRIPE_FIXTURES names another copy of that file,
to compare with a newer one."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.steps import confirm, paid, token, unpaid
from checkout.sandbox.tests.test_checkout_sessions import open_session

FIELDS = Path(__file__).with_name("stripe_fields.json")
CARD = "charge.payment_method_details.card"


@pytest.fixture(scope="module")
def published() -> dict[str, list[str]]:
    """The names of the fields of each kind of object."""
    if not (newer := os.environ.get("STRIPE_FIXTURES")):
        return dict(json.loads(FIELDS.read_text(encoding="utf-8")))
    examples = json.loads(Path(newer).read_text(encoding="utf-8"))["resources"]
    card = examples["charge"]["payment_method_details"]["card"]
    return {kind: sorted(examples[kind]) for kind in KINDS} | {CARD: sorted(card)}


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
    client: stripe.StripeClient, sandbox: SandboxServer, published: dict[str, list[str]], kind: str
) -> None:
    folder, identifier = make(kind, client, sandbox)
    url = f"{sandbox.base_url}/v1/{folder}/{identifier}"
    ours = httpx.get(url, headers={"Authorization": "Bearer sk_test_x"}, trust_env=False).json()

    assert sorted(ours) == published[kind]


def test_card_details_have_the_published_fields(client: stripe.StripeClient, published: dict[str, list[str]]) -> None:
    intent = client.v1.payment_intents.retrieve(confirm(client, unpaid(client)).id, {"expand": ["latest_charge"]})
    assert isinstance(intent.latest_charge, stripe.Charge)
    details = intent.latest_charge.payment_method_details
    assert details is not None
    assert sorted(details.to_dict()["card"]) == published[CARD]
