"""What an order does about what the payment provider said. Each function locks the order and commits one step.

What the provider says of an object only moves forward: once paid, nothing it said earlier is listened to. What the
order does about it follows ``orders.MOVES``.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from checkout import amounts, attempts, authorisations, cards, deadlocks, early_news, late_payments, notify, refunds
from checkout.gateway import AUTHORISED, IntentView, SessionView
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from checkout.orders import OPEN, hold_past_the_cap, lock_both, move_to, owner_of
from checkout.outcomes import confirm, wait_for_fan
from drops import stock
from merchant import journal
from merchant.money import Money
from merchant.store import current_store
from merchant.wake import wake

log = logging.getLogger(__name__)
CARD_WANTED = "Enter your card to pay. Nothing has been charged yet."
UNUSABLE = "token_unusable"
BANK_IS_PAYING = "processing"
BRINGS_MONEY = ("succeeded", BANK_IS_PAYING, AUTHORISED)
Rule = Callable[[Order, Payment, IntentView, datetime], None]


@deadlocks.tried_again
def settle_intent(order_id: int, intent: IntentView, *, now: datetime, attempt: int | None = None) -> None:
    """Apply what a PaymentIntent says. Doing it twice, late or out of order changes nothing.

    ``attempt``: whose own answer it is. What is only heard or read of a card that was refused may be about the one
    before; the answer to the attempt that the payment is at is not.
    """
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if payment.state == PaymentState.PAID:
            _paid_before(order, payment, intent, now)
            return
        if attempt != payment.attempt and _is_of_the_past(payment, intent):
            return
        _note(payment, intent)
        payment.outcome_unknown = False
        payment.tries = 0
        RULES.get(intent.status, _nothing)(order, payment, intent, now)
        payment.save()


def _note(payment: Payment, intent: IntentView) -> None:
    """Which intent it is, and how far. While the provider's page is open that page is what can be paid, whatever card
    was refused on it: its intent is ours once it brings money."""
    if payment.path == PaymentPath.SESSION and intent.status not in BRINGS_MONEY:
        return
    payment.intent_id, payment.provider_status = intent.id, intent.status
    payment.client_secret = intent.client_secret or payment.client_secret


def drain_set_aside(clock: Callable[[], datetime]) -> int:
    """Let go of what is to be let go, look at what waits, and settle its orders by that. Returns how many."""
    return authorisations.drain(clock, lambda order_id, intent, now: settle_intent(order_id, intent, now=now))


def is_stray(order_id: int, intent: IntentView) -> bool:
    """Whether a bank has set an amount aside on an intent that the order is not paid with: nobody will take it."""
    paid_with = Payment.objects.filter(order_id=order_id).exclude(intent_id="").exclude(intent_id=intent.id)
    return intent.status == AUTHORISED and paid_with.exists()


def settle_session(order_id: int, session: SessionView, intent: IntentView | None, *, now: datetime) -> None:
    """Apply what a Checkout Session says; ``intent`` is the PaymentIntent it made, once it has one."""
    if intent is not None and session.status == "complete":
        settle_intent(order_id, intent, now=now)
        return
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if payment.state not in (PaymentState.PAID, PaymentState.CLOSED) and payment.session_id == session.id:
            # Open: the fan is on the provider's page. Expired: another can be opened, or the sweep frees the units.
            payment.state, payment.provider_status = PaymentState.AWAITING_FAN, f"session {session.status}"
            payment.tries, payment.outcome_unknown = 0, False
            if order.state == OrderState.DEFERRED:  # they came back unpaid, and we could not know it before
                wait_for_fan(order, payment, CARD_WANTED, "card_wanted", now)
            payment.save()


def want_card(order_id: int, message: str, code: str, *, attempt: int, now: datetime) -> None:
    """The fan has to enter a card, or another one: the order waits for them, at most until its hard cap. Not where they
    have entered one since ``attempt``."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if payment.attempt != attempt:
            return
        if payment.state != PaymentState.PAID and order.state in OPEN:
            if code == UNUSABLE:
                attempts.unusable(order, payment)
            wait_for_fan(order, payment, message, code, now)
            payment.save()


