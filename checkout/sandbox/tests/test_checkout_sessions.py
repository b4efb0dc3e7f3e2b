"""Checkout Sessions, paid on their own page by forms alone."""

from typing import Any

import httpx
import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.receiver import Receiver

CARD = {"email": "fan@example.com", "number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
DECLINED = {**CARD, "number": "4000 0000 0000 0002"}
SECURE = {**CARD, "number": "4000 0027 6000 3184"}


def open_session(client: stripe.StripeClient, expires_at: int | None = None) -> stripe.checkout.Session:
    item = {
        "quantity": 2,
        "price_data": {"currency": "usd", "unit_amount": 2400, "product_data": {"name": "Winter robe"}},
    }
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [item],
        "success_url": "https://shop.example/orders/1?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/orders/1",
        "metadata": {"order": "A1"},
        "payment_intent_data": {"metadata": {"order": "A1"}},
    }
    if expires_at:
        params["expires_at"] = expires_at
    return client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]  # built in steps


def path_of(session: stripe.checkout.Session) -> str:
    return f"/c/pay/{session.id}"


def test_is_paid_without_javascript(client: stripe.StripeClient, browserless: httpx.Client, receiver: Receiver) -> None:
    session = open_session(client)
    assert session.url is not None
    assert session.url.endswith(path_of(session))
    page = browserless.get(path_of(session))
    assert "$48.00" in page.text
    assert "Winter robe" in page.text

    answer = browserless.post(path_of(session), data=CARD)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/orders/1?session={session.id}"
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert isinstance(done.payment_intent, stripe.PaymentIntent)
    assert (done.payment_intent.status, done.payment_intent.metadata["order"]) == ("succeeded", "A1")
    receiver.wait_for(lambda types: "checkout.session.completed" in types)


def test_a_declined_card_is_explained_and_another_one_pays(
    client: stripe.StripeClient, browserless: httpx.Client, sandbox: SandboxServer
) -> None:
    session = open_session(client)

    refused = browserless.post(path_of(session), data=DECLINED)
    assert refused.status_code == 402
    assert "Your card was declined." in refused.text
    assert browserless.post(path_of(session), data=CARD).status_code == 303

    assert len({charge["payment_intent"] for charge in sandbox.charges("A1")}) == 1
    assert [charge["paid"] for charge in sandbox.charges("A1")] == [False, True]


def test_three_d_secure_has_a_page_of_its_own(client: stripe.StripeClient, browserless: httpx.Client) -> None:
    session = open_session(client)
    to_bank = browserless.post(path_of(session), data=SECURE)
    assert to_bank.headers["location"] == f"{path_of(session)}/3ds"
    assert "Complete authentication" in browserless.get(to_bank.headers["location"]).text

    failed = browserless.post(to_bank.headers["location"], data={"outcome": "fail"})
    assert "unable to authenticate" in failed.text
    browserless.post(path_of(session), data=SECURE)
    done = browserless.post(to_bank.headers["location"], data={"outcome": "complete"})

    assert done.status_code == 303
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"number": "4242 4242 4242 4241"}, "card number is incorrect"),
        ({"expiry": "12 / 20"}, "expiration year is invalid"),
        ({"expiry": "soon"}, "expiration date is incomplete"),
        ({"cvc": ""}, "security code is incomplete"),
    ],
)
def test_a_mistyped_card_is_explained(
    client: stripe.StripeClient, browserless: httpx.Client, wrong: dict[str, str], message: str
) -> None:
    page = browserless.post(path_of(open_session(client)), data={**CARD, **wrong})
    assert page.status_code == 402
    assert message in page.text.replace("&#x27;", "'")


def test_expires_in_time_and_cannot_be_paid_any_more(
    client: stripe.StripeClient, browserless: httpx.Client, sandbox: SandboxServer, receiver: Receiver
) -> None:
    session = open_session(client)
    browserless.post(path_of(session), data=DECLINED)

    sandbox.advance(24 * 3600)

    page = browserless.post(path_of(session), data=CARD)
    assert page.status_code == 410
    assert "expired" in page.text
    expired = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert expired.status == "expired"
    assert isinstance(expired.payment_intent, stripe.PaymentIntent)
    assert expired.payment_intent.status == "canceled"
    receiver.wait_for(lambda types: "checkout.session.expired" in types)


def test_its_payment_intent_is_cancelled_by_expiring_the_session_only(
    client: stripe.StripeClient, browserless: httpx.Client
) -> None:
    session = open_session(client)
    browserless.post(path_of(session), data=DECLINED)
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent

    with pytest.raises(stripe.InvalidRequestError, match="Expire the session instead"):
        client.v1.payment_intents.cancel(str(intent))


def test_expiring_by_hand_works_once_and_never_after_payment(
    client: stripe.StripeClient, browserless: httpx.Client
) -> None:
    session, paid = open_session(client), open_session(client)
    browserless.post(path_of(paid), data=CARD)

    assert client.v1.checkout.sessions.expire(session.id).status == "expired"

    for identifier in (session.id, paid.id):
        with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
            client.v1.checkout.sessions.expire(identifier)
    assert "already paid" in browserless.get(path_of(paid)).text


def test_refuses_an_expiry_under_half_an_hour(client: stripe.StripeClient) -> None:
    now = client.v1.payment_intents.create({"amount": 900, "currency": "usd"}).created
    with pytest.raises(stripe.InvalidRequestError) as refused:
        open_session(client, expires_at=now + 29 * 60)
    assert refused.value.param == "expires_at"
