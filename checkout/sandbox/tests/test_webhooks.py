"""Events: signed, repeated, reordered, lost, retried; never anybody's promise of order."""

import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.receiver import Receiver
from checkout.sandbox.tests.steps import confirm, paid, unpaid

PAID = {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}


def test_a_payment_is_told_with_a_signature_that_the_sdk_accepts(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    intent = paid(client)

    assert set(receiver.wait_for(lambda types: len(types) == 3)) == PAID
    told = next(event for event in receiver.events if event.type == "payment_intent.succeeded")
    assert told.data.object["id"] == intent.id
    assert told.api_version == "2026-10-28.endive"
    assert told.request is not None
    assert str(told.request.id).startswith("req_")


def test_another_secret_does_not_verify(client: stripe.StripeClient, receiver: Receiver) -> None:
    receiver.secret = "whsec_other"
    unpaid(client)

    receiver.wait_until(lambda: len(receiver.failures) == 1)
    assert receiver.failures == ["No signatures found matching the expected signature for payload"]
    assert receiver.events == []
    receiver.failures.clear()


def test_an_event_may_come_five_times(client: stripe.StripeClient, sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.webhooks(repeat=5)
    unpaid(client)
    assert receiver.wait_for(lambda types: len(types) == 5) == ["payment_intent.created"] * 5
    assert len({event.id for event in receiver.events}) == 1


def test_success_may_arrive_before_creation(
    client: stripe.StripeClient, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.webhooks(reorder=3)
    paid(client)
    types = receiver.wait_for(lambda types: len(types) == 3)
    assert types == ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]


def test_a_lost_event_is_still_listed(client: stripe.StripeClient, sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.webhooks(lose=1)
    intent = unpaid(client)
    client.v1.payment_intents.cancel(intent)

    assert receiver.wait_for(lambda types: len(types) == 1) == ["payment_intent.canceled"]
    assert [event.type for event in client.v1.events.list().data] == [
        "payment_intent.canceled",
        "payment_intent.created",
    ]


def test_an_endpoint_that_fails_is_tried_again(
    client: stripe.StripeClient, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.webhooks(retry_after=0.01)
    receiver.answers = [500, 503]
    unpaid(client)
    assert receiver.wait_for(lambda types: len(types) == 3) == ["payment_intent.created"] * 3


def test_a_declined_card_is_told_too(client: stripe.StripeClient, receiver: Receiver) -> None:
    with pytest.raises(stripe.CardError):
        confirm(client, unpaid(client), "pm_card_chargeDeclined")
    types = receiver.wait_for(lambda types: len(types) == 3)
    assert set(types) == {"payment_intent.created", "charge.failed", "payment_intent.payment_failed"}
