"""What goes wrong on the wire, and what the state says afterwards."""

import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.steps import RETURN_URL, confirm, token, unpaid, wait_until


def test_a_dropped_reply_has_changed_the_state(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = unpaid(client)
    attempt = {"confirmation_token": token(client), "return_url": RETURN_URL}
    sandbox.drop_reply("payment_intents.confirm")

    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.confirm(intent, attempt, {"idempotency_key": "c1"})  # type: ignore[arg-type]

    assert client.v1.payment_intents.retrieve(intent).status == "succeeded"
    again = client.v1.payment_intents.confirm(intent, attempt, {"idempotency_key": "c1"})  # type: ignore[arg-type]
    assert again.status == "succeeded"
    assert [charge["amount"] for charge in sandbox.charges("A1")] == [4800]


def test_a_dropped_request_has_changed_nothing(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = unpaid(client)
    sandbox.drop_request("payment_intents.confirm")

    with pytest.raises(stripe.APIConnectionError):
        confirm(client, intent)

    assert client.v1.payment_intents.retrieve(intent).status == "requires_payment_method"
    assert sandbox.charges() == []


def test_an_error_after_the_work_hides_a_paid_intent(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = unpaid(client)
    sandbox.fail("payment_intents.confirm", 500, times=1, phase="after")

    with pytest.raises(stripe.APIError):
        confirm(client, intent)

    assert client.v1.payment_intents.retrieve(intent).status == "succeeded"


def test_a_caller_that_gives_up_does_not_stop_the_work(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = unpaid(client)
    sandbox.slow("payment_intents.confirm", 0.5, times=1)
    hasty = stripe.StripeClient(
        "sk_test_x",
        base_addresses={"api": sandbox.base_url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=0.1),
    )

    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa", "return_url": RETURN_URL})

    wait_until(lambda: client.v1.payment_intents.retrieve(intent).status == "succeeded")
    assert len(sandbox.charges("A1")) == 1


def test_rate_limits_end_when_cleared(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    sandbox.fail("payment_intents.*", 429)
    for _ in range(3):
        with pytest.raises(stripe.RateLimitError):
            unpaid(client)

    sandbox.clear()

    assert unpaid(client).startswith("pi_")
    statuses = [entry["status"] for entry in sandbox.requests("payment_intents.create")]
    assert statuses == [429, 429, 429, 200]


def test_refuses_a_switch_that_does_not_exist(sandbox: SandboxServer) -> None:
    with pytest.raises(Exception, match="kind must be one of"):
        sandbox.post("/sandbox/faults", {"kind": "fire"})
    with pytest.raises(Exception, match="unknown: colour"):
        sandbox.post("/sandbox/faults", {"webhooks": {"colour": "red"}})


def test_payments_outlive_the_process(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("stripe") / "stripe.sqlite3"
    first = SandboxServer()
    first.start(state=state)
    client = stripe.StripeClient("sk_test_x", base_addresses={"api": first.base_url})
    intent = confirm(client, unpaid(client)).id
    first.stop()

    second = SandboxServer()
    second.start(state=state)
    try:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": second.base_url})
        assert client.v1.payment_intents.retrieve(intent).status == "succeeded"
        assert [charge["amount"] for charge in second.charges("A1")] == [4800]
    finally:
        second.stop()
