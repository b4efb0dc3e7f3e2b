"""Paying an order: one PaymentIntent, created unconfirmed, its id committed, then confirmed by that id. Where the drop
says so the bank only sets the amount aside, and it is captured in a round of its own, once the units are certain.

A worker may die between any two lines. Whoever comes next reads how far it got: no id, create under the same key;
an id, ask what became of it before doing anything. So a fan is charged once, or not at all.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from checkout import attempts, gateway, settle
from checkout.addresses import return_url
from checkout.errors import CardDeclined, GatewayRefused, GatewayUnavailable, NothingToPay, TokenUnusable
from checkout.gateway import CONFIRMABLE, IntentView
from checkout.leases import give_back, leased_until
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from checkout.orders import ELSEWHERE, OPEN, hold_until, lock_both, move_to, owner_of, waits_for_fan
from drops import stock
from drops.models import Capture
from merchant import journal
from merchant.money import Money
from merchant.store import current_store
from merchant.wake import wake

log = logging.getLogger(__name__)
EXTENSION = timedelta(minutes=2)  # units are kept at least this long while a payment is on its way
ASK_AGAIN = timedelta(minutes=1)
LONGEST_WAIT_SECONDS = 60


class Claim(NamedTuple):
    """A payment that is ours to bring a step further, until the lease ends."""

    payment_id: int
    lease: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know to pay one order, read once, carried through calls without a transaction."""

    payment_id: int
    lease: datetime | None
    order_id: int
    order_ref: str
    email: str
    amount: Money
    placed_at: datetime
    path: PaymentPath
    intent_id: str
    session_id: str
    token: str
    attempt: int
    create_number: int
    confirm_sent: bool
    tries: int
    return_url: str
    capture: Capture
    is_authorised: bool
    capture_sent: bool
    due_at: datetime


def drain(clock: Callable[[], datetime], limit: int = 50) -> int:
    """Pay what is due, one order after the other, until nothing is or ``limit`` is reached. Returns how many.

    Any number of workers may drain at once: each claims its own rows.
    """
    done = 0
    while done < limit and (claimed := claim(clock())):
        pay(claimed, clock=clock)
        done += 1
    return done


def count_due(now: datetime, *, most: int) -> int:
    """How many payments wait to be claimed; counts no further than ``most``."""
    return _due(now)[:most].count()


def claim(now: datetime) -> Claim | None:
    """Lease the payment that has been due for longest. A lease that ended (its worker died) can be claimed again."""
    with transaction.atomic(durable=True):
        payment = _due(now).order_by("due_at").select_for_update(skip_locked=True).first()
        if payment is None:
            return None
        claimed = Claim(payment.pk, leased_until(now))
        Payment.objects.filter(pk=payment.pk).update(leased_until=claimed.lease)
        return claimed


def _due(now: datetime) -> QuerySet[Payment]:
    return Payment.objects.filter(state=PaymentState.DUE, due_at__lte=now).exclude(leased_until__gt=now)


def pay(claimed: Claim, *, clock: Callable[[], datetime]) -> None:
    """Bring one claimed payment a step further and settle the order by the answer."""
    if job := _begin(claimed, clock()):
        _bring_further(job, clock)
        _put_off(job, clock())
    give_back(claimed.payment_id, claimed.lease)


def _bring_further(job: Job, clock: Callable[[], datetime]) -> None:
    try:
        if job.is_authorised:
            _settle(job, _capture(job), clock())
        elif job.path == PaymentPath.SESSION:
            look_at_session(job.order_id, job.session_id, now=clock())
        else:
            _settle(job, _pay_intent(job), clock())
    except CardDeclined as declined:
        _decline(job, declined, clock())
    except TokenUnusable as unusable:
        settle.want_card(job.order_id, unusable.message, settle.UNUSABLE, now=clock(), attempt=job.attempt)
    except GatewayUnavailable as away:
        _defer(job, away, clock())
    except GatewayRefused as refused:
        _refused(job, refused, clock())


def _put_off(job: Job, now: datetime) -> None:
    """What is as due as before, in the same attempt, got no further: it is asked about again, and not at once."""
    ours = Payment.objects.filter(pk=job.payment_id, leased_until=job.lease, attempt=job.attempt)
    ours.filter(state=PaymentState.DUE, due_at=job.due_at).update(due_at=now + ASK_AGAIN)


