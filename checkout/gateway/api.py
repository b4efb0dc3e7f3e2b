"""One call of the provider's API: its turn in our budget, the breaker, the time limit, and our errors."""

import time
from collections.abc import Iterator
from functools import cache
from operator import attrgetter
from typing import Any

import stripe
from django.conf import settings
from django.db import connection

from checkout import breaker, budget
from checkout.errors import GatewayRefused, GatewayUnavailable
from checkout.gateway.translation import is_answer, ours
from merchant.clock import now

PAGE = 100  # the most that the provider lists at once


def call(operation: str, *arguments: Any) -> Any:
    """Call the SDK's method of that name. What is not asked at all is GatewayUnavailable with ``acted`` False."""
    _refuse_in_transaction()
    breaker.admit(now())
    budget.take(operation)
    begun = time.monotonic()
    try:
        answer = attrgetter(operation)(client().v1)(*arguments)
    except stripe.StripeError as error:
        breaker.record(well=is_answer(error) and _quick(begun), now=now())
        raise ours(error) from error
    breaker.record(well=_quick(begun), now=now())
    return answer.to_dict()


def create_with_mail(operation: str, params: dict[str, Any], mail: dict[str, str], *, key: str) -> Any:
    """Create with the fan's address; without it where the provider takes no such address, which stops nobody paying.

    A wrong parameter is refused before anything happens: https://docs.stripe.com/error-codes#email-invalid
    """
    try:
        return call(operation, params | mail, options(key))
    except GatewayRefused as refused:
        if refused.code != "email_invalid":
            raise
        return call(operation, params, options(f"{key}:without-mail"))


def ask_at_once(operation: str, *arguments: Any, timeout: float) -> Any:
    """A call that a fan waits for: within ``timeout`` seconds, and refused where it would have to wait for its turn.

    Its failures are no sign that payments fail, so the breaker is asked and not told.
    """
    _refuse_in_transaction()
    if not breaker.is_closed():
        raise GatewayUnavailable("breaker", acted=False)
    budget.take(operation, wait=False)
    try:
        answer = attrgetter(operation)(client(timeout).v1)(*arguments)
    except stripe.StripeError as error:
        raise ours(error) from error
    return answer.to_dict()


def listed(operation: str, params: dict[str, Any]) -> Iterator[Any]:
    """Page by page, each a call of its own."""
    page = call(operation, params | {"limit": PAGE})
    yield from page["data"]
    while page["has_more"]:
        page = call(operation, params | {"limit": PAGE, "starting_after": page["data"][-1]["id"]})
        yield from page["data"]


def options(key: str) -> dict[str, str]:
    return {"idempotency_key": key}


@cache
def client(timeout: float | None = None) -> stripe.StripeClient:
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        stripe_version=settings.STRIPE_API_VERSION,
        base_addresses={"api": settings.STRIPE_API_BASE, "files": _files_base()},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=timeout or settings.STRIPE_TIMEOUT_SECONDS),
    )


def _files_base() -> str:
    """Files go to a host of their own; to a stand-in for the provider they go where everything goes."""
    base: str = settings.STRIPE_API_BASE
    return base.replace("//api.", "//files.") if base.endswith("//api.stripe.com") else base


def _refuse_in_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("A network call inside a transaction would hold its locks for as long as the network likes.")
    if settings.DATABASE_POOL_SIZE:
        connection.close()  # back to the pool: a slow provider must not sit on a connection


def _quick(begun: float) -> bool:
    return bool(time.monotonic() - begun < settings.STRIPE_SLOW_SECONDS)
