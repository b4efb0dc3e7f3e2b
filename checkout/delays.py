"""A pre-order that ships later than promised: each fan who waits is asked, and silence brings the money back.

After 16 CFR 435.2(b), the FTC's Mail, Internet, or Telephone Order Merchandise Rule: the seller says a new date and
lets the buyer choose between waiting and a refund. The rule takes silence as a yes where a first delay is 30 days at
most; here silence is a no, always: nobody waits who did not say so.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from checkout import fan_requests, notify, returns
from checkout.after_sale import DelayAnswer, DelayChoice, DelayNotice
from checkout.errors import CannotAnswer, CannotRefund
from checkout.models import Order, OrderState
from checkout.orders import lock
from drops import scheduling
from drops.models import Drop
from merchant import journal
from merchant.store import store_zone
from merchant.templatetags.shop import moment
from merchant.wake import wake

C = DelayChoice
BATCH = 100
TIME_TO_ANSWER = timedelta(days=3)  # at least, from the question on; the merchant mostly gives more
LONGEST_DELAY = timedelta(days=365)


def announce(drop_id: int, new_date: date, *, answer_by: datetime, why: str, by: str, now: datetime) -> DelayNotice:
    """Set a drop's later ship date and have everyone who waits for it asked, by a worker. Raises CannotAnswer.

    A further delay takes the place of one that is still being asked about: whoever waits is asked anew.
    """
    with transaction.atomic(durable=True):
        drop = Drop.objects.select_for_update(no_key=True).get(pk=drop_id)
        _refuse(drop, new_date, answer_by, now)
        earlier = DelayNotice.objects.filter(drop=drop, superseded_at=None)
        DelayAnswer.objects.filter(notice__in=earlier, choice=C.WAITING).update(choice=C.MOOT, answered_at=now)
        earlier.update(superseded_at=now)
        notice = DelayNotice.objects.create(
            drop=drop,
            old_date=drop.ship_date,
            new_date=new_date,
            why=why,
            announced_at=now,
            announced_by=by,
            answer_by=answer_by,
        )
        scheduling.postpone(drop, new_date, actor=by, why=why)
        return notice


def concerned(drop: Drop) -> QuerySet[Order]:
    """The drop's orders that are paid and not wholly given back. Some may have left already."""
    return Order.objects.filter(drop=drop, state=OrderState.CONFIRMED).exclude(captured_minor=0)


def sweep(now: datetime) -> int:
    """Ask whom nobody has asked, and give money back where no answer came in time. Returns how many of both.

    May run twice at once: each order is done under its lock, once.
    """
    asked = sum(_ask(notice_id, order_id, now) for notice_id, order_id in _unasked())
    late = DelayAnswer.objects.filter(choice=C.WAITING, answer_by__lte=now).order_by("answer_by", "pk")
    return asked + sum(_give_up(answer_id, now) for answer_id in list(late.values_list("pk", flat=True)[:BATCH]))


def stuck() -> QuerySet[DelayAnswer]:
    """Money that could not go back by itself, and has not gone back since."""
    return DelayAnswer.objects.filter(choice=C.STUCK, order__refunded_minor__lt=F("order__captured_minor"))


def open_question(order: Order) -> DelayAnswer | None:
    """What the fan is being asked now. Nothing while everything has left, or is asked back already."""
    asked = DelayAnswer.objects.filter(order=order, choice=C.WAITING, notice__superseded_at=None)
    found = asked.select_related("notice").first()
    return found if found and any(fan_requests.unclaimed(order).values()) else None


def answer(order_id: int, *, wait: bool, now: datetime) -> DelayAnswer:
    """The fan's word: wait for the new date, or the money back at once. Said twice it is said once.

    Raises CannotAnswer when nothing is being asked, or something else was answered before.
    """
    with transaction.atomic(durable=True):
        order = lock(order_id)
        asked = open_question(order)
        if asked is None:
            return _said_before(order, wait=wait)
        if not wait:
            return _refund(order, asked, C.REFUNDED, "delay_refund_wanted", by=journal.FAN, now=now)
        _close(asked, C.CONSENTED, now)
        journal.record(order.subject, "delay_consented", actor=journal.FAN, data=_data(asked))
        return asked


def _refuse(drop: Drop, new_date: date, answer_by: datetime, now: datetime) -> None:
    today = now.astimezone(store_zone()).date()
    if drop.ship_date is None:
        raise CannotAnswer("This drop has no ship date that could be later.")
    if new_date <= max(drop.ship_date, today):
        raise CannotAnswer("The new date must be later than the old one, and in the future.")
    if new_date > today + LONGEST_DELAY:
        raise CannotAnswer("More than a year away is no date anybody can wait for: refund the orders instead.")
    if answer_by < now + TIME_TO_ANSWER:
        raise CannotAnswer(f"Give people at least {TIME_TO_ANSWER.days} days to answer.")
    if answer_by.astimezone(store_zone()).date() > new_date:
        raise CannotAnswer("The answer must be here before it ships.")


