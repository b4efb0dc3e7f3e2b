"""The second path: the provider's own page. The first payable object is closed before the second is opened.

The number and the end of a session are committed before it is created, so a create whose answer was lost is repeated
under the same key. Where repeating is no use another is made: the address of the lost one was never shown to anybody.
"""

from datetime import datetime, timedelta

from django.db import transaction

from checkout import attempts, gateway, outcomes, settle
from checkout.addresses import order_url, return_url
from checkout.errors import GatewayError, GatewayUnavailable, NothingToPay
from checkout.gateway import IntentView, SessionView
from checkout.leases import give_back, is_leased, leased_until
from checkout.models import Order, OrderState, Payment, PaymentPath, PaymentState
from checkout.orders import hold_until, lock_both, may_pay_elsewhere, owner_of
from drops import stock
from drops.models import Capture
from merchant import journal
from merchant.store import current_store

LIFETIME = timedelta(minutes=31)  # the provider's least is 30, by its clock
SHORTEST = timedelta(minutes=30)
TOO_SHORT = timedelta(minutes=1)
BATCH = 50
UNASKED = (OrderState.PLACED, OrderState.DEFERRED)  # nobody has told its fan yet that it is their turn


def open_session(order_id: int, *, now: datetime) -> str:
    """The address of the provider's page for this order; an open one is given again.

    A deferred order may take this path, too: closing what it had asks what became of it, and where that cannot be
    closed nothing is opened. Until the page is there its card stays what is tried.

    Raises NothingToPay when the order is paid, over or being paid right now, TooManyCards, and GatewayError.
    """
    order, payment = _claim(order_id, now)
    try:
        if _is_open(payment, now):
            return payment.session_url
        paid = None if _can_repeat(payment, now) else close_payable(payment)
        if paid is not None:  # in this very moment
            settle.settle_intent(order_id, paid, now=now)
            raise NothingToPay
        payment = _commit_number(payment, now)
        try:
            session = _create_once(order, payment)
        except GatewayError:
            _take_up_again(payment, now)
            raise
        return _remember(payment, session, now)
    finally:
        give_back(payment.pk, payment.leased_until)


def take_up_abandoned(now: datetime) -> int:
    """Try on the cards of deferred orders whose page was being opened by somebody who died over it: their fans read
    that we keep trying. Returns how many."""
    waiting = Payment.objects.filter(order__state=OrderState.DEFERRED, path=PaymentPath.SESSION, session_id="")
    abandoned = waiting.filter(state=PaymentState.AWAITING_FAN).exclude(leased_until__gt=now)
    return sum(_take_up_abandoned(order_id, now) for order_id in abandoned.values_list("order_id", flat=True)[:BATCH])


def close_payable(payment: Payment) -> IntentView | None:
    """Close what the order could still be paid with: its intent or its session.

    None: nothing can be paid any more. An intent: it cannot be closed, settle the order by it. Raises GatewayError when
    the provider did not confirm the closing.
    """
    if payment.path == PaymentPath.SESSION:
        return _close_session(payment)
    if not payment.intent_id or payment.provider_status == "canceled":
        return None  # an intent whose id was lost is unconfirmed and nobody has its secret
    intent = gateway.cancel_intent(payment.intent_id)
    return None if intent.status == "canceled" else intent


def _close_session(payment: Payment) -> IntentView | None:
    session = _expired(payment)
    if session is None or session.status == "expired":
        return None
    if session.status == "open" or not session.intent_id:
        raise GatewayUnavailable(f"a session that is {session.status} did not close")
    intent = gateway.retrieve_intent(session.intent_id)
    slow = intent.status == settle.BANK_IS_PAYING == payment.provider_status  # and its time is up, else it is news
    if intent.status == gateway.AUTHORISED or slow:
        intent = gateway.cancel_intent(intent.id)  # nothing of it is taken yet: the session itself is over
    # Else it is complete, and its money failed later: nobody can pay there any more.
    return intent if intent.status in settle.BRINGS_MONEY else None


def _expired(payment: Payment) -> SessionView | None:
    """The session that was opened last, expired, also when its id was lost. None when nobody can know of one."""
    if payment.session_id:
        return gateway.expire_session(payment.session_id)
    if payment.session_expires_at is None:
        return None
    try:
        return gateway.expire_session(_create(payment.order, payment).id)
    except GatewayError as error:
        if _worth_repeating(error):
            raise
        return None


def _claim(order_id: int, now: datetime) -> tuple[Order, Payment]:
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        if not may_pay_elsewhere(order, payment) or is_leased(payment, now):
            raise NothingToPay
        if payment.path == PaymentPath.INTENT:  # what is tried on the provider's page the provider counts
            attempts.require_order(payment)
        payment.leased_until = leased_until(now)
        payment.save(update_fields=["leased_until"])
        return order, payment


