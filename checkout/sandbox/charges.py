"""Charges: each attempt at the money of a PaymentIntent, successful or not."""

from . import balance
from .cards import Decline
from .errors import Json
from .events import emit
from .ids import letters, new_id
from .listing import page
from .state import Call, Sandbox

AUTHORISED_FOR = 7 * 24 * 3600
SHOWN_OF_CARD = (
    *("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status"),
    "wallet",
)


def record(box: Sandbox, intent: Json, method: Json, *, status: str, captured: bool, decline: Decline | None) -> Json:
    """Writes one attempt down; a captured one is booked at once."""
    charge = _new(box, intent, method)
    charge.update(status=status, paid=status != "failed", captured=captured, outcome=_outcome(decline))
    if decline:
        charge.update(failure_code=decline.code, failure_message=decline.message)
    if captured:
        _book(box, charge, intent["amount"])
    intent["latest_charge"] = charge["id"]
    box.store.put(charge)
    emit(box, {"succeeded": "charge.succeeded", "failed": "charge.failed", "pending": "charge.pending"}[status], charge)
    return charge


def capture(box: Sandbox, charge: Json, amount: int) -> None:
    """Takes `amount` of what was authorised; the rest is let go."""
    charge["captured"] = True
    _book(box, charge, amount)
    box.store.put(charge)
    emit(box, "charge.captured", charge)


def release(box: Sandbox, charge: Json) -> None:
    """Gives an uncaptured authorisation back. Stripe calls that a refund, and counts it as one."""
    charge.update(refunded=True, amount_refunded=charge["amount"])
    box.store.put(charge)
    emit(box, "charge.refunded", charge)


def lapse(box: Sandbox, charge: Json) -> None:
    """The bank lets go by itself of what was not captured in time."""
    release(box, charge)
    emit(box, "charge.expired", charge)


def has_lapsed(box: Sandbox, charge: Json) -> bool:
    """Whether an authorisation is over."""
    details: Json = charge["payment_method_details"].get("card") or {}
    return not charge["captured"] and details.get("capture_before", box.now + 1) <= box.now


def settle(box: Sandbox, charge: Json, decline: Decline | None) -> None:
    """Ends a pending charge of a slow method."""
    if decline:
        charge.update(status="failed", paid=False, failure_code=decline.code, failure_message=decline.message)
        charge["outcome"] = _outcome(decline)
    else:
        charge.update(status="succeeded", captured=True)
        _book(box, charge, charge["amount"])
    box.store.put(charge)
    emit(box, "charge.failed" if decline else "charge.succeeded", charge)


def retrieve(box: Sandbox, call: Call) -> Json:
    return box.store.get("charge", call.id)


def list_(box: Sandbox, call: Call) -> Json:
    intent, customer = call.params.text("payment_intent"), call.params.text("customer")
    found = [
        charge
        for charge in box.store.all("charge")
        if intent in (None, charge["payment_intent"]) and customer in (None, charge["customer"])
    ]
    return page(call.params, found, "/v1/charges", extra=("payment_intent", "customer", "transfer_group"))


def _book(box: Sandbox, charge: Json, amount: int) -> None:
    charge["amount_captured"] = amount
    charge["balance_transaction"] = balance.record(box, "charge", amount, charge)["id"]


def _new(box: Sandbox, intent: Json, method: Json) -> Json:
    identifier = new_id("ch" if method["type"] == "card" else "py")
    inherited = ("amount", "currency", "customer", "description", "metadata", "receipt_email", "shipping")
    return {
        "id": identifier,
        "object": "charge",
        **{name: intent[name] for name in inherited},
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "FRONTROW",
        "created": box.now,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "on_behalf_of": None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: _details(intent, method, box.now)},
        "receipt_number": None,
        "receipt_url": f"{box.config.public_url}/sandbox/receipts/{identifier}",
        "refunded": False,
        "refunds": {"object": "list", "data": [], "has_more": False, "url": f"/v1/charges/{identifier}/refunds"},
        "review": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "transfer_data": None,
        "transfer_group": None,
    }


def _details(intent: Json, method: Json, created: int) -> Json:
    if method["type"] != "card":
        return dict(method[method["type"]])
    card = method["card"]
    # Stripe names it on what was authorised apart from its capture. Seven days: Visa, Mastercard and others on the web.
    limit = {"capture_before": created + AUTHORISED_FOR} if intent["capture_method"] == "manual" else {}
    return {
        **limit,
        **{name: card[name] for name in SHOWN_OF_CARD},
        "amount_authorized": intent["amount"],
        "authorization_code": letters(6),
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": letters(15),
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "three_d_secure": None,
        "transaction_link_id": None,
    }


def _outcome(decline: Decline | None) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": "01" if decline else None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": (decline.decline_code or decline.code) if decline else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }
