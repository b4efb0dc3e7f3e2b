"""Giving money back: a row first, once by its key; then a worker sends it; then the ledger says so.

Refunds made in the provider's own dashboard are taken over into the same ledger, each once.

Each charge has one ledger: the order's own for what it was paid with, and a surplus for each charge beyond that. No
more goes back of a charge than came with it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum

from checkout import early_news, gateway, notify
from checkout.errors import CannotRefund, GatewayRefused, GatewayUnavailable
from checkout.gateway import IntentView, RefundView
from checkout.leases import leased_until, one_more_try
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState, Refund, RefundState, Surplus
from checkout.orders import lock, move_to
from merchant import journal
from merchant.money import Money
from merchant.wake import wake

PAUSE = timedelta(seconds=30)
KEYS_KEPT = timedelta(hours=23)  # the provider forgets them after 24: https://docs.stripe.com/api/idempotent_requests
LOOK_AGAIN = timedelta(hours=6)  # at a refund that the provider has not finished; its webhook is usually faster
NOT_TAKEN = "an amount set aside and let go: it had not been taken"
GOING = (RefundState.DUE, RefundState.PENDING, RefundState.SUCCEEDED)
STATES = {
    "succeeded": RefundState.SUCCEEDED,
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}


def request(
    order: Order, amount_minor: int, *, key: str, reason: str, now: datetime, by: str = journal.WORKER
) -> Refund:
    """Ask for a refund of a locked order, once a key. Raises CannotRefund above what is left of what was captured.

    What was paid at pick-up is given back there, by hand: then it is only written down, and the provider not asked.
    """
    known = Refund.objects.filter(key=key).first()
    if known is not None:
        return known
    if amount_minor > refundable(order):
        raise CannotRefund(_too_much(order, amount_minor))
    hand = is_by_hand(order)
    state = RefundState.SUCCEEDED if hand else RefundState.DUE
    refund = Refund.objects.create(
        order=order, amount_minor=amount_minor, key=key, reason=reason, state=state, due_at=now
    )
    journal.record(order.subject, "refund_requested", actor=by, why=reason, data={"amount": amount_minor, "hand": hand})
    if hand:
        _book(order, refund, now)
    else:
        wake("payments")
    return refund


def is_by_hand(order: Order) -> bool:
    """Its money came into a till, not through the provider."""
    return Payment.objects.filter(order=order, path=PaymentPath.PICKUP).exists()


def give_surplus_back(order: Order, intent: IntentView, *, now: datetime) -> None:
    """Money that came a second time for a locked order goes back whole, once an intent, and its fan is told."""
    surplus, is_new = Surplus.objects.get_or_create(
        intent_id=intent.id, defaults={"order": order, "captured_minor": intent.received_minor, "found_at": now}
    )
    if not is_new:
        return
    if left := intent.received_minor - intent.refunded_minor:  # what went back by hand before is taken over
        key = f"surplus:{intent.id}"
        Refund.objects.create(order=order, surplus=surplus, amount_minor=left, key=key, reason="paid twice", due_at=now)
    data = {"intent": intent.id, "amount": intent.received_minor}
    journal.record(order.subject, "paid_twice", actor=journal.WORKER, why="it goes back by itself", data=data)
    early_news.act_again(order, intent, now=now)
    notify.paid_twice(order, surplus)
    wake("payments")


def refundable(order: Order) -> int:
    """What was captured and is neither back nor on its way back. Believe it under the order's lock only."""
    return max(order.captured_minor - order.disputed_minor - _going(order.refunds.filter(surplus=None)), 0)


def failed() -> QuerySet[Refund]:
    """Refunds that failed while their money is still here: those that can be sent again."""
    ours = Q(surplus=None, order__refunded_minor__lt=F("order__captured_minor"))
    theirs = Q(surplus__refunded_minor__lt=F("surplus__captured_minor"))
    return Refund.objects.filter(ours | theirs, state=RefundState.FAILED)


def order_of(intent_id: str) -> tuple[int, Surplus | None] | None:
    """The order that was paid with this intent, and the surplus where it had been paid before; None when not ours."""
    if not intent_id:
        return None
    order_id = Payment.objects.filter(intent_id=intent_id).values_list("order_id", flat=True).first()
    if order_id is not None:
        return order_id, None
    surplus = Surplus.objects.filter(intent_id=intent_id).first()
    return (surplus.order_id, surplus) if surplus else None


def may_go_again(order: Order) -> list[Refund]:
    """Its failed refunds whose money is still here: not those that went back by another way."""
    ours = failed().filter(order=order).select_related("surplus")
    return [refund for refund in ours if refund.amount_minor <= _left(order, refund.surplus)]


