"""A webhook is a doorbell: verify who rings, note it once, answer, wake a worker. The rest is read anew."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from checkout import gateway
from checkout.errors import GatewayError
from checkout.gateway import EventView
from checkout.leases import leased_until
from checkout.models import WebhookEvent
from checkout.webhook_handlers import HANDLERS
from merchant.wake import wake

GIVE_UP_TRIES = 12  # about three hours of doubling pauses


def receive(payload: bytes, signature: str, *, now: datetime) -> None:
    """Store a signed event, once however often it comes, and wake a worker. Raises SignatureInvalid."""
    store([gateway.verify_event(payload, signature)], now=now)


def store(events: Iterable[EventView], *, now: datetime, pulled: bool = False) -> None:
    """Note events, each once however often and in whichever way it comes, and wake a worker."""
    # Two deliveries at once: the unique id lets one in.
    WebhookEvent.objects.bulk_create([_row(event, now, pulled) for event in events], ignore_conflicts=True)
    wake("webhooks")


def last_ring() -> datetime | None:
    """When the provider last rang by itself."""
    at: datetime | None = WebhookEvent.objects.filter(pulled=False).aggregate(at=Max("received_at"))["at"]
    return at


def _row(event: EventView, now: datetime, pulled: bool) -> WebhookEvent:
    row = WebhookEvent(
        event_id=event.id,
        type=event.type,
        object_id=event.object_id,
        payload=_storable(event.payload),
        received_at=now,
        due_at=now,
        pulled=pulled,
    )
    if event.type not in HANDLERS:
        row.processed_at, row.outcome = now, "not ours to act on"
    return row


def _storable(told: Any) -> Any:
    """The same without what PostgreSQL's JSON does not take: NUL, and halves of signs."""
    if isinstance(told, str):
        return told.replace("\0", "").encode(errors="replace").decode()
    if isinstance(told, dict):
        return {_storable(name): _storable(value) for name, value in told.items()}
    return [_storable(value) for value in told] if isinstance(told, list) else told


def drain(clock: Callable[[], datetime], limit: int = 100) -> int:
    """Act on events that are due, oldest first. Returns how many were tried."""
    done = 0
    while done < limit and (event := _claim(clock())):
        _act(event, clock())
        done += 1
    return done


def _claim(now: datetime) -> WebhookEvent | None:
    with transaction.atomic(durable=True):
        due = WebhookEvent.objects.filter(processed_at=None, due_at__lte=now).order_by("due_at", "pk")
        event = due.select_for_update(skip_locked=True).first()
        if event is not None:
            # The lease: if this worker dies, the event is due again after it.
            event.tries += 1
            WebhookEvent.objects.filter(pk=event.pk).update(due_at=leased_until(now), tries=event.tries)
        return event


def _act(event: WebhookEvent, now: datetime) -> None:
    try:
        outcome = HANDLERS[event.type](event.payload["data"]["object"], now)
    except GatewayError as error:  # away, or it knows no such object: that may be another account's
        _later(event, now, type(error).__name__)
        return
    except Exception:
        _later(event, now, "failed here; the log says why")
        raise
    if outcome is None:
        _later(event, now, "no order of ours yet")
    else:
        WebhookEvent.objects.filter(pk=event.pk).update(processed_at=now, outcome=outcome)


def _later(event: WebhookEvent, now: datetime, why: str) -> None:
    """An event may come before the order it is about can be seen; it waits, and is given up after some hours."""
    given_up = now if event.tries >= GIVE_UP_TRIES else None
    pause = timedelta(seconds=min(2**event.tries, 3600))
    WebhookEvent.objects.filter(pk=event.pk).update(due_at=now + pause, outcome=why, processed_at=given_up)
