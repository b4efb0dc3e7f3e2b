"""What needs a person, in groups: what each means, what is in it, and the one safe thing that can be done with all."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet

from checkout import amounts, authorisations, cards, expiry, late_payments, payments, refunds
from checkout.amount_models import AmountDiffers
from checkout.errors import CannotRefund, GatewayError, IllegalMove
from checkout.models import CardInDrop, Dispute, Order, OrderState, PaymentState, Refund, Surplus, WebhookEvent
from checkout.orders import OPEN
from checkout.waiting_models import PlaceState
from drops.models import StockItem
from merchant.store import current_store
from merchant.wake import wake

OVERDUE = timedelta(minutes=5)
NEWS_OVERDUE = timedelta(minutes=1)
Rows = (
    QuerySet[Order]
    | QuerySet[Refund]
    | QuerySet[Surplus]
    | QuerySet[Dispute]
    | QuerySet[CardInDrop]
    | QuerySet[AmountDiffers]
    | QuerySet[StockItem]
    | QuerySet[WebhookEvent]
)
Deed = Callable[[Rows, str, datetime], int]


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of trouble. ``act`` does ``deed`` to its rows in the name of somebody; returns to how many."""

    slug: str
    title: str
    meaning: str
    rows: Callable[[datetime], Rows]
    deed: str = ""
    consequence: str = ""
    act: Deed | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a deed: how many were ``done``, had ``gone`` from the group before, or were ``left`` as before."""

    done: int
    gone: int
    left: int


def kind(slug: str) -> Kind | None:
    return next((each for each in KINDS if each.slug == slug), None)


def act_on(kind: Kind, shown: Collection[int], *, by: str, now: datetime) -> Outcome:
    """Do the kind's deed to those of ``shown`` that are still in it, and to no other: nobody decided about those.

    TypeError where nothing can be done with all of a kind.
    """
    if kind.act is None:
        raise TypeError(f"{kind.slug} has no deed")
    there = list(kind.rows(now).filter(pk__in=shown).values_list("pk", flat=True))
    done = kind.act(kind.rows(now).filter(pk__in=there), by, now)
    return Outcome(done, gone=len(set(shown)) - len(there), left=len(there) - done)


# --- what is in them -------------------------------------------------------------------------------------------------


def _open(**conditions: object) -> QuerySet[Order]:
    found = Order.objects.filter(state__in=OPEN, **conditions)
    return found.select_related("payment").order_by("hold_expires_at", "pk")


def _deferred(now: datetime) -> Rows:
    return _open(state=OrderState.DEFERRED).exclude(_MAY_BE_CHARGED)


def _unknown(now: datetime) -> Rows:
    return _open().filter(_MAY_BE_CHARGED)


def _stuck(now: datetime) -> Rows:
    # A deferred payment is due again within a minute: whatever is older than this, no worker has taken.
    return _open(payment__state=PaymentState.DUE, payment__due_at__lt=now - OVERDUE)


def _action_required(now: datetime) -> Rows:
    return _open(state=OrderState.ACTION_REQUIRED).exclude(pk__in=_not_closed(now).values("pk"))


def _not_closed(now: datetime) -> QuerySet[Order]:
    over = expiry.ended(now - OVERDUE).exclude(state=OrderState.PROCESSING)
    return over.select_related("payment").order_by("hold_expires_at", "pk")


def _slow(now: datetime) -> Rows:
    days = timedelta(days=current_store().processing_days)
    return _open(state=OrderState.PROCESSING, state_since__lte=now - days)


def _cards_used_up(now: datetime) -> Rows:
    return _open(payment__cards_refused__gte=settings.CARDS_PER_ORDER, payment__state=PaymentState.AWAITING_FAN)


def _late_paid(now: datetime) -> Rows:
    in_line = Q(waiting_place__state=PlaceState.WAITING)  # served or refunded by itself
    late = Order.objects.filter(state=OrderState.LATE_PAID, captured_minor__gt=0, disputed_minor=0).exclude(in_line)
    late = late.exclude(pk__in=late_payments.kept().values("pk"))
    return late.select_related("payment").order_by("state_since", "pk")


def _late_and_kept(now: datetime) -> Rows:
    return late_payments.kept().select_related("payment").order_by("state_since", "pk")


def _set_aside(now: datetime) -> Rows:
    ending = Order.objects.filter(payment__in=authorisations.near_their_end(now))
    return ending.select_related("payment").order_by("payment__capture_before", "pk")


def _refunds_failed(now: datetime) -> Rows:
    return refunds.failed().select_related("order").order_by("created_at", "pk")


def _paid_twice(now: datetime) -> Rows:
    kept = Surplus.objects.filter(refunded_minor__lt=F("captured_minor"))
    return kept.select_related("order").order_by("found_at", "pk")


def _shared_cards(now: datetime) -> Rows:
    return cards.flagged().select_related("drop").order_by("flagged_at", "pk")


def _amounts(now: datetime) -> Rows:
    return amounts.unsettled().select_related("order").order_by("found_at", "pk")


def _missing(now: datetime) -> Rows:
    return StockItem.objects.filter(missing__gt=0).order_by("code")


def _disputes(now: datetime) -> Rows:
    return Dispute.objects.filter(closed_at=None).select_related("order").order_by("due_by", "pk")


def _news(now: datetime) -> Rows:
    waiting = WebhookEvent.objects.filter(processed_at=None, due_at__lt=now - NEWS_OVERDUE)
    return waiting.defer("payload").order_by("pk")


_MAY_BE_CHARGED = Q(payment__outcome_unknown=True, payment__confirm_sent=True)


# --- what can be done ------------------------------------------------------------------------------------------------


def _ask(rows: Rows, by: str, now: datetime) -> int:
    return sum(payments.ask_again(order_id, by=by, now=now) for order_id in rows.values_list("pk", flat=True))


def _send_again(rows: Rows, by: str, now: datetime) -> int:
    return sum(_sent_again(refund_id, by, now) for refund_id in rows.values_list("pk", flat=True))


def _sent_again(refund_id: int, by: str, now: datetime) -> bool:
    try:
        refunds.retry(refund_id, by=by, now=now)
    except CannotRefund:
        return False  # its money went another way meanwhile: the order's page tells
    return True


def _give_back_kept(rows: Rows, by: str, now: datetime) -> int:
    return sum(late_payments.give_back_kept(pk, by=by, now=now) for pk in list(rows.values_list("pk", flat=True)))


def _let_go(rows: Rows, by: str, now: datetime) -> int:
    why = "the bank took too long"
    return sum(_was_let_go(order_id, why, by, now) for order_id in list(rows.values_list("pk", flat=True)))


def _let_go_unclosed(rows: Rows, by: str, now: datetime) -> int:
    why = "time is up, and the provider could not close it"
    return sum(_was_let_go(order_id, why, by, now) for order_id in list(rows.values_list("pk", flat=True)))


def _was_let_go(order_id: int, why: str, by: str, now: datetime) -> bool:
    try:
        return expiry.let_go(order_id, why=why, actor=by, now=now)
    except (GatewayError, IllegalMove):
        return False  # the provider does not answer: its units stay; or it is over meanwhile


def _work_through(rows: Rows, by: str, now: datetime) -> int:
    count = WebhookEvent.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).update(due_at=now)
    wake("webhooks")
    return count


ASK = "Ask the provider again"
ASKED = "The payment provider is asked what became of each payment. Nobody is charged twice by asking."
KINDS = (
    Kind(
        "unknown",
        "Outcome unknown",
        "We asked for the money and got no answer: they may have been charged. We ask before anything else is done.",
        _unknown,
        ASK,
        ASKED,
        _ask,
    ),
    Kind(
        "stuck",
        "Stuck",
        "Payments that have been due for more than five minutes and that no worker has taken. Is a worker running?",
        _stuck,
        ASK,
        ASKED,
        _ask,
    ),
    Kind(
        "not-closed",
        "Time is up, and not closed",
        "Their hold ended more than five minutes ago, and the provider has not confirmed that nothing can be paid on "
        "them any more: their units are kept, and we try on. Does the provider answer, and with the keys of the "
        "account that these orders were begun in?",
        _not_closed,
        "Let go of them",
        "Each is closed at the provider where it answers. Where it says that there is nothing of it to close, its "
        "units go to who waits, or back on sale, all the same. Money that comes later is taken or refunded as the "
        "shop's settings say for what comes too late.",
        _let_go_unclosed,
    ),
    Kind(
        "refunds-failed",
        "Refunds that failed",
        "The provider did not give this money back; it is still with you, and the fan is waiting for it.",
        _refunds_failed,
        "Send them again",
        "Each is sent as a new refund to the card or account that paid.",
        _send_again,
    ),
    Kind(
        "missing",
        "Promised and not there",
        "Fewer units are there than are sold and held, so nothing of them is sold any more. Add what comes in, or "
        "refund the newest orders with their units: each makes up for one.",
        _missing,
    ),
    Kind(
        "paid-twice",
        "Paid twice",
        "The money of an order came a second time. The second payment goes back by itself, and the fan was told; "
        "if its refund failed, it stands above.",
        _paid_twice,
    ),
    Kind(
        "amount-differs",
        "Another amount than agreed",
        "More came than the order's total, or less. The order stands and its units are the fan's. Look at it: give "
        "back what came above, or say with a reason that it is settled.",
        _amounts,
    ),
    Kind(
        "disputes",
        "Disputes",
        "A bank took this money back on its customer's word. Its answer is prepared here; nothing is sent by itself.",
        _disputes,
    ),
    Kind(
        "shared-card",
        "Same card, more than the limit",
        "One card paid orders of different people, together more than one person may have. A family, or one buyer "
        "under several names. The orders are confirmed; look at them, then say that it is fine, or refund the rest.",
        _shared_cards,
    ),
    Kind(
        "late-paid",
        "Paid too late",
        "The money came after the units were free again, and there were none left. It is on its way back by itself.",
        _late_paid,
    ),
    Kind(
        "late-kept",
        "Paid too late, and kept after a dispute",
        "The money came too late, so its fan got nothing for it; they went to their bank, which decided for you. "
        "Nothing of it goes back by itself. Was it given back in another way? Else send it.",
        _late_and_kept,
        "Send the money back",
        "Each fan gets back what they paid, to the card or account that paid, and a mail that says so.",
        _give_back_kept,
    ),
    Kind(
        "set-aside",
        "Authorised, and soon lost",
        "Banks set these amounts aside and soon let go of them. Nothing has been charged. What can be taken is taken, "
        "and what waits for units is let go, by itself: if that does not happen, does the provider answer?",
        _set_aside,
    ),
    Kind(
        "deferred",
        "Deferred",
        "The payment provider was slow or away. Their units are held and we keep trying, until each one's time is up.",
        _deferred,
        ASK,
        ASKED,
        _ask,
    ),
    Kind(
        "slow",
        "A bank takes too long",
        "Bank transfers and debits that have been on their way for longer than the days in the shop's settings, and "
        "that the provider could not cancel so far. Their units are held; we try again each day.",
        _slow,
        "Let go of them",
        "Each is cancelled at the provider where that is still possible, and its units go to who waits, or back on "
        "sale. Money that comes all the same is taken or refunded as the shop's settings say for what comes too late.",
        _let_go,
    ),
    Kind(
        "action-required",
        "Waiting for the fan",
        "They have to enter a card or answer their bank. Nothing to do: a hold that is not used ends by itself.",
        _action_required,
        ASK,
        ASKED,
        _ask,
    ),
    Kind(
        "cards-used-up",
        "Too many cards refused",
        "So many cards were refused for these orders that no more are tried. A fan in trouble writes to you; somebody "
        "who tries stolen cards does not. Their units come back when the time is up, or when you cancel them.",
        _cards_used_up,
    ),
    Kind(
        "news",
        "Payment news not worked through",
        "The provider told us something and no worker has acted on it yet.",
        _news,
        "Work through them now",
        "Each is read again at the provider and acted on; one that was acted on before changes nothing.",
        _work_through,
    ),
)
