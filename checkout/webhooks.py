"""A webhook is a doorbell: verify who rings, note it once, answer, wake a worker. The rest is read anew."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from checkout import gateway
from checkout.early_news import TOO_EARLY
from checkout.errors import GatewayError, GatewayUnavailable
from checkout.gateway import EventView
from checkout.leases import leased_until, one_more_try
from checkout.models import WebhookEvent
from checkout.webhook_handlers import HANDLERS
from merchant.wake import wake

GIVE_UP_AFTER = timedelta(hours=3)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_PAUSE_AWAY = timedelta(minutes=5)  # when the provider is back, news must not wait for long


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
    """Act on events that are due, oldest first, once for all that ring about the same object. Returns how many."""
    done = 0
    while done < limit and (events := _claim(clock())):
        _act(events, clock())
        done += len(events)
    return done


def _claim(now: datetime) -> list[WebhookEvent]:
    with transaction.atomic(durable=True):
        # While a release rolls out, or back, others may have stored what this one cannot act on: it holds up nobody.
        known = WebhookEvent.objects.filter(type__in=HANDLERS)
        due = known.filter(processed_at=None, due_at__lte=now).order_by("due_at", "pk")
        first = due.select_for_update(skip_locked=True).first()
        if first is None:
            return []
        events = [first, *_about_the_same(first)]
        # The lease: if this worker dies, they are due again after it.
        lease = leased_until(now)
        _of(events).update(due_at=lease, tries=one_more_try())
        for event in events:
            event.due_at = lease
        return events


def _about_the_same(first: WebhookEvent) -> list[WebhookEvent]:
    """What else waits and would have the same object read anew: what is read from now on is later than all of them."""
    if not first.object_id:
        return []
    kinds = [kind for kind, handler in HANDLERS.items() if handler is HANDLERS[first.type]]
    same = WebhookEvent.objects.filter(processed_at=None, object_id=first.object_id, type__in=kinds)
    return list(same.exclude(pk=first.pk).defer("payload").select_for_update(skip_locked=True))


def _act(events: list[WebhookEvent], now: datetime) -> None:
    first = events[0]
    try:
        outcome = HANDLERS[first.type](first.payload["data"]["object"], now)
    except GatewayUnavailable as away:  # what is ours is asked about until there is an answer
        _later(events, now, type(away).__name__, longest=LONGEST_PAUSE_AWAY)
        return
    except GatewayError as error:  # it knows no such object: that may be another account's
        _later(events, now, type(error).__name__, give_up=True)
        return
    except Exception:
        _later(events, now, "failed here; the log says why")
        raise
    if outcome is None:
        _later(events, now, TOO_EARLY, give_up=True)
    else:
        _of(events).update(processed_at=now, outcome=outcome)


def _later(
    events: list[WebhookEvent], now: datetime, why: str, *, longest: timedelta = LONGEST_PAUSE, give_up: bool = False
) -> None:
    """They come again after a doubling pause. ``give_up``: it is perhaps about nothing of ours. An event may come
    before the order it is about can be seen, but not hours before; one about a payment is taken up again once that is
    booked."""
    for event in events:
        pause = min(timedelta(seconds=2 ** min(event.tries + 1, 12)), longest)
        given_up = now if give_up and now > event.received_at + GIVE_UP_AFTER else None
        # Not what was made due meanwhile, because what it is about is booked by now.
        _of([event]).filter(due_at=event.due_at).update(due_at=now + pause, outcome=why, processed_at=given_up)


def _of(events: list[WebhookEvent]) -> QuerySet[WebhookEvent]:
    return WebhookEvent.objects.filter(pk__in=[event.pk for event in events])