def retry(refund_id: int, *, by: str, now: datetime) -> None:
    """Send a failed refund again, as a new one at the provider. Raises CannotRefund when its money went another way."""
    with transaction.atomic(durable=True):
        order = lock(Refund.objects.values_list("order_id", flat=True).get(pk=refund_id))
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        if refund.state != RefundState.FAILED:
            return  # somebody else pressed at the same time
        if refund.amount_minor > _left(order, refund.surplus):
            raise CannotRefund(_too_much(order, refund.amount_minor, refund.surplus))
        refund.state, refund.provider_id, refund.failure = RefundState.DUE, "", ""
        refund.attempt, refund.tries, refund.due_at, refund.leased_until = refund.attempt + 1, 0, now, None
        refund.save()
        journal.record(order.subject, "refund_sent_again", actor=by, data={"amount": refund.amount_minor})
        wake("payments")


def drain(clock: Callable[[], datetime], limit: int = 20) -> int:
    """Send the refunds that are due, and look at those under way. Returns how many were tried."""
    done = 0
    while done < limit and (refund := _claim(clock())):
        _send(refund, clock())
        done += 1
    return done


def settle_refund(refund_id: int, sent: RefundView, *, now: datetime) -> None:
    """Write what became of a refund into the order's money ledger, once."""
    with transaction.atomic(durable=True):
        order = lock(Refund.objects.values_list("order_id", flat=True).get(pk=refund_id))
        _apply(order, Refund.objects.select_for_update().get(pk=refund_id), sent, now)


def take_over(sent: RefundView, *, now: datetime) -> str | None:
    """Bring our books in line with a refund at the provider, whoever made it. Says what was done.

    None when no order of ours was paid with its intent, or none that we know yet.
    """
    with transaction.atomic(durable=True):
        meant = order_of(sent.intent_id)
        if meant is None:
            return None
        order, surplus = lock(meant[0]), meant[1]
        if surplus is None and _was_only_set_aside(order):
            return NOT_TAKEN
        if (surplus or order).captured_minor < sent.amount_minor:
            return None  # our books do not show the payment yet: it is settled first
        refund = _ours(order, sent)
        if refund is None and sent.sent_key:
            return "an earlier attempt"
        if refund is None and STATES.get(sent.status) == RefundState.FAILED:
            return "failed, not ours"
        _apply(order, refund or _adopt(order, surplus, sent, now), sent, now)
        return "booked"


def _was_only_set_aside(order: Order) -> bool:
    """The provider calls letting go a refund. It is none: nothing had been taken."""
    over = (PaymentState.AUTHORISED, PaymentState.LETTING_GO, PaymentState.CLOSED)
    return Payment.objects.filter(order=order, capture_before__isnull=False, state__in=over).exists()


def _claim(now: datetime) -> Refund | None:
    with transaction.atomic(durable=True):
        moving = Refund.objects.filter(state=RefundState.DUE) | Refund.objects.filter(
            state=RefundState.PENDING, provider_id__gt=""
        )
        due = moving.filter(due_at__lte=now).exclude(leased_until__gt=now).order_by("due_at")
        due = due.select_related("order__payment", "surplus")
        refund = due.select_for_update(skip_locked=True, of=("self",)).first()
        if refund is not None:
            Refund.objects.filter(pk=refund.pk).update(leased_until=leased_until(now), tries=one_more_try())
        return refund


def _send(refund: Refund, now: datetime) -> None:
    try:
        sent = _ask(refund, now)
    except GatewayUnavailable as away:
        _wait(refund, now + PAUSE, away.why, new_key=not away.replayable)
    except GatewayRefused as refused:
        if refund.provider_id:
            _wait(refund, now + LOOK_AGAIN, refused.message)
        else:
            settle_refund(refund.pk, RefundView("", "failed", 0, "", failure=refused.message), now=now)
    else:
        settle_refund(refund.pk, sent, now=now)


def _ask(refund: Refund, now: datetime) -> RefundView:
    if refund.provider_id:
        return gateway.retrieve_refund(refund.provider_id)
    key_is_forgotten = refund.tries and refund.created_at < now - KEYS_KEPT
    made_before = _made_before(refund) if refund.attempt > 1 or key_is_forgotten else None
    return made_before or gateway.refund(_paid_with(refund), refund.amount_minor, key=_sent_key(refund))


def _paid_with(refund: Refund) -> str:
    """The intent whose money it is."""
    paid: Payment | Surplus = refund.surplus or refund.order.payment
    return paid.intent_id


def _made_before(refund: Refund) -> RefundView | None:
    """What was made although the provider said that it had failed, or said nothing."""
    return next((sent for sent in gateway.list_refunds(_paid_with(refund)) if _is(refund, sent)), None)


def _is(refund: Refund, sent: RefundView) -> bool:
    """Whether it is this refund. One that failed is only its own attempt's."""
    if sent.sent_key == _sent_key(refund):
        return True
    earlier = {_sent_key(refund, attempt) for attempt in range(1, refund.attempt)}
    return sent.sent_key in earlier and STATES.get(sent.status) != RefundState.FAILED


def _sent_key(refund: Refund, attempt: int | None = None) -> str:
    """What the provider knows it by. Another attempt is another refund there: the failure of a key is final."""
    attempt = attempt or refund.attempt
    return f"refund:{refund.key}" + (f":{attempt}" if attempt > 1 else "")