def _is_open(payment: Payment, now: datetime) -> bool:
    ends = payment.session_expires_at
    return (
        bool(payment.session_id)
        and payment.provider_status == "session open"
        and ends is not None
        and ends > now + TOO_SHORT
    )


def _commit_number(mine: Payment, now: datetime) -> Payment:
    """Commit that the first path is closed and which session is about to be created, and keep the units for it."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(mine.order_id)
        if not _still_mine(order, payment, mine):
            raise NothingToPay
        if payment.intent_id:
            journal.record(order.subject, "intent_closed", actor=journal.WORKER, data={"intent": payment.intent_id})
        if not _can_repeat(payment, now):
            payment.session_number += 1
            payment.session_expires_at = now + LIFETIME
        payment.state, payment.outcome_unknown = PaymentState.AWAITING_FAN, False  # known: it is closed
        payment.path, payment.intent_id, payment.client_secret = PaymentPath.SESSION, "", ""
        payment.session_id, payment.session_url, payment.provider_status = "", "", "canceled"
        payment.error_code = payment.error_message = ""  # of what is closed
        payment.save()
        hold_until(order, max(order.hold_expires_at, order.hard_cap_at))
        stock.prolong(owner_of(order), order.hold_expires_at)
        return payment


def _can_repeat(payment: Payment, now: datetime) -> bool:
    """The answer to the last create was lost, and the same request would still be lawful."""
    ends = payment.session_expires_at
    return not payment.session_id and ends is not None and ends >= now + SHORTEST


def _create_once(order: Order, payment: Payment) -> SessionView:
    try:
        return _create(order, payment)
    except GatewayError as error:
        if not _worth_repeating(error):
            Payment.objects.filter(pk=payment.pk, session_id="").update(session_expires_at=None)
        raise


def _take_up_again(mine: Payment, now: datetime) -> None:
    """No page could be opened for a deferred order: its card is tried on, with a new intent. Nobody saw the page. Who
    came without a card is asked for one."""
    with transaction.atomic(durable=True):
        order, payment = lock_both(mine.order_id)
        if order.state in UNASKED and _still_mine(order, payment, mine):
            _try_its_card(order, payment, now)


def _take_up_abandoned(order_id: int, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        order, payment = lock_both(order_id)
        moved_on = payment.path != PaymentPath.SESSION or payment.session_id or is_leased(payment, now)
        if moved_on or payment.state != PaymentState.AWAITING_FAN or order.state != OrderState.DEFERRED:
            return False
        payment.leased_until = None  # who was only slow finds it lost, and shows its page to nobody
        _try_its_card(order, payment, now)
        return True


def _try_its_card(order: Order, payment: Payment, now: datetime) -> None:
    if not payment.confirmation_token:
        outcomes.wait_for_fan(order, payment, settle.CARD_WANTED, "card_wanted", now)
    else:
        payment.state, payment.path, payment.due_at = PaymentState.DUE, PaymentPath.INTENT, now
        payment.create_number, payment.attempt = payment.create_number + 1, payment.attempt + 1
        payment.confirm_sent, payment.session_expires_at, payment.provider_status = False, None, ""
    payment.save()


def _worth_repeating(error: GatewayError) -> bool:
    """Under the same key the provider may still say more than it did."""
    return isinstance(error, GatewayUnavailable) and error.replayable


def _create(order: Order, payment: Payment) -> SessionView:
    if payment.session_expires_at is None:
        raise ValueError(f"{order} has no session to create")
    return gateway.create_session(
        order.reference,
        f"{order.drop.title} · {order.reference}",
        order.total,
        email=order.email,
        success_url=return_url(order),
        cancel_url=order_url(order),
        until=payment.session_expires_at,
        key=f"order:{order.reference}:session:{payment.session_number}",
        manual=order.drop.capture == Capture.WHEN_CERTAIN,
        slow=current_store().slow_payments,
    )


def _remember(mine: Payment, session: SessionView, now: datetime) -> str:
    with transaction.atomic(durable=True):
        order, payment = lock_both(mine.order_id)
        still_mine = _still_mine(order, payment, mine)
        if still_mine:
            payment.session_id, payment.session_url = session.id, session.url
            payment.provider_status = f"session {session.status}"
            payment.error_code = payment.error_message = payment.confirmation_token = ""
            if order.state in UNASKED:
                outcomes.wait_for_fan(order, payment, "", "", now)
                hold_until(order, max(order.hold_expires_at, order.hard_cap_at))
                stock.prolong(owner_of(order), order.hold_expires_at)
            payment.save()
    if not still_mine:
        gateway.expire_session(session.id)  # nobody has seen its address
        raise NothingToPay
    return session.url


def _still_mine(order: Order, payment: Payment, mine: Payment) -> bool:
    """Nobody closed the order, paid it or took the lease over while we asked the provider."""
    return may_pay_elsewhere(order, payment) and payment.leased_until == mine.leased_until