def use_card(order_id: int, token: str, *, now: datetime) -> None:
    """The fan entered a card, the first or another: the same intent is confirmed again, as a new attempt.

    It wins over who was about to ask for one, to close the order or to open the provider's page: they find that it is
    another attempt, or their lease gone. Raises NothingToPay when the order is paid, over, still being asked about, or
    being paid on the provider's page, and TooManyCards.
    """
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if not waits_for_fan(order, payment) or payment.path != PaymentPath.INTENT or payment.error_code == "action":
            raise NothingToPay
        attempts.require_order(payment)
        payment.confirmation_token, payment.confirm_sent = token, False
        payment.attempt += 1
        payment.state, payment.due_at, payment.leased_until = PaymentState.DUE, now, None
        payment.error_code = payment.error_message = ""
        payment.save()
        why = "a card" if order.state == OrderState.PLACED else "another card"
        move_to(order, OrderState.AUTHORISING, why=why, actor=journal.FAN, now=now)
    wake("payments")


def look_again(order_id: int, *, now: datetime) -> None:
    """The fan says that they are back from their bank, or from the provider's page: ask soon what became of it.

    Until that is known they may have paid. Where nothing can have happened elsewhere, because they only have to enter a
    card, nothing is asked and the card stays possible.
    """
    # The payment's own columns alone: who waits for a row that is being settled sees these anew, but of other tables
    # what they were before.
    slow, elsewhere = Q(state=PaymentState.PROCESSING), Q(state=PaymentState.AWAITING_FAN) & ELSEWHERE
    # Who holds a lease on it is asking already.
    free = Payment.objects.filter(order_id=order_id).exclude(leased_until__gt=now)
    looked = {"state": PaymentState.DUE, "due_at": now, "confirm_sent": True}
    if free.filter(elsewhere).update(outcome_unknown=True, **looked) or free.filter(slow).update(**looked):
        wake("payments")


def ask_again(order_id: int, *, by: str, now: datetime) -> bool:
    """Staff want to know now: the payment is due at once, and the provider is asked before anything is done.

    False when there is nothing to ask: the order is over, no card was entered yet, or somebody is asking right now.
    """
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if not may_be_asked(order, payment, now):
            return False
        payment.confirm_sent = payment.confirm_sent or payment.state != PaymentState.DUE
        payment.state, payment.due_at, payment.leased_until = PaymentState.DUE, now, None
        payment.save(update_fields=["state", "due_at", "leased_until", "confirm_sent"])
        journal.record(order.subject, "asked_again", actor=by)
    wake("payments")
    return True


def may_be_asked(order: Order, payment: Payment, now: datetime) -> bool:
    """Whether there is something to ask the provider about, and nobody is asking right now."""
    busy = payment.leased_until is not None and payment.leased_until > now
    known = bool(payment.state == PaymentState.DUE or payment.intent_id or payment.session_id)
    return order.state in OPEN and known and not busy


def look_at_intent(order_id: int, intent_id: str, *, now: datetime) -> None:
    """Read a PaymentIntent, and settle the order by it."""
    settle.settle_intent(order_id, gateway.retrieve_intent(intent_id), now=now)


def look_at_session(order_id: int, session_id: str, *, now: datetime) -> None:
    """Read a Checkout Session, and the intent it made, and settle the order by them."""
    session = gateway.retrieve_session(session_id)
    intent = gateway.retrieve_intent(session.intent_id) if session.intent_id else None
    settle.settle_session(order_id, session, intent, now=now)


def _begin(claimed: Claim, now: datetime) -> Job | None:
    """Say that we are paying, and how far an earlier worker got. None when there is nothing to do."""
    with transaction.atomic(durable=True):
        order_id = Payment.objects.values_list("order_id", flat=True).get(pk=claimed.payment_id)
        order, payment = lock_both(order_id)
        if payment.state != PaymentState.DUE or not (order.state in OPEN or _is_taken_late(order, payment)):
            return None
        if order.state == OrderState.PLACED and payment.confirmation_token:
            move_to(order, OrderState.AUTHORISING, why="asking the bank", actor=journal.WORKER, now=now)
        hold_until(order, max(order.hold_expires_at, min(now + EXTENSION, order.hard_cap_at)))
        return _job(order, payment)


def _is_taken_late(order: Order, payment: Payment) -> bool:
    """Its bank said yes too late, and its units were had again: they are held for it."""
    return order.state == OrderState.LATE_PAID and payment.is_authorised


def _job(order: Order, payment: Payment) -> Job:
    return Job(
        payment_id=payment.pk,
        lease=payment.leased_until,
        order_id=order.pk,
        order_ref=order.reference,
        email=order.email,
        amount=order.total,
        placed_at=order.placed_at,
        path=PaymentPath(payment.path),
        intent_id=payment.intent_id,
        session_id=payment.session_id,
        token=payment.confirmation_token,
        attempt=payment.attempt,
        create_number=payment.create_number,
        confirm_sent=payment.confirm_sent,
        tries=payment.tries,
        return_url=return_url(order),
        capture=Capture(order.drop.capture),
        is_authorised=payment.is_authorised,
        capture_sent=payment.capture_sent,
        due_at=payment.due_at,
    )