def _wait(refund: Refund, until: datetime, why: str, *, new_key: bool = False) -> None:
    unchanged = Refund.objects.filter(pk=refund.pk, state=refund.state, attempt=refund.attempt)
    first_time = refund.state == RefundState.DUE and not refund.tries
    attempt = refund.attempt + int(new_key and not refund.provider_id)
    if unchanged.update(due_at=until, leased_until=None, attempt=attempt) and first_time:
        journal.record(refund.order.subject, "refund_waits", actor=journal.WORKER, why=why)


def _ours(order: Order, sent: RefundView) -> Refund | None:
    """By the provider's id; by our key while the id is not written down yet."""
    for refund in order.refunds.select_for_update():
        if refund.provider_id == sent.id or (not refund.provider_id and _is(refund, sent)):
            return refund
    return None


def _adopt(order: Order, surplus: Surplus | None, sent: RefundView, now: datetime) -> Refund:
    why = "made in the payment provider's dashboard"
    journal.record(order.subject, "refund_found", actor=journal.WORKER, why=why, data={"amount": sent.amount_minor})
    return Refund.objects.create(
        order=order,
        surplus=surplus,
        key=f"provider:{sent.id}",
        amount_minor=sent.amount_minor,
        reason=why,
        provider_id=sent.id,
        state=RefundState.PENDING,
        due_at=now + LOOK_AGAIN,
    )


def _apply(order: Order, refund: Refund, sent: RefundView, now: datetime) -> None:
    """What the provider says of a refund only moves forward: pending, succeeded, and at the very end perhaps failed.

    One that it refused, and so we called failed, it may have made before all the same: that is news.
    """
    before, after = refund.state, STATES.get(sent.status, RefundState.FAILED)
    failed_there = before == RefundState.FAILED and refund.provider_id
    if before == after or failed_there or (before, after) == (RefundState.SUCCEEDED, RefundState.PENDING):
        Refund.objects.filter(pk=refund.pk).update(leased_until=None, due_at=now + LOOK_AGAIN)
        return
    refund.provider_id, refund.leased_until, refund.state = sent.id, None, after
    refund.due_at, refund.failure = now + LOOK_AGAIN, sent.failure[:200]
    refund.save()
    if after == RefundState.SUCCEEDED:
        _book(order, refund, now)
    elif after == RefundState.FAILED:
        _fail(order, refund, was_booked=before == RefundState.SUCCEEDED)


def _ledger(order: Order, refund: Refund) -> QuerySet[Order] | QuerySet[Surplus]:
    """The row that counts what went back of the charge that this refund gives back."""
    if refund.surplus_id is not None:
        return Surplus.objects.filter(pk=refund.surplus_id)
    return Order.objects.filter(pk=order.pk)


def _book(order: Order, refund: Refund, now: datetime) -> None:
    _ledger(order, refund).update(refunded_minor=F("refunded_minor") + refund.amount_minor)
    if refund.surplus is not None:  # its fan was told when it was found
        data = {"intent": refund.surplus.intent_id, "amount": refund.amount_minor}
        journal.record(order.subject, "surplus_refunded", actor=journal.WORKER, data=data)
        return
    order.refunded_minor += refund.amount_minor
    journal.record(order.subject, "refunded", actor=journal.WORKER, data={"amount": refund.amount_minor})
    if order.state != OrderState.LATE_PAID:
        notify.refunded(order, refund)
    elif order.refunded_minor == order.captured_minor:  # its fan was told when the money came too late
        move_to(order, OrderState.CANCELLED, why="paid too late, refunded", actor=journal.WORKER, now=now)


def _fail(order: Order, refund: Refund, *, was_booked: bool) -> None:
    """The money did not go, or it came back from a closed account: it is ours again, and a person must see to it."""
    if was_booked:
        _ledger(order, refund).update(refunded_minor=F("refunded_minor") - refund.amount_minor)
    amount = {"amount": refund.amount_minor}
    journal.record(order.subject, "refund_failed", actor=journal.WORKER, why=refund.failure, data=amount)


def _going(asked: QuerySet[Refund]) -> int:
    return asked.filter(state__in=GOING).aggregate(sum=Sum("amount_minor"))["sum"] or 0


def _left(order: Order, surplus: Surplus | None) -> int:
    """``refundable``, of whichever charge a refund gives back."""
    return refundable(order) if surplus is None else surplus.captured_minor - _going(surplus.refunds.all())


def _too_much(order: Order, amount_minor: int, surplus: Surplus | None = None) -> str:
    wanted, left = Money(amount_minor, order.currency), Money(_left(order, surplus), order.currency)
    if surplus is not None:
        return f"{wanted} cannot go back: {left} of the second payment is left to refund."
    disputed = " A bank holds money of it in a dispute." if order.disputed_minor else ""
    return f"{wanted} cannot go back: {left} of this order is left to refund.{disputed}"
