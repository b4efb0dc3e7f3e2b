"""Refunds, disputes and what they leave in the balance."""

import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.receiver import Receiver
from checkout.sandbox.tests.steps import paid, unpaid


def test_refunds_add_up_to_what_was_captured_and_no_further(
    client: stripe.StripeClient, sandbox: SandboxServer
) -> None:
    intent = paid(client)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 1800})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 3001})
    rest = client.v1.refunds.create({"payment_intent": intent.id})

    assert (rest.amount, rest.status) == (3000, "succeeded")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1})
    assert refused.value.code == "charge_already_refunded"
    assert [charge["refunded"] for charge in sandbox.charges("A1")] == [4800]
    assert [refund.amount for refund in client.v1.refunds.list({"payment_intent": intent.id}).data] == [3000, 1800]


def test_an_unpaid_intent_has_nothing_to_refund(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"payment_intent": unpaid(client)})


def test_the_balance_counts_charges_fees_and_refunds(client: stripe.StripeClient) -> None:
    intent = paid(client, 10_000)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 4000})

    booked = client.v1.balance_transactions.list().data
    assert [(row.type, row.amount, row.fee, row.net) for row in booked] == [
        ("refund", -4000, 0, -4000),
        ("charge", 10_000, 320, 9680),
    ]
    assert client.v1.balance.retrieve().pending[0].amount == 5680


def test_a_refund_is_told(client: stripe.StripeClient, receiver: Receiver) -> None:
    client.v1.refunds.create({"payment_intent": paid(client).id})
    types = receiver.wait_for(lambda types: len(types) == 6)
    assert {"refund.created", "charge.refunded", "charge.refund.updated"} <= set(types)


def test_a_dispute_takes_the_money_and_forbids_a_refund(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = paid(client)
    dispute = sandbox.dispute(intent.id)

    opened = client.v1.disputes.retrieve(dispute)
    assert (opened.amount, opened.status, opened.payment_intent) == (4800, "needs_response", intent.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_disputed"

    answered = client.v1.disputes.update(dispute, {"evidence": {"customer_name": "A fan"}, "submit": True})
    assert (answered.status, answered.evidence_details.submission_count) == ("under_review", 1)
    sandbox.decide_dispute(dispute, won=True)
    assert client.v1.disputes.retrieve(dispute).status == "won"
