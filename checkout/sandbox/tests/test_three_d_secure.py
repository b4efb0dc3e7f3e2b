"""The bank's page without JavaScript, and who may see a payment in a browser."""

import httpx
import pytest
import stripe

from checkout.sandbox.tests.steps import RETURN_URL, confirm, unpaid


def bank_page(client: stripe.StripeClient) -> tuple[stripe.PaymentIntent, httpx.URL]:
    intent = confirm(client, unpaid(client), "pm_card_authenticationRequired")
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    return intent, httpx.URL(str(intent.next_action.redirect_to_url.url))


@pytest.mark.parametrize(("outcome", "told"), [("complete", "succeeded"), ("fail", "failed")])
def test_a_plain_form_answers_and_returns_to_the_shop(
    client: stripe.StripeClient, browserless: httpx.Client, outcome: str, told: str
) -> None:
    intent, url = bank_page(client)
    assert "$48.00" in browserless.get(url).text

    answer = browserless.post(url.path, data={"client_secret": intent.client_secret, "outcome": outcome})

    assert answer.status_code == 303
    back = httpx.URL(answer.headers["location"])
    assert str(back).startswith(RETURN_URL)
    assert back.params["redirect_status"] == told
    assert back.params["payment_intent"] == intent.id


def test_nobody_answers_without_the_client_secret(client: stripe.StripeClient, browserless: httpx.Client) -> None:
    intent, url = bank_page(client)
    refused = browserless.post(url.path, data={"client_secret": "pi_x_secret_y", "outcome": "complete"})
    assert refused.status_code == 404
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_action"


def test_a_publishable_key_sees_a_payment_only_with_its_secret(
    client: stripe.StripeClient, browserless: httpx.Client
) -> None:
    intent = client.v1.payment_intents.retrieve(unpaid(client))
    path = f"/v1/payment_intents/{intent.id}"
    query = {"key": "pk_test_x", "client_secret": str(intent.client_secret)}

    seen = browserless.get(path, params=query)
    assert seen.json()["status"] == "requires_payment_method"
    assert "metadata" not in seen.json()
    assert browserless.get(path, params={"key": "pk_test_x"}).status_code == 404
    assert browserless.get("/v1/payment_intents", params={"key": "pk_test_x"}).status_code == 401