def _pay_intent(job: Job) -> IntentView | None:
    """Create, commit the id, confirm. None when no card is known yet, or the order ended meanwhile."""
    if job.confirm_sent and job.intent_id:
        found = gateway.retrieve_intent(job.intent_id)
        if found.status not in CONFIRMABLE or not job.token:
            return found
    if not job.token:
        return None
    intent_id = job.intent_id or _create(job).id
    if not _remember(job, intent_id):
        return None
    return gateway.confirm_intent(
        intent_id, job.token, return_url=job.return_url, key=f"order:{job.order_ref}:confirm:{job.attempt}"
    )


def _create(job: Job) -> IntentView:
    key = f"order:{job.order_ref}:create:{job.create_number}"
    if job.create_number > 1:  # an earlier create failed on their side: perhaps after it made one
        found = gateway.find_intent(job.order_ref, job.placed_at - timedelta(minutes=5))
        if found is not None:
            return found
    manual = job.capture == Capture.WHEN_CERTAIN
    slow = current_store().slow_payments
    return gateway.create_intent(job.order_ref, job.amount, email=job.email, key=key, manual=manual, slow=slow)


def _remember(job: Job, intent_id: str) -> bool:
    """Commit the id and that a confirm is about to be sent; False when the payment is no longer ours to send."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(job.order_id)
        if order.state not in OPEN or payment.state != PaymentState.DUE or payment.leased_until != job.lease:
            return False
        payment.intent_id, payment.confirm_sent = intent_id, True
        payment.save(update_fields=["intent_id", "confirm_sent"])
        return True


def _capture(job: Job) -> IntentView | None:
    """Take what the bank has set aside, now that the units are certain: what became of it.

    None when they are not, or when the payment is no longer ours to take. A capture that may have been sent is asked
    about first; its key is a seat belt, and the provider captures an intent once.
    """
    if job.capture_sent:
        found = gateway.retrieve_intent(job.intent_id)
        if found.status != gateway.AUTHORISED:
            return found
    if not _remember_capture(job):
        return None
    try:
        # Another authorisation is another intent, perhaps in the same attempt.
        key = f"order:{job.order_ref}:capture:{job.intent_id}:{job.attempt}"
        return gateway.capture_intent(job.intent_id, key=key)
    except (CardDeclined, GatewayRefused) as refused:
        log.error("payment.not_captured", extra={"order": job.order_ref, "why": refused.message})
        return gateway.cancel_intent(job.intent_id)  # it cannot be had: another card may; unless it was taken before


def _remember_capture(job: Job) -> bool:
    """Commit that a capture is about to be sent; False when it must not be: the lease is lost, or the units are."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(job.order_id)
        if payment.state != PaymentState.DUE or not payment.is_authorised or payment.leased_until != job.lease:
            return False
        payment.capture_sent = bool(stock.holds_of(owner_of(order)))
        if not payment.capture_sent:
            payment.due_at += ASK_AGAIN
        payment.save(update_fields=["capture_sent", "due_at"])
        return payment.capture_sent


def _settle(job: Job, intent: IntentView | None, now: datetime) -> None:
    if intent is not None:
        settle.settle_intent(job.order_id, intent, now=now)
    elif not job.token and not job.is_authorised:
        settle.want_card(job.order_id, settle.CARD_WANTED, "card_wanted", now=now, attempt=job.attempt)


def _decline(job: Job, declined: CardDeclined, now: datetime) -> None:
    if declined.intent is not None:
        settle.settle_intent(job.order_id, declined.intent, now=now, attempt=job.attempt)
    else:
        settle.want_card(job.order_id, declined.message, declined.code, now=now, attempt=job.attempt)


def _refused(job: Job, refused: GatewayRefused, now: datetime) -> None:
    """The provider will not, so asking again is no use: staff read why, the fan is asked for another way to pay."""
    log.error("payment.refused", extra={"order": job.order_ref, "code": refused.code, "why": refused.message})
    message = "This payment could not be started. Try another card."
    settle.want_card(job.order_id, message, refused.code, now=now, attempt=job.attempt)


def _defer(job: Job, away: GatewayUnavailable, now: datetime) -> None:
    """Full jitter, so that a thousand deferred orders do not come back in the same second."""
    ceiling = min(LONGEST_WAIT_SECONDS, 2 ** min(job.tries + 1, 10))
    wait = timedelta(seconds=1 + random.uniform(0, ceiling))  # noqa: S311  # spreads load, guards nothing
    settle.defer(
        job.order_id,
        why=away.why,
        retry_at=now + wait,
        outcome_unknown=bool(job.token or job.is_authorised) and away.acted is None,
        new_key=not away.replayable,
        now=now,
    )
