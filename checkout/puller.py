"""When the doorbell is silent we go and look: at the provider's list of events, at payments nobody looked at lately."""

from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, Q

from checkout import gateway, webhooks
from checkout.errors import GatewayError
from checkout.models import WITHOUT_PROVIDER, Order, OrderState, Payment, PaymentState, WebhookEvent
from checkout.orders import ELSEWHERE, OPEN
from checkout.settle import BANK_IS_PAYING
from checkout.webhook_handlers import HANDLERS
from drops.models import Drop, DropState
from merchant.wake import wake

SILENT_AFTER = timedelta(minutes=5)
LOOK_ANYWAY_MINUTES = 5  # it may have rung for others, and not for one
OVERLAP = timedelta(minutes=10)  # an event may be listed later than it happened; seeing it twice changes nothing
FURTHEST_BACK = timedelta(days=1)
KEPT_FOR = timedelta(days=30)  # https://docs.stripe.com/api/events
LOOK_EVERY = timedelta(minutes=5)  # at a payment that the fan may have finished at the provider's
LOOK_AT_SLOW_EVERY = timedelta(minutes=30)  # at one that a bank takes days for
BATCH = 50


def pull(now: datetime) -> int:
    """Fetch what did not ring, and have payments that were not looked at for a while looked at again.

    Returns how many events were fetched; a provider that does not answer is asked again the next time.
    """
    look_at_waiting(now)
    return fetch_events(now) if _should_fetch(now) else 0


def fetch_events(now: datetime) -> int:
    """Store the events since the last one seen as if they had rung: the same id is stored once. Returns how many."""
    seen = WebhookEvent.objects.aggregate(at=Max("received_at"))["at"]
    since = max(seen - OVERLAP, now - KEPT_FOR) if seen else now - FURTHEST_BACK
    try:
        found = gateway.list_events(sorted(HANDLERS), since)
    except GatewayError:
        return 0
    known = set(WebhookEvent.objects.filter(event_id__in=[one.id for one in found]).values_list("event_id", flat=True))
    missed = [one for one in found if one.id not in known]
    if missed:
        webhooks.store(missed, now=now, pulled=True)
    return len(missed)


def look_at_waiting(now: datetime) -> int:
    """Make due the open payments that the provider may have settled without our hearing of it. Returns how many."""
    stale = Q(due_at__lte=now - LOOK_EVERY, state=PaymentState.AWAITING_FAN) & ELSEWHERE
    slow = Q(due_at__lte=now - LOOK_AT_SLOW_EVERY, state=PaymentState.PROCESSING)
    waiting = Payment.objects.filter(stale | slow, order__state__in=OPEN).exclude(intent_id="", session_id="")
    due = list(waiting.exclude(leased_until__gt=now).order_by("due_at").values_list("pk", flat=True)[:BATCH])
    # The states once more, in the update: meanwhile the provider may have rung, or somebody be closing the order.
    moved = Payment.objects.filter(pk__in=due, state__in=[PaymentState.AWAITING_FAN, PaymentState.PROCESSING])
    free = moved.exclude(leased_until__gt=now)
    count = free.update(state=PaymentState.DUE, due_at=now, confirm_sent=True)
    if count:
        wake("payments")
    return count


def is_silent(now: datetime) -> bool:
    """During a live drop something was paid, minutes ago, and nothing rang since."""
    rang_since = WebhookEvent.objects.filter(pulled=False, received_at__gte=OuterRef("confirmed_at"))
    paid = Order.objects.filter(drop__state=DropState.LIVE, payment__state=PaymentState.PAID)
    paid = paid.exclude(payment__path__in=WITHOUT_PROVIDER)
    paid = paid.filter(confirmed_at__lte=now - SILENT_AFTER, confirmed_at__gt=now - FURTHEST_BACK)
    return paid.filter(~Exists(rang_since)).exists()


def _should_fetch(now: datetime) -> bool:
    last = webhooks.last_ring()
    rings = last is not None and last > now - SILENT_AFTER
    if rings and now.minute % LOOK_ANYWAY_MINUTES:
        return False
    waiting = Payment.objects.filter(order__state__in=OPEN).exclude(intent_id="", session_id="")
    # Staff let go of it and its bank could not be stopped: its money may still come.
    let_go = Payment.objects.filter(state=PaymentState.CLOSED, provider_status=BANK_IS_PAYING)
    may_come = let_go.filter(order__state=OrderState.EXPIRED, order__state_since__gt=now - KEPT_FOR)
    return Drop.objects.filter(state=DropState.LIVE).exists() or waiting.exists() or may_come.exists()
