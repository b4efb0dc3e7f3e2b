"""An amount that a bank has set aside and that nobody has taken: kept while units may still come, or let go.

Nothing of it is money. Letting go is done by a worker, at the provider first: only when it has confirmed that nothing
can be taken any more is the order over. A bank lets go by itself at ``capture_before``; nothing waits to the last hour.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from checkout import gateway
from checkout.errors import GatewayError
from checkout.leases import give_back, leased_until, one_more_try
from checkout.models import Order, Payment, PaymentState
from merchant import journal
from merchant.wake import wake

log = logging.getLogger(__name__)
MARGIN = timedelta(hours=12)  # before the bank's own end: time to take it, even through an outage
SOON = timedelta(days=1)
LOOK_EVERY = timedelta(hours=1)  # at what waits: somebody may have cancelled or captured it at the provider
PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
BATCH = 50
SET_ASIDE = (PaymentState.DUE, PaymentState.AUTHORISED, PaymentState.LETTING_GO)
Settle = Callable[[int, gateway.IntentView, datetime], None]


def keep(payment: Payment, *, now: datetime) -> None:
    """Leave the amount of a locked payment set aside until units come, or their date. The caller saves it."""
    payment.state, payment.due_at = PaymentState.AUTHORISED, now
    payment.confirmation_token = ""


def take(payment: Payment, *, now: datetime) -> None:
    """The units are certain: a worker takes the amount of a locked payment. The caller saves it."""
    payment.state, payment.due_at, payment.tries = PaymentState.DUE, now, 0
    wake("payments")


def let_go(order: Order, payment: Payment, *, why: str, actor: str = journal.WORKER, now: datetime) -> None:
    """Have the provider told that we do not want the amount of a locked payment, once. The caller saves it."""
    payment.state, payment.due_at, payment.tries = PaymentState.LETTING_GO, now, 0
    payment.confirmation_token = ""
    journal.record(order.subject, "letting_go", actor=actor, why=why)
    wake("payments")


def ends(payment: Payment) -> datetime:
    """The latest that anything may wait for: some hours before the bank lets go by itself."""
    if payment.capture_before is None:
        raise ValueError(f"{payment} has nothing set aside")
    return payment.capture_before - MARGIN


def near_their_end(now: datetime) -> QuerySet[Payment]:
    """What is set aside and will be lost within a day."""
    return Payment.objects.filter(state__in=SET_ASIDE, capture_before__lte=now + MARGIN + SOON)


def drain(clock: Callable[[], datetime], settle: Settle, limit: int = BATCH) -> int:
    """Let go of what is to be let go, and look at what waits. Returns how many were tried.

    ``settle`` is told what each has become.
    """
    done = 0
    while done < limit and (payment := _claim(clock())):
        _ask(payment, settle, clock)
        done += 1
    return done


def _claim(now: datetime) -> Payment | None:
    with transaction.atomic(durable=True):
        waiting = Payment.objects.filter(state__in=[PaymentState.AUTHORISED, PaymentState.LETTING_GO])
        due = waiting.filter(due_at__lte=now).exclude(leased_until__gt=now).order_by("due_at")
        payment = due.select_for_update(skip_locked=True).first()
        if payment is not None:
            payment.leased_until = leased_until(now)
            Payment.objects.filter(pk=payment.pk).update(leased_until=payment.leased_until)
        return payment


def _ask(payment: Payment, settle: Settle, clock: Callable[[], datetime]) -> None:
    letting_go = payment.state == PaymentState.LETTING_GO
    pause = LOOK_EVERY
    try:
        found = gateway.cancel_intent(payment.intent_id) if letting_go else gateway.retrieve_intent(payment.intent_id)
        settle(payment.order_id, found, clock())
    except GatewayError as error:
        log.warning("authorisation.not_answered", extra={"payment": payment.pk, "why": repr(error)})
        pause = min(PAUSE * 2 ** min(payment.tries, 10), LONGEST_PAUSE)
    # What moved on meanwhile has another state, and what it waits for is not ours to put off.
    unmoved = Payment.objects.filter(pk=payment.pk, state=payment.state, leased_until=payment.leased_until)
    unmoved.update(due_at=clock() + pause, tries=one_more_try())
    give_back(payment.pk, payment.leased_until)