def defer(order_id: int, *, why: str, retry_at: datetime, outcome_unknown: bool, new_key: bool, now: datetime) -> None:
    """The provider is away: keep the order and its units, say so, and try again at ``retry_at``.

    ``new_key``: the idempotency key that was used would only bring the same failure back. A mere look at what waits for
    its fan leaves it to them, with a later look; unless they may have paid by now, which makes it a deferred order.
    """
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if payment.state != PaymentState.DUE:
            return
        payment.due_at = retry_at
        payment.tries += 1
        if _was_a_look(order, payment):
            if not (payment.outcome_unknown or order.hold_expires_at <= now):
                payment.state, payment.confirm_sent = PaymentState.AWAITING_FAN, False
                payment.save()
                return
            payment.outcome_unknown = True
        else:
            payment.outcome_unknown = payment.outcome_unknown or outcome_unknown
            _count_keys(payment, new_key=new_key)
        payment.save()
        if order.state in (OrderState.PLACED, OrderState.AUTHORISING, OrderState.ACTION_REQUIRED):
            hold_past_the_cap(order, max(order.hold_expires_at, order.deferral_ends_at))
            stock.defer(owner_of(order), order.hold_expires_at)
            move_to(order, OrderState.DEFERRED, why=why, actor=journal.WORKER, now=now)
            notify.deferred(order, payment)


def _was_a_look(order: Order, payment: Payment) -> bool:
    """We only asked what the fan had done meanwhile, at their bank or on the provider's page; no card was sent."""
    return order.state == OrderState.ACTION_REQUIRED and not payment.confirmation_token and not payment.is_authorised


def _count_keys(payment: Payment, *, new_key: bool) -> None:
    if new_key and payment.intent_id:
        payment.attempt += 1
    elif new_key:
        payment.create_number += 1


def _is_of_the_past(payment: Payment, intent: IntentView) -> bool:
    """Another intent than the one we pay with, or another card than the one that waits; and it brought no money."""
    if intent.status == "succeeded":
        return False
    if payment.intent_id == intent.id:
        before = () if payment.confirm_sent else ("requires_action", BANK_IS_PAYING)  # of a card that was not sent yet
        return intent.status in ("requires_payment_method", *before) and _card_waits(payment)
    return bool(payment.intent_id) or intent.status == "canceled"


def _card_waits(payment: Payment) -> bool:
    """The fan entered a card, and nobody has heard yet what became of it: sent or not, its worker will."""
    return payment.state == PaymentState.DUE and bool(payment.confirmation_token)


