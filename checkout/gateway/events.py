"""What the provider tells by itself: rung at our door, or asked for. https://docs.stripe.com/api/events"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import stripe
from django.conf import settings

from checkout.errors import SignatureInvalid
from checkout.gateway import api

MOST_EVENTS = 10_000  # a hundred pages, each a call of the budget


@dataclass(frozen=True, slots=True)
class EventView:
    """A verified webhook."""

    id: str
    type: str
    object_id: str
    payload: dict[str, Any] = field(repr=False)


def verify_event(payload: bytes, signature: str) -> EventView:
    """A webhook signed with one of our secrets within the last five minutes. Raises SignatureInvalid."""
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            event = stripe.Webhook.construct_event(payload, signature, secret)
        except (ValueError, stripe.SignatureVerificationError):
            continue
        return _event(event.to_dict())
    raise SignatureInvalid


def list_events(types: Sequence[str], since: datetime) -> list[EventView]:
    """The provider's own list of these events since a time, oldest first, for when it does not ring.

    They are listed newest first, so of more than ten thousand the oldest are left out: payments that wait are looked at
    one by one all the same.
    """
    params = {"types": list(types), "created": {"gte": int(since.timestamp())}}
    return [_event(raw) for raw in reversed(list(islice(api.listed("events.list", params), MOST_EVENTS)))]


def _event(raw: Any) -> EventView:
    return EventView(
        id=raw["id"],
        type=raw["type"],
        object_id=raw["data"]["object"].get("id", ""),
        payload=raw,
    )
