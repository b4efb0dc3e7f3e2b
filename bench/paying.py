"""How many payments a second one worker process makes while each answer of the provider takes a second."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import stripe
from django.conf import settings
from django.db.models import Max, Min

from bench import shop
from bench.servers import CHECKOUT, database_url
from checkout.contact import Address, Contact
from checkout.models import Order, OrderState, Payment, PaymentState
from checkout.order_request import OrderRequest
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import quote
from checkout.sandbox.testing import SandboxServer
from drops.models import Drop
from merchant.clock import now
from policies.acceptance import Answer, Person
from policies.models import Surface

WORKER = (
    "celery",
    "--app",
    "merchant",
    "--quiet",
    "worker",
    "-P",
    "threads",
    "-c",
    "12",
    "-Q",
    "payments",
    "-l",
    "error",
)
POOL_SIZE = "12"
LATENCY_SECONDS = 1.0
LIMIT_SECONDS = 90.0
KEY = "sk_test_bench"


@dataclass(frozen=True)
class Paid:
    """What became of the orders; ``rate`` is a second's, from the first confirmed order to the last."""

    wanted: int
    paid: int
    charged: int
    seconds: float

    @property
    def rate(self) -> float:
        return (self.paid - 1) / self.seconds if self.seconds else 0.0

    def faults(self) -> list[str]:
        claims = {
            f"{self.paid} of {self.wanted} orders were paid": self.paid == self.wanted,
            f"{self.charged} charges for {self.paid} paid orders": self.charged == self.paid,
        }
        return [claim for claim, holds in claims.items() if not holds]


def pay(orders: int, latency: float = LATENCY_SECONDS) -> Paid:
    """Place so many orders with cards, let one worker pay them, and look at when they were confirmed."""
    Payment.objects.filter(state=PaymentState.DUE).update(state=PaymentState.CLOSED)  # those of the crowd before
    with SandboxServer() as sandbox:
        placed = [place(sandbox, f"payer-{number}@example.com") for number in range(orders)]
        sandbox.slow("payment_intents.*", latency)
        with _worker(sandbox):
            _wait_until_paid(placed)
        charged = sum(charge["paid"] for charge in sandbox.charges())
    confirmed = Order.objects.filter(pk__in=placed, state=OrderState.CONFIRMED)
    times = confirmed.aggregate(first=Min("confirmed_at"), last=Max("confirmed_at"))
    seconds = (times["last"] - times["first"]).total_seconds() if times["first"] else 0.0
    return Paid(orders, confirmed.count(), charged, seconds)


def place(sandbox: SandboxServer, email: str, card_name: str = "pm_card_visa") -> int:
    """An order by a fan of its own, with a card: one that pays, or another of the sandbox's."""
    client = stripe.StripeClient(KEY, base_addresses={"api": sandbox.base_url})
    card = client.v1.test_helpers.confirmation_tokens.create({"payment_method": card_name}).id
    drop, at = Drop.objects.get(slug=shop.SLUG), now()  # what the fan's browser asked Stripe before is not our time
    agreed = quote(drop, [Wanted(shop.HOT, 1)], country="DE", now=at)
    request = OrderRequest(
        idempotency_key=str(uuid.uuid4()),
        quote=agreed.token,
        agreed_total=agreed.total,
        lines=(Wanted(shop.HOT, 1),),
        contact=Contact(email, "A Fan", "", Address("Long Street 1", "", "Leipzig", "04109", "", "DE")),
        shipping_option="standard",
        answers=tuple(Answer(text.id, text.sha256, True) for text in agreed.policies),
        confirmation_token=card,
        surface=Surface.API,
    )
    place_order(drop, request, person=Person("203.0.113.7", "bench", email), now=at)
    return Order.objects.values_list("pk", flat=True).get(email=email)


def with_sandbox(sandbox: SandboxServer) -> dict[str, str]:
    """The environment of a process that works on our database and pays at ``sandbox``."""
    return {
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "PUBLIC_URL": "http://127.0.0.1",
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_PUBLISHABLE_KEY": "pk_test_bench",
        "STRIPE_WEBHOOK_SECRETS": sandbox.webhook_secret,
        "STRIPE_API_BASE": sandbox.base_url,
        "CELERY_SKIP_CHECKS": "1",
    }


@contextmanager
def _worker(sandbox: SandboxServer) -> Iterator[None]:
    env = os.environ | with_sandbox(sandbox) | {"DATABASE_POOL_SIZE": POOL_SIZE}
    command = [sys.executable, "-W", "ignore", "-m", *WORKER]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=env)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_paid(placed: list[int]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    unpaid = Order.objects.filter(pk__in=placed).exclude(state=OrderState.CONFIRMED)
    while time.monotonic() < deadline and unpaid.exists():
        time.sleep(0.25)
