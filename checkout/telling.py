"""Which story an order's fan is told, in which words, and what has happened so far. The stories: ``stories``."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from django.db.models import Sum

from checkout import attempts
from checkout.models import WITHOUT_PROVIDER, Order, OrderState, Payment, PaymentPath, PaymentState, RefundState
from checkout.stories import (
    ARRIVED,
    BANK_DECIDES,
    BANK_GAVE_BACK,
    CARD_DECLINED,
    CARDS_USED_UP,
    FIRST_IN_LINE,
    FIRST_IN_LINE_UNCHARGED,
    FREE_OF_CHARGE,
    GIVEN_BACK,
    GOING_BACK,
    HAD_AGAIN,
    LETTING_GO,
    NEEDS_BANK,
    NO_CARD_YET,
    NOT_COLLECTED,
    NOT_KEPT,
    ON_ITS_WAY,
    OUR_DELAYS,
    PARTLY_REFUNDED,
    PICKED_UP,
    REFUND_FAILED,
    REFUNDED,
    SET_ASIDE,
    STILL_WITH_US,
    STORIES,
    TIMELINE,
    TIMELINES,
    TO_PICK_UP,
    Story,
)
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Drop, DropState
from merchant.models import JournalEntry
from merchant.money import Money
from merchant.store import current_store
from merchant.templatetags.shop import clock

PICKUP_STORIES: dict[str, Story] = {OrderState.CONFIRMED: TO_PICK_UP, OrderState.CANCELLED: NOT_COLLECTED}


def story_of(order: Order, payment: Payment, deeds: Sequence[JournalEntry], *, late: bool) -> Story:
    if late or order.state == OrderState.PLACED:
        return _story_before_a_worker_came(payment, late=late)
    if payment.path in WITHOUT_PROVIDER and order.state in (OrderState.CONFIRMED, OrderState.CANCELLED):
        return _story_without_provider(order, payment, deeds)
    if order.state == OrderState.ACTION_REQUIRED:
        return _story_of_the_fans_step(payment)
    if payment.is_authorised and order.state in (OrderState.AUTHORISING, OrderState.LATE_PAID):
        return _story_of_what_is_set_aside(order, payment)
    if order.state == OrderState.CONFIRMED:
        return _story_of_money_back(order, deeds) or _story_of_parcels(deeds) or STORIES[order.state]
    return _story_of_what_came_late(order, deeds) or STORIES[order.state]


def _story_before_a_worker_came(payment: Payment, *, late: bool) -> Story:
    if late:  # nobody came to say so
        return STORIES[OrderState.DEFERRED]
    return STORIES[OrderState.PLACED] if payment.confirmation_token else NO_CARD_YET


def _story_of_money_back(order: Order, deeds: Sequence[JournalEntry]) -> Story | None:
    """One query, where something goes back or did."""
    if not (order.refunded_minor or any(deed.verb == "refund_requested" for deed in deeds)):
        return None
    if order.refunded_minor >= order.captured_minor:
        return REFUNDED
    if _sent(order) >= order.captured_minor:
        return GOING_BACK
    return _story_of_a_failed_refund(order) or (PARTLY_REFUNDED if order.refunded_minor else None)


def _story_of_a_failed_refund(order: Order) -> Story | None:
    """Of one whose money is still here: not where it went back by another way since."""
    left = order.captured_minor - order.disputed_minor - _sent(order)
    failed = order.refunds.filter(surplus=None, state=RefundState.FAILED, amount_minor__lte=left)
    return REFUND_FAILED if failed.exists() else None


def _sent(order: Order) -> int:
    """What went back, or is on its way."""
    sent = order.refunds.filter(surplus=None).exclude(state=RefundState.FAILED).aggregate(sum=Sum("amount_minor"))
    return sent["sum"] or 0


def _story_of_parcels(deeds: Sequence[JournalEntry]) -> Story | None:
    left, arrived = (sum(deed.verb == verb for deed in deeds) for verb in ("shipped", "delivered"))
    if not left:
        return None
    return ARRIVED if arrived >= left else ON_ITS_WAY


def _story_of_what_is_set_aside(order: Order, payment: Payment) -> Story:
    if order.state == OrderState.AUTHORISING:
        return SET_ASIDE
    if payment.state == PaymentState.DUE:
        return HAD_AGAIN
    return FIRST_IN_LINE_UNCHARGED if _refund_by(order) else LETTING_GO


def _story_of_what_came_late(order: Order, deeds: Sequence[JournalEntry]) -> Story | None:
    """The fan's money, our provider's answer, or we ourselves."""
    if order.state == OrderState.EXPIRED:
        return OUR_DELAYS.get(_state_before(OrderState.EXPIRED, deeds))
    if order.state == OrderState.LATE_PAID and not _refund_by(order):
        return _story_of_a_dispute(order) or _story_of_a_failed_refund(order)
    return FIRST_IN_LINE if order.state == OrderState.LATE_PAID else None


def _story_of_a_dispute(order: Order) -> Story | None:
    """Of money that came too late and was asked back through a bank: whose turn it is to give it."""
    decided = order.disputes.filter(surplus=None).values_list("closed_at", flat=True)
    if not decided:
        return None
    if order.disputed_minor:
        return BANK_DECIDES if None in decided else BANK_GAVE_BACK
    return STILL_WITH_US if _sent(order) < order.captured_minor else None


def _state_before(state: OrderState, deeds: Sequence[JournalEntry]) -> str:
    """What the order was when it went into ``state`` last: whose turn it was. Empty where the journal does not tell."""
    states = [deed.verb for deed in deeds if deed.verb in OrderState.values]
    return next((before for before, verb in reversed(list(pairwise(states))) if verb == state), "")


def _story_without_provider(order: Order, payment: Payment, deeds: Sequence[JournalEntry]) -> Story:
    if _was_not_kept(order, payment):
        return NOT_KEPT
    if payment.path == PaymentPath.FREE:
        return _story_of_parcels(deeds) or FREE_OF_CHARGE
    if payment.state == PaymentState.PAID:
        return GIVEN_BACK if order.refunded_minor else PICKED_UP
    return PICKUP_STORIES[order.state]


def _story_of_the_fans_step(payment: Payment) -> Story:
    if payment.state == PaymentState.DUE:  # they have done it, and a worker is about to look
        return STORIES[OrderState.AUTHORISING]
    if needs_bank(payment):
        return NEEDS_BANK
    if cards_used_up(payment):
        return CARDS_USED_UP
    declined = payment.error_code not in ("", "card_wanted", "action")  # a bank that asks has not said no
    return CARD_DECLINED if declined else STORIES[OrderState.ACTION_REQUIRED]


def words_of(order: Order, payment: Payment, until: datetime, now: datetime) -> dict[str, str]:
    unheard = payment.outcome_unknown or until > order.hold_expires_at
    unknown = unheard and payment.confirm_sent  # an intent nobody confirmed has charged nobody
    refund_by = _refund_by(order)
    return {
        "until": clock(until, now),
        "ended": clock(order.state_since, now),
        "where": _where_units_go(order.drop),
        "refund_by": clock(refund_by, now) if refund_by else "",
        "email": order.email,
        "support": current_store().support_email or "us",
        "place": f"{order.drop.pickup_place}." if order.drop.pickup_place else "",
        "error": payment.error_message,
        "charged": "We are checking whether your bank already answered; you are never charged twice."
        if unknown
        else _not_charged(payment),
        "not_charged": _not_charged(payment),
        "refunded": str(Money(order.refunded_minor, order.currency)),
        "total": str(order.total),
        "held": str(Money(order.disputed_minor, order.currency)),
        "returned": "Your money is back on its way to you." if order.captured_minor else _not_charged(payment),
    }


def _where_units_go(drop: Drop) -> str:
    if drop.state == DropState.CLOSED:
        return "back to the shop"
    return "to those who wait, or back on sale" if drop.waiting_list else "back on sale"


def _not_charged(payment: Payment) -> str:
    if payment.was_let_go or payment.state == PaymentState.LETTING_GO:
        return "You have not been charged; your bank releases the amount that it had set aside."
    if payment.is_authorised:
        return "Your bank said yes and keeps the amount aside; you have not been charged yet."
    return "You have not been charged."


def deeds_of(order: Order) -> list[JournalEntry]:
    return list(JournalEntry.objects.filter(subject=order.subject, verb__in=TIMELINE).order_by("id"))


def timeline_of(order: Order, payment: Payment, deeds: Sequence[JournalEntry]) -> tuple[tuple[datetime, str], ...]:
    words = TIMELINES.get(payment.path, TIMELINE)
    if payment.capture_before is not None and not order.captured_minor:
        words = words | {OrderState.LATE_PAID: "Your bank's yes came after the hold had ended"}
    if _was_not_kept(order, payment):
        words = words | {OrderState.CANCELLED: "Cancelled by the shop"}
    return tuple((deed.at, words[deed.verb]) for deed in deeds)


def _was_not_kept(order: Order, payment: Payment) -> bool:
    """The shop's own doing: given away for nothing, or to be picked up and the date had not come."""
    early = order.state_since < order.hold_expires_at
    without = payment.path == PaymentPath.FREE or (payment.path == PaymentPath.PICKUP and early)
    return order.state == OrderState.CANCELLED and without


def _refund_by(order: Order) -> datetime | None:
    """For an order that was paid too late and waits at the head of the list: when its money goes back."""
    if order.state != OrderState.LATE_PAID:
        return None
    waiting = WaitingPlace.objects.filter(order=order, state=PlaceState.WAITING)
    return waiting.values_list("refund_by", flat=True).first()


def needs_bank(payment: Payment) -> bool:
    return payment.path == PaymentPath.INTENT and payment.error_code == "action" and bool(payment.client_secret)


def cards_used_up(payment: Payment) -> bool:
    """What is tried on the provider's page the provider counts."""
    return payment.path == PaymentPath.INTENT and attempts.used_up(payment)
