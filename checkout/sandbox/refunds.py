"""Refunds, whole or in part; together never more than was captured."""

from . import balance
from .errors import Json, invalid, refused
from .events import emit
from .ids import new_id
from .listing import page
from .params import Params
from .state import Call, Sandbox
from .store import public

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(box: Sandbox, call: Call) -> Json:
    params = call.params
    params.only("payment_intent", "charge", "amount", "reason", "metadata", "currency", "instructions_email")
    charge = _charge(box, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.integer("amount", least=1) or left
    _refuse_too_much(charge, amount, left)
    refund = _new(box, params, charge, amount)
    refund["balance_transaction"] = balance.record(box, "refund", -amount, refund)["id"]
    box.store.put(refund)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    charge["refunds"]["data"].insert(0, public(refund))
    box.store.put(charge)
    for kind, obj in (("refund.created", refund), ("charge.refunded", charge), ("charge.refund.updated", refund)):
        emit(box, kind, obj)
    return refund


def update(box: Sandbox, call: Call) -> Json:
    call.params.only("metadata")
    refund = box.store.get("refund", call.id)
    refund["metadata"] = call.params.merge_metadata(refund["metadata"])
    box.store.put(refund)
    emit(box, "refund.updated", refund)
    emit(box, "charge.refund.updated", refund)
    return refund


def retrieve(box: Sandbox, call: Call) -> Json:
    return box.store.get("refund", call.id)


def list_(box: Sandbox, call: Call) -> Json:
    intent, charge = call.params.text("payment_intent"), call.params.text("charge")
    found = [
        refund
        for refund in box.store.all("refund")
        if intent in (None, refund["payment_intent"]) and charge in (None, refund["charge"])
    ]
    return page(call.params, found, "/v1/refunds", extra=("payment_intent", "charge"))


def _charge(box: Sandbox, params: Params) -> Json:
    if identifier := params.text("charge"):
        return box.store.get("charge", identifier, param="charge")
    if not (intent_id := params.text("payment_intent")):
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message, code="parameter_missing")
    intent = box.store.get("payment_intent", intent_id, param="payment_intent")
    charge = box.store.find("charge", intent["latest_charge"])
    if charge is None or charge["status"] != "succeeded":
        raise refused(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    return charge


def _refuse_too_much(charge: Json, amount: int, left: int) -> None:
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise refused(f"Charge {charge['id']} has not been captured.", param="charge")
    if charge["disputed"]:
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left <= 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise refused(message, param="amount")


def _new(box: Sandbox, params: Params, charge: Json, amount: int) -> Json:
    reason = params.choice("reason", REASONS, "requested_by_customer") if "reason" in params else None
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": box.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": params.merge_metadata({}),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