def _unasked() -> Iterable[tuple[int, int]]:
    """Orders that were made on the old date and have no row for the notice yet, a batch of each."""
    for notice in DelayNotice.objects.filter(superseded_at=None).select_related("drop"):
        made_before = concerned(notice.drop).filter(placed_at__lte=notice.announced_at)
        missing = made_before.exclude(delay_answers__notice=notice).order_by("pk")
        for order_id in list(missing.values_list("pk", flat=True)[:BATCH]):
            yield notice.pk, order_id


def _ask(notice_id: int, order_id: int, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        order = lock(order_id)
        notice = DelayNotice.objects.get(pk=notice_id)
        if notice.superseded_at is not None:
            return False  # a later date was announced since we looked
        waits = sum(fan_requests.unclaimed(order).values())
        until = max(notice.answer_by, now + TIME_TO_ANSWER)
        asked, is_new = DelayAnswer.objects.get_or_create(
            notice=notice,
            order=order,
            defaults={"choice": C.WAITING if waits else C.MOOT, "answer_by": until, "asked_at": now},
        )
        if is_new and waits:
            journal.record(order.subject, "delay_asked", actor=journal.WORKER, why=notice.why, data=_data(asked))
            _tell(order, asked)
        return is_new


def _give_up(answer_id: int, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        order = lock(DelayAnswer.objects.values_list("order_id", flat=True).get(pk=answer_id))
        asked = DelayAnswer.objects.select_related("notice").get(pk=answer_id)
        if asked.choice != C.WAITING:
            return False  # answered in this very moment
        _refund(order, asked, C.UNANSWERED, "delay_unanswered", by=journal.WORKER, now=now)
        return True


def _refund(order: Order, asked: DelayAnswer, choice: DelayChoice, verb: str, *, by: str, now: datetime) -> DelayAnswer:
    """What was not sent goes back, units and money. What cannot go back by itself waits for a person."""
    units = {line_id: quantity for line_id, quantity in fan_requests.unclaimed(order).items() if quantity}
    if not units:
        _close(asked, C.MOOT, now)
        return asked
    journal.record(order.subject, verb, actor=by, data=_data(asked))
    try:
        with transaction.atomic():
            amount = returns.worth(order, units)
            key, why = f"delay:{asked.pk}", "ships later than promised"
            asked.refund = returns.give_back(order, units, amount, key=key, restock=True, by=by, why=why, now=now)
    except CannotRefund as refusal:
        asked.trouble = str(refusal)[:200]
        _close(asked, C.STUCK, now)
        journal.record(order.subject, "delay_refund_stuck", actor=journal.WORKER, why=asked.trouble)
    else:
        _close(asked, choice, now)
        wake("payments")
    return asked


def _close(asked: DelayAnswer, choice: DelayChoice, now: datetime) -> None:
    asked.choice, asked.answered_at = choice, now
    asked.save(update_fields=["choice", "answered_at", "refund", "trouble"])


def _said_before(order: Order, *, wait: bool) -> DelayAnswer:
    last = DelayAnswer.objects.filter(order=order).exclude(choice=C.WAITING).order_by("-pk").first()
    same = (C.CONSENTED,) if wait else (C.REFUNDED, C.STUCK, C.UNANSWERED)
    if last is not None and last.choice in same:
        return last
    raise CannotAnswer("There is nothing to answer any more. Your order's page says how it stands.")


def _data(asked: DelayAnswer) -> dict[str, str | int]:
    return {"notice": asked.notice_id, "new_date": str(asked.notice.new_date)}


def _tell(order: Order, asked: DelayAnswer) -> None:
    notice = asked.notice
    with timezone.override(store_zone()):
        until = moment(asked.answer_by)
    headline = f"Your order would ship on {_day(notice.new_date)}"
    before = f"We had said {_day(notice.old_date)}. " if notice.old_date else ""
    said = [
        f"{before}The new date is {_day(notice.new_date)}: {notice.why}",
        f"Do you want to wait for it, or your money back? Choose on your order's page until {until}.",
        "If we hear nothing by then, your money goes back to you by itself.",
    ]
    subject = f"Wait, or your money back? {order.reference}"
    notify.after_sale(order, f"delay:{asked.pk}", subject, headline=headline, said=said, action="Wait, or money back")


def _day(day: date) -> str:
    return day.strftime("%-d %B %Y")
