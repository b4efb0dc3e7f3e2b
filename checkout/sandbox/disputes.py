"""Disputes: opened by a switch (or by Stripe's disputed test card), answered with evidence."""

from . import balance
from .errors import Json, invalid, refused
from .events import emit
from .ids import new_id
from .listing import page
from .params import Params
from .state import Call, Sandbox

DAYS_TO_ANSWER = 9
EVIDENCE = (
    *("access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure"),
    *("cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name"),
    *("customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation"),
    *("duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure"),
    *("refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier"),
    *("shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file"),
    "uncategorized_text",
)


FILES = (
    *("cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation"),
    *("receipt", "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file"),
)
OPEN = ("needs_response", "warning_needs_response")
MOST_CHARACTERS = 150_000
VISA_CODES = {"fraudulent": "10.4", "unrecognized": "10.4", "product_not_received": "13.1", "duplicate": "12.6.1"}


def open_(box: Sandbox, charge: Json, *, reason: str, due_by: int | None = -1) -> Json:
    """The bank takes the money back until the dispute is decided. `due_by`: -1 for the usual time to answer."""
    dispute: Json = {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": charge["amount_captured"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": box.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": _details(box.now + DAYS_TO_ANSWER * 86_400 if due_by == -1 else due_by),
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": _method(charge, reason),
        "reason": reason,
        "status": "needs_response",
    }
    dispute["balance_transactions"] = [balance.record(box, "adjustment", -dispute["amount"], dispute)]
    charge["disputed"] = True
    box.store.put(charge)
    box.store.put(dispute)
    emit(box, "charge.dispute.created", dispute)
    emit(box, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def decide(box: Sandbox, dispute: Json, *, won: bool) -> None:
    """The bank's decision; a won dispute brings the money back."""
    if won:
        back = balance.record(box, "adjustment", dispute["amount"], dispute)
        dispute["balance_transactions"].append(back)
    dispute["status"] = "won" if won else "lost"
    box.store.put(dispute)
    emit(box, "charge.dispute.closed", dispute)
    if won:
        emit(box, "charge.dispute.funds_reinstated", dispute)


def update(box: Sandbox, call: Call) -> Json:
    params = call.params
    params.only("evidence", "metadata", "submit")
    dispute = box.store.get("dispute", call.id)
    evidence = params.nested("evidence")
    evidence.only(*EVIDENCE, "enhanced_evidence")
    _check(box, dispute, evidence)
    dispute["evidence"].update({name: value or None for name, value in evidence.values.items()})
    dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"][name] for name in EVIDENCE)
    dispute["metadata"] = params.merge_metadata(dispute["metadata"])
    if params.flag("submit") is not False:
        dispute["status"] = "under_review"
        dispute["evidence_details"]["submission_count"] += 1
    box.store.put(dispute)
    emit(box, "charge.dispute.updated", dispute)
    return dispute


def _check(box: Sandbox, dispute: Json, evidence: Params) -> None:
    if dispute["status"] not in OPEN:
        raise refused("This dispute is already under review or closed, so its evidence cannot be changed.")
    if sum(len(value) for name in evidence.values if (value := _text(evidence, name))) > MOST_CHARACTERS:
        raise invalid("The combined character count of all fields is limited to 150,000.", param="evidence")
    for name in FILES:
        if (file_id := evidence.text(name)) and box.store.find("file", file_id) is None:
            raise invalid(f"No such file upload: '{file_id}'", param=f"evidence[{name}]")


def _text(evidence: Params, name: str) -> str:
    value = evidence.values[name]
    return value if isinstance(value, str) else ""


def close(box: Sandbox, call: Call) -> Json:
    """Accepts the loss."""
    call.params.only()
    dispute = box.store.get("dispute", call.id)
    decide(box, dispute, won=False)
    return dispute


def retrieve(box: Sandbox, call: Call) -> Json:
    return box.store.get("dispute", call.id)


def list_(box: Sandbox, call: Call) -> Json:
    intent, charge = call.params.text("payment_intent"), call.params.text("charge")
    found = [
        dispute
        for dispute in box.store.all("dispute")
        if intent in (None, dispute["payment_intent"]) and charge in (None, dispute["charge"])
    ]
    return page(call.params, found, "/v1/disputes", extra=("payment_intent", "charge"))


def _details(due_by: int | None) -> Json:
    return {
        "due_by": due_by,
        "enhanced_eligibility": {},
        "has_evidence": False,
        "past_due": False,
        "submission_count": 0,
    }


def _method(charge: Json, reason: str) -> Json:
    brand = charge["payment_method_details"].get("card", {}).get("brand")
    code = VISA_CODES.get(reason, "13.7")
    card = {"brand": brand, "case_type": "chargeback", "network": brand, "network_reason_code": code}
    return {"type": "card", "card": card}
