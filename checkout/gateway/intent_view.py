"""What a PaymentIntent says of itself, in our values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from checkout.gateway.expandable import id_of
from merchant.money import Money

AUTHORISED = "requires_capture"
CONFIRMABLE = ("requires_payment_method", "requires_confirmation")
# Where the provider does not say until when a bank keeps the amount: less than the shortest that it names for payments
# on the web, 4 days and 18 hours. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
LEAST_KEPT = timedelta(days=4)


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
    refunded_minor: int = 0  # of what was received, where the charge was read with the intent
    went_back: bool = False  # all of it


def intent_of(raw: Any) -> IntentView:
    problem = raw.get("last_payment_error") or {}
    charge = _charge(raw)
    return IntentView(
        id=raw["id"],
        status=raw["status"],
        client_secret=raw.get("client_secret") or "",
        amount=Money(raw["amount"], raw["currency"].upper()),
        received_minor=raw.get("amount_received") or 0,
        charge_id=id_of(raw.get("latest_charge")),
        error_code=problem.get("decline_code") or problem.get("code") or "",
        error_message=problem.get("message") or "",
        order_ref=(raw.get("metadata") or {}).get("order", ""),
        fingerprint=_fingerprint(raw),
        capture_before=_capture_before(raw) if raw["status"] == AUTHORISED else None,
        refunded_minor=charge.get("amount_refunded") or 0,
        went_back=bool(charge.get("refunded")),
    )


def _capture_before(raw: Any) -> datetime:
    """When the bank lets go by itself. Other methods than a card do not say it, nor an intent without its charge."""
    charge = _charge(raw)
    method = charge.get("payment_method_details") or {}
    said = (method.get(method.get("type") or "") or {}).get("capture_before")
    if said:
        return datetime.fromtimestamp(said, tz=UTC)
    return datetime.fromtimestamp(charge.get("created") or raw["created"], tz=UTC) + LEAST_KEPT


def _fingerprint(raw: Any) -> str:
    """Of the charge that was tried last, where it was read with the intent; else of the card that was refused."""
    charge, refused = _charge(raw), (raw.get("last_payment_error") or {}).get("payment_method") or {}
    method = charge.get("payment_method_details") or {} if charge else refused
    return (method.get(method.get("type") or "") or {}).get("fingerprint") or ""


def _charge(raw: Any) -> Mapping[str, Any]:
    """The charge that was tried last, where it was read with the intent; else nothing."""
    charge = raw.get("latest_charge")
    return charge if isinstance(charge, Mapping) else {}
