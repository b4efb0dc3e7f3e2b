"""The payment provider, behind one door: the only place that imports its SDK.

Every function but ``verify_event`` and ``left_out`` makes a network call, so none of them may run inside a transaction.
Each waits for its turn in our budget, is refused at once while the breaker is open, and times out after
``STRIPE_TIMEOUT_SECONDS``; none retries by itself. They speak our values and our errors, not the SDK's.

A module for each of the provider's objects; how a call is made stands in ``api``.
"""

from checkout.gateway.disputes import DisputeView, retrieve_dispute, stage_evidence, submit_evidence, upload_evidence
from checkout.gateway.events import EventView, list_events, verify_event
from checkout.gateway.intent_view import AUTHORISED, CONFIRMABLE, IntentView
from checkout.gateway.intents import (
    cancel_intent,
    capture_intent,
    confirm_intent,
    create_intent,
    find_intent,
    retrieve_intent,
)
from checkout.gateway.methods import left_out
from checkout.gateway.refunds import RefundView, list_refunds, refund, retrieve_refund
from checkout.gateway.sessions import SessionView, create_session, expire_session, retrieve_session
from checkout.gateway.tax import TaxView, calculate_tax

__all__ = [
    "AUTHORISED",
    "CONFIRMABLE",
    "DisputeView",
    "EventView",
    "IntentView",
    "RefundView",
    "SessionView",
    "TaxView",
    "calculate_tax",
    "cancel_intent",
    "capture_intent",
    "confirm_intent",
    "create_intent",
    "create_session",
    "expire_session",
    "find_intent",
    "left_out",
    "list_events",
    "list_refunds",
    "refund",
    "retrieve_dispute",
    "retrieve_intent",
    "retrieve_refund",
    "retrieve_session",
    "stage_evidence",
    "submit_evidence",
    "upload_evidence",
    "verify_event",
]
