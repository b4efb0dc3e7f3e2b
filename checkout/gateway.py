"""The payment provider, behind one door: the only place that imports its SDK.

Every function makes a network call, so none may run inside a transaction. Each waits for its turn in our budget, is
refused at once while the breaker is open, and times out after ``STRIPE_TIMEOUT_SECONDS``; none retries by itself. They
speak our values and our errors, not the SDK's.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from itertools import islice
from operator import attrgetter
from typing import Any

import stripe
from django.conf import settings
from django.db import connection

from checkout import breaker, budget
from checkout.errors import (
    CardDeclined,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    SignatureInvalid,
    TokenUnusable,
)
from checkout.totals.taxes import Taxed, percent
from merchant.clock import now
from merchant.money import Money

TOKEN_PARAMS = {"confirmation_token"}
MOST_EVENTS = 10_000  # a hundred pages, each a call of the budget
PAGE, MOST_PAGES = 100, 10  # each page is a call of our budget
WITH_CHARGE = {"expand": ["latest_charge"]}  # the card's fingerprint stands there; asking for it costs no call
AUTHORISED = "requires_capture"
# Where the provider does not say until when a bank keeps the amount: less than the shortest that it names for payments
# on the web, 4 days and 18 hours. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
LEAST_KEPT = timedelta(days=4)
CONFIRMABLE = ("requires_payment_method", "requires_confirmation")
CONFLICT = 409  # another request holds the key or the object right now
SERVER_ERROR = 500
TAX_NAMES = {"vat": "VAT", "gst": "GST", "hst": "HST", "pst": "PST", "qst": "QST", "sales_tax": "Sales tax"}


@dataclass(frozen=True, slots=True)
class IntentView:
    """What a PaymentIntent says of itself."""

    id: str
    status: str
    client_secret: str
    amount: Money
    received_minor: int
    charge_id: str
    error_code: str
    error_message: str
    order_ref: str
    fingerprint: str = ""  # of the card that paid, or was tried last
    capture_before: datetime | None = None  # while the amount is set aside and not taken


@dataclass(frozen=True, slots=True)
class SessionView:
    """What a Checkout Session says of itself."""

    id: str
    url: str
    status: str  # open, complete, expired
    intent_id: str


@dataclass(frozen=True, slots=True)
class RefundView:
    id: str
    status: str
    amount_minor: int
    intent_id: str
    sent_key: str = ""  # the key it was asked for with; empty when it was made in the provider's dashboard
    failure: str = ""


@dataclass(frozen=True, slots=True)
class DisputeView:
    id: str
    status: str
    reason: str
    amount_minor: int
    intent_id: str
    due_by: datetime | None
    created: datetime
    charge_id: str = ""
    network: str = ""  # of the card: visa, mastercard…
    network_reason: str = ""  # the network's own code: 10.4
    submissions: int = 0  # how many answers went to the bank
    past_due: bool = False


@dataclass(frozen=True, slots=True)
class TaxView:
    """The tax of each line, in their order, and of the delivery. ``title``: ``VAT 19 %``."""

    title: str
    of_goods: tuple[int, ...]
    of_shipping: int


@dataclass(frozen=True, slots=True)
class EventView:
    """A verified webhook."""

    id: str
    type: str
    object_id: str
    payload: dict[str, Any] = field(repr=False)


def create_intent(order_ref: str, amount: Money, *, email: str, key: str, manual: bool = False) -> IntentView:
    """Create the order's PaymentIntent, unconfirmed. ``manual``: a bank's yes sets the amount aside, until captured."""
    params: dict[str, Any] = {
        "amount": amount.amount,
        "currency": amount.currency.lower(),
        "automatic_payment_methods": {"enabled": True},
        "metadata": {"order": order_ref},
        "receipt_email": email,
        "description": order_ref,
        **_captured(manual),
    }
    return _intent(_call("payment_intents.create", params, _options(key)))


def confirm_intent(intent_id: str, token: str, *, return_url: str, key: str) -> IntentView:
    """Confirm with the card behind ``token``. One that moved on meanwhile is returned as it is.

    Raises CardDeclined and TokenUnusable.
    """
    params = {"confirmation_token": token, "return_url": return_url, **WITH_CHARGE}
    try:
        return _intent(_call("payment_intents.confirm", intent_id, params, _options(key)))
    except GatewayRefused:
        found = retrieve_intent(intent_id)
        if found.status in CONFIRMABLE:
            raise
        return found  # paid, closed or on its way before we came: what it became decides


def retrieve_intent(intent_id: str) -> IntentView:
    return _intent(_call("payment_intents.retrieve", intent_id, WITH_CHARGE))


def find_intent(order_ref: str, since: datetime) -> IntentView | None:
    """The newest PaymentIntent made for an order since a time that is not closed: for when its id was lost.

    Looks at the newest ``PAGE * MOST_PAGES`` of all orders. One that stands further back is not found, and another is
    made: the lost one was never confirmed and nobody has its secret, so nothing can be paid on it.
    """
    params = {"created": {"gte": int(since.timestamp())}}
    listed = map(_intent, islice(_listed("payment_intents.list", params), PAGE * MOST_PAGES))
    return next((found for found in listed if found.order_ref == order_ref and found.status != "canceled"), None)


def capture_intent(intent_id: str, *, key: str) -> IntentView:
    """Take the whole amount that a bank has set aside. Raises GatewayRefused where there is nothing to take any more:
    captured, cancelled or lapsed."""
    return _intent(_call("payment_intents.capture", intent_id, WITH_CHARGE, _options(key)))


def cancel_intent(intent_id: str) -> IntentView:
    """Cancel; afterwards nothing can be paid on it, and what was set aside is let go. One that is paid or cancelled
    already is returned as it is."""
    try:
        return _intent(_call("payment_intents.cancel", intent_id))
    except GatewayRefused:
        return retrieve_intent(intent_id)  # it was too late to cancel: what it became decides


def create_session(
    order_ref: str,
    title: str,
    amount: Money,
    *,
    email: str,
    success_url: str,
    cancel_url: str,
    until: datetime,
    key: str,
    manual: bool = False,
) -> SessionView:
    """Open a Checkout Session for the whole order until a time (30 minutes to 24 hours from now)."""
    price = {"currency": amount.currency.lower(), "unit_amount": amount.amount, "product_data": {"name": title}}
    params = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "customer_email": email,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": int(until.timestamp()),
        "metadata": {"order": order_ref},
        "payment_intent_data": {"metadata": {"order": order_ref}, **_captured(manual)},
    }
    return _session(_call("checkout.sessions.create", params, _options(key)))


def retrieve_session(session_id: str) -> SessionView:
    return _session(_call("checkout.sessions.retrieve", session_id))


def expire_session(session_id: str) -> SessionView:
    """Expire an open session; one that is complete or expired already is returned as it is."""
    try:
        return _session(_call("checkout.sessions.expire", session_id))
    except GatewayRefused:
        return retrieve_session(session_id)


def refund(intent_id: str, amount_minor: int, *, key: str) -> RefundView:
    """Give back a part or all of a paid intent."""
    params = {"payment_intent": intent_id, "amount": amount_minor, "metadata": {"refund": key}}
    return _refund(_call("refunds.create", params, _options(key)))


def retrieve_refund(refund_id: str) -> RefundView:
    return _refund(_call("refunds.retrieve", refund_id))


def list_refunds(intent_id: str) -> list[RefundView]:
    """All refunds of an intent, newest first, whoever made them."""
    return [_refund(raw) for raw in _listed("refunds.list", {"payment_intent": intent_id})]


def retrieve_dispute(dispute_id: str) -> DisputeView:
    return _dispute(_call("disputes.retrieve", dispute_id))


def calculate_tax(asked: Taxed) -> TaxView:
    """What the provider's tax service says. A fan waits for it: it has a shorter time, and waits for no turn.

    Its failures are no sign that payments fail, so the breaker is asked and not told.
    """
    operation = "tax.calculations.create"
    _refuse_in_transaction()
    if not breaker.is_closed():
        raise GatewayUnavailable("breaker", acted=False)
    budget.take(operation, wait=False)
    try:
        answer = attrgetter(operation)(_client(settings.STRIPE_TAX_TIMEOUT_SECONDS).v1)(_tax_params(asked))
    except stripe.StripeError as error:
        raise _ours(error) from error
    return _tax(answer.to_dict(), asked)


def upload_evidence(name: str, content: bytes, *, key: str) -> str:
    """Put a file of evidence at the provider; its id. https://docs.stripe.com/file-upload"""
    file = BytesIO(content)
    file.name = name
    params = {"purpose": "dispute_evidence", "file": file}
    return str(_call("files.create", params, _options(key))["id"])


