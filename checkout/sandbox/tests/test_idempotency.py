"""Idempotency keys as Stripe treats them."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.steps import RETURN_URL, token, unpaid

CREATE = {"amount": "4800", "currency": "usd", "metadata[order]": "A1"}


def create(sandbox: SandboxServer, key: str, **changes: str) -> httpx.Response:
    headers = {"Authorization": "Bearer sk_test_x", "Idempotency-Key": key}
    url = f"{sandbox.base_url}/v1/payment_intents"
    return httpx.post(url, data={**CREATE, **changes}, headers=headers, trust_env=False, timeout=60)


def test_the_same_request_is_answered_with_the_same_reply(sandbox: SandboxServer) -> None:
    first, second = create(sandbox, "order:1:create"), create(sandbox, "order:1:create")

    assert second.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["request-id"] != first.headers["request-id"]


def test_other_parameters_under_a_used_key_are_refused(client: stripe.StripeClient) -> None:
    client.v1.payment_intents.create({"amount": 4800, "currency": "usd"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create({"amount": 4900, "currency": "usd"}, {"idempotency_key": "k"})


def test_a_decline_is_remembered_with_its_key(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = unpaid(client)
    attempt = {"confirmation_token": token(client, "pm_card_chargeDeclined"), "return_url": RETURN_URL}

    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.confirm(intent, attempt, {"idempotency_key": "a1"})  # type: ignore[arg-type]

    assert [entry["replayed"] for entry in sandbox.requests("payment_intents.confirm")] == [False, True]
    assert len(sandbox.charges()) == 1


def test_a_request_that_never_began_does_not_use_up_its_key(sandbox: SandboxServer) -> None:
    assert create(sandbox, "k", amount="nothing").status_code == 400
    assert create(sandbox, "k").status_code == 200


def test_a_server_error_is_remembered_and_a_rate_limit_is_not(sandbox: SandboxServer) -> None:
    sandbox.fail("payment_intents.create", 500, times=1)
    assert [create(sandbox, "broken").status_code for _ in range(2)] == [500, 500]
    sandbox.fail("payment_intents.create", 429, times=1)
    assert [create(sandbox, "limited").status_code for _ in range(2)] == [429, 200]


def test_ten_at_once_create_one_intent(sandbox: SandboxServer) -> None:
    sandbox.slow("payment_intents.create", 0.3, times=1)
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda _: create(sandbox, "k"), range(10)))

    good = [reply for reply in replies if reply.status_code == 200]
    busy = [reply for reply in replies if reply.status_code == 409]
    assert len(good) + len(busy) == 10
    assert len({reply.json()["id"] for reply in good}) == 1
    assert {reply.json()["error"]["code"] for reply in busy} == {"idempotency_key_in_use"}


def test_a_key_is_forgotten_after_a_day(sandbox: SandboxServer) -> None:
    first = create(sandbox, "k").json()
    sandbox.advance(24 * 3600)
    assert create(sandbox, "k").json()["id"] != first["id"]