def _paid_before(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    """It cannot be: one payable object lives at a time. If it is all the same, what came second goes back."""
    if intent.status == "succeeded" and intent.id != payment.intent_id:
        log.error("payment.paid_twice", extra={"order": order.reference, "intent": intent.id})
        refunds.give_surplus_back(order, intent, now=now)


def _paid(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    payment.state, payment.charge_id = PaymentState.PAID, intent.charge_id
    payment.error_code = payment.error_message = ""
    payment.card_key = cards.key_of(intent.fingerprint)
    payment.save(update_fields=["card_key"])  # counted with the others of its card
    Order.objects.filter(pk=order.pk).update(captured_minor=intent.received_minor)
    order.captured_minor = intent.received_minor
    early_news.act_again(order, intent, now=now)
    if (received := Money(intent.received_minor, intent.amount.currency)) != order.total:
        amounts.note(order, received, now=now)
    if intent.went_back:
        late_payments.went_back(order, now)
    elif order.state in OPEN and stock.holds_of(owner_of(order)):
        confirm(order, now)
        stock.commit(owner_of(order))  # the hot rows last
    elif order.state == OrderState.LATE_PAID:
        late_payments.taken(order, now)
    elif order.state in late_payments.MAY_BE_LATE:
        late_payments.paid(order, now, gone_minor=intent.refunded_minor)


def _authorised(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    """The bank has set the amount aside. It is taken once the units are certain; nothing has been charged before."""
    heard_before = payment.is_authorised
    payment.capture_before, payment.charge_id = intent.capture_before, intent.charge_id
    payment.confirm_sent = True  # nobody confirms it again
    payment.error_code = payment.error_message = ""
    if heard_before and payment.state != PaymentState.DUE:
        return  # it waits, or is being let go
    if order.state in late_payments.MAY_BE_LATE:
        journal.record(order.subject, "authorised", actor=journal.WORKER, data=intent.amount.as_json())
        late_payments.authorised(order, payment, now)
        return
    payment.state = PaymentState.DUE
    if not heard_before:
        payment.due_at = now
        journal.record(order.subject, "authorised", actor=journal.WORKER, data=intent.amount.as_json())
        wake("payments")
    if order.state in (OrderState.PLACED, OrderState.ACTION_REQUIRED, OrderState.DEFERRED):
        move_to(order, OrderState.AUTHORISING, why="the bank said yes", actor=journal.WORKER, now=now)


def _processing(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    """The bank takes days. The units are held for it as long as the shop says, which the fan reads."""
    if order.state not in OPEN:
        return  # let go of, or closed in this very moment: when it has paid, that is late
    payment.state, payment.confirmation_token = PaymentState.PROCESSING, ""
    if order.state != OrderState.PROCESSING:
        hold_past_the_cap(order, now + timedelta(days=current_store().processing_days))
        stock.defer(owner_of(order), order.hold_expires_at)
        move_to(order, OrderState.PROCESSING, why="the bank needs time", actor=journal.WORKER, now=now)


def _action_wanted(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    if order.state in OPEN:
        wait_for_fan(order, payment, "Your bank wants you to confirm this payment.", "action", now)


def _card_wanted(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    if order.state not in OPEN:
        return
    if intent.error_code and not _heard_before(order, payment):
        attempts.refused(order, payment, intent.fingerprint)
    wait_for_fan(order, payment, intent.error_message or CARD_WANTED, intent.error_code, now)


def _heard_before(order: Order, payment: Payment) -> bool:
    """The order waits for another card already. While it waited for a bank's question, the answer is news."""
    asked = payment.path == PaymentPath.INTENT and payment.error_code == "action"
    return order.state == OrderState.ACTION_REQUIRED and not asked


def _canceled(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    """Nothing can be paid on it any more: a card that waits is charged on another, else the fan enters one.

    Freeing the units is the closer's job, not ours.
    """
    was_authorised = payment.is_authorised
    if was_authorised and order.state not in OPEN:
        late_payments.not_taken(order, payment, now)
        return
    if order.state not in OPEN or (payment.path != PaymentPath.INTENT and not was_authorised):
        return
    journal.record(order.subject, "intent_closed", actor=journal.WORKER, data={"intent": intent.id})
    payment.intent_id = payment.client_secret = payment.provider_status = ""
    payment.create_number += 1
    if payment.state == PaymentState.DUE and payment.confirmation_token and not was_authorised:
        payment.attempt, payment.confirm_sent = payment.attempt + 1, False
    else:
        wait_for_fan(order, payment, CARD_WANTED, "card_wanted", now)


def _nothing(order: Order, payment: Payment, intent: IntentView, now: datetime) -> None:
    """A status that asks nothing of the order; perhaps the next one does."""


RULES: dict[str, Rule] = {
    "succeeded": _paid,
    AUTHORISED: _authorised,
    BANK_IS_PAYING: _processing,
    "requires_action": _action_wanted,
    "requires_payment_method": _card_wanted,
    "canceled": _canceled,
}