def stage_evidence(dispute_id: str, evidence: Mapping[str, Any], *, key: str) -> DisputeView:
    """Write evidence at a dispute without sending it to the bank. https://docs.stripe.com/api/disputes/update"""
    params = {"evidence": dict(evidence), "submit": False}  # the provider's default would send it
    return _dispute(_call("disputes.update", dispute_id, params, _options(key)))


def submit_evidence(dispute_id: str, *, key: str) -> DisputeView:
    """Send what is staged to the bank. There is one answer to a dispute and no second one."""
    return _dispute(_call("disputes.update", dispute_id, {"submit": True}, _options(key)))


def list_events(types: Sequence[str], since: datetime) -> list[EventView]:
    """The provider's own list of these events since a time, oldest first, for when it does not ring.

    They are listed newest first, so of more than ten thousand the oldest are left out: payments that wait are looked at
    one by one all the same.
    """
    params = {"types": list(types), "created": {"gte": int(since.timestamp())}}
    return [_event(raw) for raw in reversed(list(islice(_listed("events.list", params), MOST_EVENTS)))]


def verify_event(payload: bytes, signature: str) -> EventView:
    """A webhook signed with one of our secrets within the last five minutes. Raises SignatureInvalid."""
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            event = stripe.Webhook.construct_event(payload, signature, secret)
        except (ValueError, stripe.SignatureVerificationError):
            continue
        return _event(event.to_dict())
    raise SignatureInvalid


