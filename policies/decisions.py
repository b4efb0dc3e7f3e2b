"""What the rules decided, kept as a record: with the order it allowed, or alone for what it refused."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from merchant import rows
from policies.restrictions import Verdict
from policies.rules_models import Decision


def proof(order_ref: str, verdict: Verdict, *, now: datetime) -> dict[str, rows.Insert]:
    """The record of an order, to be written with its rows. Nothing where no rule had anything to say."""
    if not verdict.findings and not verdict.advisory:
        return {}
    return {"decision": rows.insert(Decision, [_row(verdict, now) | {"order_ref": order_ref, "key": None}])}


def refused(verdict: Verdict, *, now: datetime) -> None:
    """Note a refusal. The same one again within an hour is the same record, however often somebody tries."""
    row = _row(verdict, now)
    said = [row["inputs"], row["findings"], row["reason"], now.strftime("%Y-%m-%d %H")]
    if not row["findings"]:  # it was not a rule that refused
        return
    key = hashlib.sha256(json.dumps(said, sort_keys=True, cls=DjangoJSONEncoder).encode()).hexdigest()
    Decision.objects.bulk_create([Decision(**row, key=key)], ignore_conflicts=True)


def _row(verdict: Verdict, now: datetime) -> dict[str, Any]:
    return {
        "at": now,
        "allowed": verdict.allowed and not verdict.age_open,
        "advisory": verdict.advisory,
        "reason": verdict.reason[:200],
        "inputs": verdict.inputs,
        "findings": [list(each) for each in verdict.findings],
    }
