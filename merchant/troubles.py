"""What is wrong right now, each with the page where a person mends it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, F
from django.urls import reverse

from checkout import amounts, authorisations, cards, delays, fan_requests, puller, refunds
from checkout.models import Dispute, Order, OrderState, Payment, PaymentState, Surplus, WebhookEvent
from drops.models import Drop, DropState, StockItem
from merchant.desk import listing
from merchant.health import redis_and_worker
from segments.models import Message, MessageState

SOON = timedelta(days=14)
OVERDUE = timedelta(minutes=1)


@dataclass(frozen=True)
class Trouble:
    """Something a person should look at. ``grave``: money or a promise is at stake."""

    words: str
    url: str
    grave: bool = False


def troubles(
    user: User | AnonymousUser, drops: Iterable[tuple[Drop, Sequence[str]]], *, now: datetime
) -> list[Trouble]:
    """All of it that ``user`` may see, the grave ones first. ``drops``: those to come, with their hurdles."""
    found = list(_not_ready(drops, now))
    if user.has_perm("checkout.view_order"):
        found += [*_orders(), *_payments(now), *_refunds(), *_amounts(), *_disputes(), *_shared_cards(), *_after_sale()]
    if user.has_perm("drops.view_stockitem"):
        found += _missing()
    if user.has_perm("checkout.view_webhookevent"):
        found += _payment_news(now)
    if user.has_perm("segments.view_message"):
        found += _messages()
    if user.has_perm("merchant.view_storeprofile"):
        found += _machines()
    return sorted(found, key=lambda trouble: not trouble.grave)


def _not_ready(drops: Iterable[tuple[Drop, Sequence[str]]], now: datetime) -> Iterator[Trouble]:
    for drop, hurdles in drops:
        if hurdles and drop.starts_at and drop.starts_at - now < SOON:
            page = reverse("admin:drops_drop_change", args=[drop.pk])
            yield Trouble(f"{drop} is not ready. {hurdles[0]}", page, grave=drop.state == DropState.SCHEDULED)


def _orders() -> Iterator[Trouble]:
    states = (OrderState.LATE_PAID, OrderState.DEFERRED)
    due = Order.objects.filter(state__in=states).exclude(state=OrderState.LATE_PAID, captured_minor=0)
    counts = dict(due.order_by().values_list("state").annotate(Count("id")))
    if late := counts.get(OrderState.LATE_PAID):
        words = f"{_count(late, 'order')} paid too late, after the units were free again"
        yield Trouble(words, listing("checkout_order", state__exact=OrderState.LATE_PAID), grave=True)
    if deferred := counts.get(OrderState.DEFERRED):
        words = f"{_count(deferred, 'order')} held while the payment provider is in trouble"
        yield Trouble(words, listing("checkout_order", state__exact=OrderState.DEFERRED))


def _payments(now: datetime) -> Iterator[Trouble]:
    if ending := authorisations.near_their_end(now).count():
        words = f"{_count(ending, 'amount')} set aside by banks and soon lost: not charged yet"
        yield Trouble(words, reverse("admin:checkout_order_trouble") + "#set-aside")
    overdue = Payment.objects.filter(state=PaymentState.DUE, due_at__lt=now - OVERDUE).count()
    if overdue:
        words = f"{_count(overdue, 'payment')} due for longer than a minute"
        yield Trouble(words, listing("checkout_order", payment__state__exact=PaymentState.DUE), grave=True)


def _refunds() -> Iterator[Trouble]:
    trouble = reverse("admin:checkout_order_trouble")
    if failed := refunds.failed().count():
        words = f"{_count(failed, 'refund')} failed at the payment provider"
        yield Trouble(words, trouble + "#refunds-failed", grave=True)
    if twice := Surplus.objects.filter(refunded_minor__lt=F("captured_minor")).count():
        yield Trouble(f"{_count(twice, 'payment')} came a second time: on the way back", trouble + "#paid-twice")


def _amounts() -> Iterator[Trouble]:
    if count := amounts.unsettled().count():
        words = f"{_count(count, 'order')} paid with another amount than agreed"
        yield Trouble(words, reverse("admin:checkout_order_trouble") + "#amount-differs", grave=True)


def _shared_cards() -> Iterator[Trouble]:
    if count := cards.flagged().count():
        words = f"{_count(count, 'card')} paid more for several people than one may have"
        yield Trouble(words, reverse("admin:checkout_order_trouble") + "#shared-card")


def _after_sale() -> Iterator[Trouble]:
    if count := fan_requests.waiting().count():
        words = f"{_count(count, 'request')} of fans to withdraw, return or cancel"
        yield Trouble(words, listing("checkout_fanrequest", open="yes"))
    if stuck := delays.stuck().count():
        words = f"{_count(stuck, 'order')} to give back after a later ship date: a person must do it"
        yield Trouble(words, listing("checkout_delaynotice"), grave=True)


def _disputes() -> Iterator[Trouble]:
    count = Dispute.objects.filter(closed_at=None).count()
    if count:
        words = f"{_count(count, 'payment')} disputed by a bank that waits for an answer"
        yield Trouble(words, reverse("admin:checkout_order_trouble") + "#disputes", grave=True)


def _payment_news(now: datetime) -> Iterator[Trouble]:
    if puller.is_silent(now):
        words = "The payment provider does not ring during a live drop: orders wait until we ask. Check its webhook"
        yield Trouble(words, listing("checkout_webhookevent"), grave=True)
    stuck = WebhookEvent.objects.filter(processed_at=None, due_at__lt=now - OVERDUE).count()
    if stuck:
        words = f"{_count(stuck, 'piece')} of payment news not worked through yet"
        yield Trouble(words, listing("checkout_webhookevent", processed_at__isempty="1"))


def _missing() -> Iterator[Trouble]:
    for item in StockItem.objects.filter(missing__gt=0).order_by("code"):
        words = f"{_count(item.missing, 'unit')} of {item.code} promised and not there: its sale has stopped"
        yield Trouble(words, reverse("admin:drops_stockitem_change", args=[item.pk]), grave=True)


def _messages() -> Iterator[Trouble]:
    words = {MessageState.FAILED: "could not be delivered", MessageState.UNCERTAIN: "may or may not have been sent"}
    counts = dict(Message.objects.filter(state__in=words).order_by().values_list("state").annotate(Count("id")))
    for state, what in words.items():
        if count := counts.get(state):
            yield Trouble(f"{_count(count, 'message')} {what}", listing("segments_message", state__exact=state))


def _machines() -> Iterator[Trouble]:
    alive = redis_and_worker()
    if not alive["redis"]:
        yield Trouble("Redis does not answer: live numbers and payments are slower", "/readyz", grave=True)
    elif not alive["worker"]:
        yield Trouble("No worker was seen for half a minute: orders are taken, payments wait", "/readyz", grave=True)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