@cache
def _client(timeout: float | None = None) -> stripe.StripeClient:
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


def _captured(manual: bool) -> dict[str, str]:  # the drop's choice, handed on
    return {"capture_method": "manual"} if manual else {}


def _options(key: str) -> dict[str, str]:
    return {"idempotency_key": key}


def _listed(operation: str, params: dict[str, Any]) -> Iterator[Any]:
    """Page by page, each a call of its own."""
    page = _call(operation, params | {"limit": PAGE})
    yield from page["data"]
    while page["has_more"]:
        page = _call(operation, params | {"limit": PAGE, "starting_after": page["data"][-1]["id"]})
        yield from page["data"]


def _call(operation: str, *arguments: Any) -> Any:
    """Call the SDK's method of that name. What is not asked at all is GatewayUnavailable with ``acted`` False."""
    _refuse_in_transaction()
    breaker.admit(now())
    budget.take(operation)
    begun = time.monotonic()
    try:
        answer = attrgetter(operation)(_client().v1)(*arguments)
    except stripe.StripeError as error:
        breaker.record(well=_is_answer(error) and _quick(begun), now=now())
        raise _ours(error) from error
    breaker.record(well=_quick(begun), now=now())
    return answer.to_dict()


def _refuse_in_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("A network call inside a transaction would hold its locks for as long as the network likes.")
    if settings.DATABASE_POOL_SIZE:
        connection.close()  # back to the pool: a slow provider must not sit on a connection


def _quick(begun: float) -> bool:
    return bool(time.monotonic() - begun < settings.STRIPE_SLOW_SECONDS)


def _is_answer(error: stripe.StripeError) -> bool:
    """The provider understood us and said no; it is not in trouble."""
    if isinstance(error, stripe.RateLimitError | stripe.APIConnectionError):
        return False
    return error.http_status is not None and error.http_status < SERVER_ERROR


def _ours(error: stripe.StripeError) -> GatewayError:
    match error:
        case stripe.CardError():
            return _declined(error)
        case stripe.InvalidRequestError():
            return _refused(error)
    return _unavailable(error)


def _unavailable(error: stripe.StripeError) -> GatewayUnavailable:
    match error:
        case stripe.RateLimitError():
            return GatewayUnavailable("limited", acted=False)
        case stripe.APIConnectionError():
            return GatewayUnavailable("no answer")
        case stripe.IdempotencyError():
            return GatewayUnavailable("the key was used for something else", acted=False, replayable=False)
    if error.http_status == CONFLICT:
        return GatewayUnavailable("a twin is on its way")
    # Stripe replays a 500 under the same key for a day; asking again needs a new one.
    return GatewayUnavailable(f"status {error.http_status}", replayable=False)


def _declined(error: stripe.CardError) -> CardDeclined:
    body = (error.json_body or {}).get("error", {}) if isinstance(error.json_body, Mapping) else {}
    raw = body.get("payment_intent")
    code = body.get("decline_code") or error.code or "card_declined"
    return CardDeclined(error.user_message or "Your card was declined.", code, _intent(raw) if raw else None)


def _refused(error: stripe.InvalidRequestError) -> GatewayRefused | TokenUnusable:
    if error.param in TOKEN_PARAMS or "confirmation_token" in (error.code or ""):
        return TokenUnusable(error.user_message or "The card details are no longer valid.")
    return GatewayRefused(error.code or "", error.user_message or str(error))


def _intent(raw: Any) -> IntentView:
    problem = raw.get("last_payment_error") or {}
    return IntentView(
        id=raw["id"],
        status=raw["status"],
        client_secret=raw.get("client_secret") or "",
        amount=Money(raw["amount"], raw["currency"].upper()),
        received_minor=raw.get("amount_received") or 0,
        charge_id=_id(raw.get("latest_charge")),
        error_code=problem.get("decline_code") or problem.get("code") or "",
        error_message=problem.get("message") or "",
        order_ref=(raw.get("metadata") or {}).get("order", ""),
        fingerprint=_fingerprint(raw),
        capture_before=_capture_before(raw) if raw["status"] == AUTHORISED else None,
    )


