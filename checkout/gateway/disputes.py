"""Disputes, and our answer to the bank. https://docs.stripe.com/api/disputes"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from checkout.gateway import api
from checkout.gateway.expandable import id_of


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


def retrieve_dispute(dispute_id: str) -> DisputeView:
    return _dispute(api.call("disputes.retrieve", dispute_id))


def upload_evidence(name: str, content: bytes, *, key: str) -> str:
    """Put a file of evidence at the provider; its id. https://docs.stripe.com/file-upload"""
    file = BytesIO(content)
    file.name = name
    params = {"purpose": "dispute_evidence", "file": file}
    return str(api.call("files.create", params, api.options(key))["id"])


def stage_evidence(dispute_id: str, evidence: Mapping[str, Any], *, key: str) -> DisputeView:
    """Write evidence at a dispute without sending it to the bank. https://docs.stripe.com/api/disputes/update"""
    params = {"evidence": dict(evidence), "submit": False}  # the provider's default would send it
    return _dispute(api.call("disputes.update", dispute_id, params, api.options(key)))


def submit_evidence(dispute_id: str, *, key: str) -> DisputeView:
    """Send what is staged to the bank. There is one answer to a dispute and no second one."""
    return _dispute(api.call("disputes.update", dispute_id, {"submit": True}, api.options(key)))


def _dispute(raw: Any) -> DisputeView:
    details = raw.get("evidence_details") or {}
    due_by = details.get("due_by")
    card = (raw.get("payment_method_details") or {}).get("card") or {}
    return DisputeView(
        id=raw["id"],
        status=raw["status"],
        reason=raw.get("reason") or "",
        amount_minor=raw["amount"],
        intent_id=id_of(raw.get("payment_intent")),
        due_by=datetime.fromtimestamp(due_by, tz=UTC) if due_by else None,
        created=datetime.fromtimestamp(raw["created"], tz=UTC),
        charge_id=id_of(raw.get("charge")),
        network=card.get("network") or card.get("brand") or "",
        network_reason=card.get("network_reason_code") or "",
        submissions=details.get("submission_count") or 0,
        past_due=bool(details.get("past_due")),
    )
