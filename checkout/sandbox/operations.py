"""Which HTTP call is which operation; the names are those that faults and the request log use."""

from collections.abc import Callable
from dataclasses import dataclass

from . import (
    balance,
    charges,
    checkout_sessions,
    confirmation_tokens,
    confirming,
    disputes,
    events,
    files,
    payment_intents,
    payment_methods,
    refunds,
    tax_calculations,
)
from .errors import Json
from .state import Call, Sandbox


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    run: Callable[[Sandbox, Call], Json]
    # A browser may call it with the publishable key.
    public: bool = False


OPERATIONS = (
    Operation("confirmation_tokens.create", "POST", "/v1/confirmation_tokens", confirmation_tokens.create, public=True),
    Operation("confirmation_tokens.retrieve", "GET", "/v1/confirmation_tokens/{id}", confirmation_tokens.retrieve),
    Operation(
        "test_helpers.confirmation_tokens.create",
        "POST",
        "/v1/test_helpers/confirmation_tokens",
        confirmation_tokens.create_for_test,
    ),
    Operation("payment_intents.create", "POST", "/v1/payment_intents", payment_intents.create),
    Operation("payment_intents.list", "GET", "/v1/payment_intents", payment_intents.list_),
    Operation("payment_intents.search", "GET", "/v1/payment_intents/search", payment_intents.search),
    Operation("payment_intents.retrieve", "GET", "/v1/payment_intents/{id}", payment_intents.retrieve, public=True),
    Operation("payment_intents.update", "POST", "/v1/payment_intents/{id}", payment_intents.update),
    Operation("payment_intents.confirm", "POST", "/v1/payment_intents/{id}/confirm", confirming.confirm),
    Operation("payment_intents.capture", "POST", "/v1/payment_intents/{id}/capture", payment_intents.capture),
    Operation("payment_intents.cancel", "POST", "/v1/payment_intents/{id}/cancel", payment_intents.cancel),
    Operation("payment_methods.retrieve", "GET", "/v1/payment_methods/{id}", payment_methods.retrieve),
    Operation("charges.list", "GET", "/v1/charges", charges.list_),
    Operation("charges.retrieve", "GET", "/v1/charges/{id}", charges.retrieve),
    Operation("refunds.create", "POST", "/v1/refunds", refunds.create),
    Operation("refunds.list", "GET", "/v1/refunds", refunds.list_),
    Operation("refunds.retrieve", "GET", "/v1/refunds/{id}", refunds.retrieve),
    Operation("refunds.update", "POST", "/v1/refunds/{id}", refunds.update),
    Operation("balance.retrieve", "GET", "/v1/balance", balance.balance),
    Operation("balance_transactions.list", "GET", "/v1/balance_transactions", balance.list_),
    Operation("balance_transactions.retrieve", "GET", "/v1/balance_transactions/{id}", balance.retrieve),
    Operation("checkout_sessions.create", "POST", "/v1/checkout/sessions", checkout_sessions.create),
    Operation("checkout_sessions.list", "GET", "/v1/checkout/sessions", checkout_sessions.list_),
    Operation("checkout_sessions.retrieve", "GET", "/v1/checkout/sessions/{id}", checkout_sessions.retrieve),
    Operation(
        "checkout_sessions.line_items", "GET", "/v1/checkout/sessions/{id}/line_items", checkout_sessions.line_items
    ),
    Operation("checkout_sessions.expire", "POST", "/v1/checkout/sessions/{id}/expire", checkout_sessions.expire),
    Operation("disputes.list", "GET", "/v1/disputes", disputes.list_),
    Operation("disputes.retrieve", "GET", "/v1/disputes/{id}", disputes.retrieve),
    Operation("disputes.update", "POST", "/v1/disputes/{id}", disputes.update),
    Operation("disputes.close", "POST", "/v1/disputes/{id}/close", disputes.close),
    Operation("tax.calculations.create", "POST", "/v1/tax/calculations", tax_calculations.create),
    Operation("files.create", "POST", "/v1/files", files.create),
    Operation("files.retrieve", "GET", "/v1/files/{id}", files.retrieve),
    Operation("events.list", "GET", "/v1/events", events.list_),
    Operation("events.retrieve", "GET", "/v1/events/{id}", events.retrieve),
)