def _capture_before(raw: Any) -> datetime:
    """When the bank lets go by itself. Other methods than a card do not say it, nor an intent without its charge."""
    charge = raw.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else {}
    method = charge.get("payment_method_details") or {}
    said = (method.get(method.get("type") or "") or {}).get("capture_before")
    if said:
        return datetime.fromtimestamp(said, tz=UTC)
    return datetime.fromtimestamp(charge.get("created") or raw["created"], tz=UTC) + LEAST_KEPT


def _fingerprint(raw: Any) -> str:
    """Of the charge that was tried last, where it was read with the intent; else of the card that was refused."""
    charge, refused = raw.get("latest_charge"), (raw.get("last_payment_error") or {}).get("payment_method") or {}
    method = charge.get("payment_method_details") or {} if isinstance(charge, Mapping) else refused
    return (method.get(method.get("type") or "") or {}).get("fingerprint") or ""


def _session(raw: Any) -> SessionView:
    return SessionView(
        id=raw["id"],
        url=raw.get("url") or "",
        status=raw["status"],
        intent_id=_id(raw.get("payment_intent")),
    )


def _refund(raw: Any) -> RefundView:
    return RefundView(
        id=raw["id"],
        status=raw["status"],
        amount_minor=raw["amount"],
        intent_id=_id(raw.get("payment_intent")),
        sent_key=(raw.get("metadata") or {}).get("refund", ""),
        failure=raw.get("failure_reason") or "",
    )


def _tax_params(asked: Taxed) -> dict[str, Any]:
    """What costs nothing is not asked for: the provider wants amounts above zero."""
    behaviour = "inclusive" if asked.included else "exclusive"
    place = {"country": asked.place.country, "state": asked.place.region, "postal_code": asked.place.postal_code}
    lines = zip(asked.skus, asked.goods_minor, strict=True)
    params: dict[str, Any] = {
        "currency": asked.currency.lower(),
        "customer_details": {
            "address": {name: text for name, text in place.items() if text},
            "address_source": "shipping",
        },
        "line_items": [
            {"amount": amount, "reference": sku, "tax_behavior": behaviour} for sku, amount in lines if amount
        ],
        "expand": ["line_items"],
    }
    if asked.shipping_minor:
        params["shipping_cost"] = {"amount": asked.shipping_minor, "tax_behavior": behaviour}
    return params


def _tax(raw: Any, asked: Taxed) -> TaxView:
    by_sku = {line["reference"]: line["amount_tax"] for line in raw["line_items"]["data"]}
    shares = [share for share in raw["tax_breakdown"] if share["amount"]]
    return TaxView(
        title=_tax_title(shares[0]["tax_rate_details"]) if len(shares) == 1 else "Tax" if shares else "",
        of_goods=tuple(by_sku.get(sku, 0) for sku in asked.skus),
        of_shipping=(raw.get("shipping_cost") or {}).get("amount_tax", 0),
    )


def _tax_title(rate: Any) -> str:
    name = TAX_NAMES.get(rate.get("tax_type") or "", "Tax")
    return f"{name} {percent(round(float(rate.get('percentage_decimal') or 0) * 100))}"


def _dispute(raw: Any) -> DisputeView:
    details = raw.get("evidence_details") or {}
    due_by = details.get("due_by")
    card = (raw.get("payment_method_details") or {}).get("card") or {}
    return DisputeView(
        id=raw["id"],
        status=raw["status"],
        reason=raw.get("reason") or "",
        amount_minor=raw["amount"],
        intent_id=_id(raw.get("payment_intent")),
        due_by=datetime.fromtimestamp(due_by, tz=UTC) if due_by else None,
        created=datetime.fromtimestamp(raw["created"], tz=UTC),
        charge_id=_id(raw.get("charge")),
        network=card.get("network") or card.get("brand") or "",
        network_reason=card.get("network_reason_code") or "",
        submissions=details.get("submission_count") or 0,
        past_due=bool(details.get("past_due")),
    )


def _event(raw: Any) -> EventView:
    return EventView(
        id=raw["id"],
        type=raw["type"],
        object_id=raw["data"]["object"].get("id", ""),
        payload=raw,
    )


def _id(reference: Any) -> str:
    """The id of an object that may be expanded, named, or absent."""
    if not reference:
        return ""
    return reference if isinstance(reference, str) else reference["id"]
