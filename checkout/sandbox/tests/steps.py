"""Steps that the tests of this folder share."""

import time
from collections.abc import Callable

import stripe

RETURN_URL = "https://shop.example/orders/1"


def token(client: stripe.StripeClient, name: str = "pm_card_visa") -> str:
    return client.v1.test_helpers.confirmation_tokens.create({"payment_method": name}).id


def unpaid(client: stripe.StripeClient, amount: int = 4800, *, order: str = "A1", manual: bool = False) -> str:
    intent = client.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "usd",
            "metadata": {"order": order},
            "capture_method": "manual" if manual else "automatic",
        }
    )
    return intent.id


def confirm(client: stripe.StripeClient, intent: str, name: str = "pm_card_visa") -> stripe.PaymentIntent:
    return client.v1.payment_intents.confirm(
        intent, {"confirmation_token": token(client, name), "return_url": RETURN_URL}
    )


def paid(client: stripe.StripeClient, amount: int = 4800, *, order: str = "A1") -> stripe.PaymentIntent:
    return confirm(client, unpaid(client, amount, order=order))


def wait_until(condition: Callable[[], bool], limit: float = 120.0) -> None:
    """Asks until the condition holds; fails when it does not within the limit (seconds)."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)  # polling a condition
