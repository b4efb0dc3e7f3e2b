"""What was kept long enough goes: by query, in batches, as often as somebody looks."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, Func, Model, Q, QuerySet, TextField, Value

from checkout import erasure, fan_requests, reductions, retention_periods as periods, waiting_list
from checkout.after_sale import FanRequest, Shipment
from checkout.evidence import EvidencePack
from checkout.models import Allowance, Cart, DiscountCount, Dispute, Order, OrderState, WebhookEvent
from checkout.orders import OPEN
from checkout.privacy_models import ErasedOrder
from checkout.waiting_models import WaitingPlace
from drops.models import DropState
from drops.sign_up_models import SignUp
from merchant import journal
from policies import acceptance
from policies.models import AcceptancePerson
from policies.rules_models import Decision
from segments.models import Fan, Message, MessageState
from segments.queries import matching

BATCH = 500
BATCHES = 20  # of one kind in one sweep: the next sweep goes on

M = TypeVar("M", bound=Model)
Step = Callable[[datetime, datetime], int]


def sweep(now: datetime) -> dict[str, int]:
    """Apply the retention table, and try again what people asked to be forgotten. Returns how many of each kind went.

    Any number of times, by any number of workers: each finds by query what is left, and what is gone is not found.
    """
    gone = {}
    for request_id in list(erasure.open_requests()):
        erasure.carry_out(request_id, by=journal.WORKER, now=now)
    for what, days in periods.all_days().items():
        if step := STEPS.get(what):
            count = _apply(step, now - timedelta(days=days), now)
            if count:
                gone[what] = count
                data = {"rows": count, "days": days}
                journal.record(f"retention:{what}", "kept_long_enough", actor=journal.WORKER, data=data)
    return gone


def _apply(step: Step, before: datetime, now: datetime) -> int:
    total = 0
    for _ in range(BATCHES):
        done = step(before, now)
        total += done
        if done < BATCH:
            break
    return total


# --- the steps: a batch of each kind that is older than ``before`` -------------------------------------------------


def _paid(before: datetime, now: datetime) -> int:
    unconfirmed = Q(confirmed_at=None, captured_minor__gt=0, state_since__lt=before)  # came too late, and went back
    return _orders(Order.objects.filter(Q(confirmed_at__lt=before) | unconfirmed), now)


def _unpaid(before: datetime, now: datetime) -> int:
    ended = Order.objects.exclude(state__in=[*OPEN, OrderState.LATE_PAID]).filter(confirmed_at=None)
    return _orders(ended.filter(captured_minor=0, state_since__lt=before), now)


def _orders(orders: QuerySet[Order], now: datetime) -> int:
    """Past those that something stands against: they must not keep the others from going."""
    done = 0
    for pk in orders.filter(erased=None).order_by("pk").values_list("pk", flat=True):
        done += erasure.erase_order(pk, by=journal.WORKER, now=now, why="kept for its time")
        if done == BATCH:
            break
    return done


def _people(before: datetime, now: datetime) -> int:
    old = AcceptancePerson.objects.filter(acceptance__answered_at__lt=before)
    return acceptance.forget(_batch(old.exclude(acceptance__order_ref__in=_in_dispute().values("reference"))))


def _evidence(before: datetime, now: datetime) -> int:
    """The hashes go, and the mark that the order was erased stays."""
    due = ErasedOrder.objects.filter(at__lt=before).exclude(hashes={}).values_list("pk", flat=True)
    return ErasedOrder.objects.filter(pk__in=list(due[:BATCH])).update(hashes={})


def _messages(before: datetime, now: datetime) -> int:
    old = Message.objects.filter(created_at__lt=before).exclude(state=MessageState.DUE).exclude(to="")
    reference = Func(F("key"), Value(":"), Value(2), function="split_part", output_field=TextField())
    named = old.alias(reference=reference)  # of those about an order: "order:FR-…:confirmed"
    return reductions.messages(_batch(named.exclude(reference__in=_in_dispute().values("reference"))))


def _news(before: datetime, now: datetime) -> int:
    old = WebhookEvent.objects.filter(received_at__lt=before, processed_at__isnull=False)
    return reductions.news(_batch(old.exclude(payload__has_key="erased")))


def _carts(before: datetime, now: datetime) -> int:
    """Not those that hold units, which only the sweep ends, however long ago their time was up; nor those that became
    an order: its page may be asked for by their cookie."""
    return _delete(Cart.objects.filter(created_at__lt=before, orders=None, expires_at=None))


def _counts(before: datetime, now: datetime) -> int:
    over = Q(offer__drop__ends_at__lt=before) | Q(offer__drop__ends_at=None, offer__drop__starts_at__lt=before)
    return _delete(Allowance.objects.filter(over, offer__drop__state=DropState.CLOSED))


def _answers(before: datetime, now: datetime) -> int:
    """Not while any dispute of the order runs, or was decided later: the next answer cites the one before."""
    old = EvidencePack.objects.filter(dispute__closed_at__lt=before).exclude(texts__has_key=reductions.ERASED)
    other = Q(dispute__order__disputes__closed_at=None) | Q(dispute__order__disputes__closed_at__gte=before)
    running = EvidencePack.objects.filter(other)
    return reductions.packs(_batch(old.exclude(pk__in=running.values("pk"))))


def _requests(before: datetime, now: datetime) -> int:
    over = FanRequest.objects.filter(requested_at__lt=before).exclude(state__in=fan_requests.OPEN)
    return reductions.requests(_batch(over.exclude(statement__startswith="sha256:")))


def _parcels(before: datetime, now: datetime) -> int:
    old = Shipment.objects.filter(shipped_at__lt=before).exclude(tracking="")
    return reductions.parcels(_batch(old.exclude(order__in=_in_dispute())))


def _places(before: datetime, now: datetime) -> int:
    """The place of an order that was paid too late goes with the order."""
    over = WaitingPlace.objects.filter(ended_at__lt=before, order=None).exclude(state__in=waiting_list.OPEN)
    return reductions.places(_batch(over.exclude(email="")))


def _discounts(before: datetime, now: datetime) -> int:
    used = DiscountCount.objects.filter(reductions.over_discounts(before)).exclude(person_key="")
    return reductions.discount_counts(_batch(used.exclude(person_key__startswith=f"{reductions.ERASED}:")))


def _fans(before: datetime, now: datetime) -> int:
    quiet = Fan.objects.filter(created_at__lt=before).filter(matching({"not": {"agreed": "email"}}, now=now))
    return _delete(quiet.exclude(footprints__at__gte=before).exclude(consents__at__gte=before))


def _sign_ups(before: datetime, now: datetime) -> int:
    return _delete(SignUp.objects.filter(asked_at__lt=before))


def _refusals(before: datetime, now: datetime) -> int:
    return _delete(Decision.objects.filter(order_ref="", at__lt=before))


def _desk_log(before: datetime, now: datetime) -> int:
    return _delete(LogEntry.objects.filter(action_time__lt=before))


def _sign_ins(before: datetime, now: datetime) -> int:
    old = [model.objects.filter(attempt_time__lt=before) for model in (AccessAttempt, AccessLog, AccessFailureLog)]
    Session.objects.filter(expire_date__lt=now).delete()
    return sum(_delete(rows) for rows in old)


STEPS: dict[str, Step] = {
    periods.PAID: _paid,
    periods.UNPAID: _unpaid,
    periods.PEOPLE: _people,
    periods.EVIDENCE: _evidence,
    periods.MESSAGES: _messages,
    periods.NEWS: _news,
    periods.CARTS: _carts,
    periods.COUNTS: _counts,
    periods.DISPUTES: _answers,
    periods.REQUESTS: _requests,
    periods.PARCELS: _parcels,
    periods.WAITING: _places,
    periods.DISCOUNTS: _discounts,
    periods.FANS: _fans,
    periods.SIGN_UPS: _sign_ups,
    periods.REFUSALS: _refusals,
    periods.DESK_LOG: _desk_log,
    periods.SIGN_INS: _sign_ins,
}


def _in_dispute() -> QuerySet[Order]:
    """Orders of which a bank has something to decide: their answer may be built again, out of what is still here."""
    return Order.objects.filter(pk__in=Dispute.objects.filter(closed_at=None).values("order"))


def _batch(rows: QuerySet[M]) -> QuerySet[M]:
    return rows.model._default_manager.filter(pk__in=list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]))


@transaction.atomic
def _delete(rows: QuerySet[Model]) -> int:
    """A batch, with what hangs on it; rows that another worker is deleting are skipped, not waited for."""
    due = rows.order_by("pk").select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)[:BATCH]
    ids = list(due)
    rows.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)
