"""A person asks to be forgotten: what names them goes, and the order's evidence stays as hashes for its period.

Three things keep an order's name: it is not over, money about it is still in dispute or on its way, or the time for
delivery, returns and the law has not passed. What is kept is said, and the request stays open until it can be done.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from checkout import allowances, pickup, retention_periods
from checkout.models import (
    Allowance,
    CardInDrop,
    IdempotencyKey,
    MoneyState,
    Order,
    OrderState,
    Payment,
    Refund,
    RefundState,
    WebhookEvent,
)
from checkout.orders import OPEN, lock
from checkout.privacy_models import ErasedOrder, ErasureRequest
from drops.models import DropState
from merchant import journal
from merchant.keyed import keyed
from merchant.models import JournalEntry
from merchant.store import store_zone
from policies import acceptance
from policies.models import AcceptancePerson
from policies.places import region_code
from segments import fans
from segments.models import Message, MessageState

ERASED = "erased on request"
HASHED = ("email", "name", "phone", "address")


@dataclass
class Found:
    """What the shop knows of a person: orders that may go, and those that may not, each with its reasons."""

    email: str
    erasable: list[Order] = field(default_factory=list)
    kept: list[tuple[Order, list[str]]] = field(default_factory=list)
    fan: bool = False
    messages: int = 0

    @property
    def nothing(self) -> bool:
        return not (self.erasable or self.kept or self.fan or self.messages)

    @property
    def reasons(self) -> list[str]:
        """Sentences about what cannot go yet."""
        return [f"{order.reference}: {' '.join(why)}" for order, why in self.kept]


def person_of(who: str) -> str:
    """The e-mail address that ``who`` means: one itself, or an order's reference. "" where there is none any more."""
    who = who.strip()
    if "@" in who:
        return who.lower()
    return Order.objects.filter(reference=who.upper()).values_list("email", flat=True).first() or ""


def look(email: str, now: datetime) -> Found:
    """What would go and what would not. Changes nothing."""
    found = Found(email, fan=fans.by_email(email) is not None)
    for order in _orders(email).select_related("payment", "drop"):
        if why := obstacles(order, now):
            found.kept.append((order, why))
        else:
            found.erasable.append(order)
    found.messages = _messages(email, [order.reference for order, _ in found.kept]).count()
    return found


def obstacles(order: Order, now: datetime) -> list[str]:
    """Why the order still needs to know its person, in sentences. Empty: it does not."""
    reasons = []
    if order.state in (*OPEN, OrderState.LATE_PAID) or pickup.is_waiting(order, order.payment):
        reasons.append("It is not over yet.")
    if order.refunds.exclude(state=RefundState.SUCCEEDED).exists() or _surplus(order):
        reasons.append("Money is still on its way back.")
    if order.disputes.filter(closed_at=None).exists():
        reasons.append("A bank disputes its payment.")
    if _news(order).filter(processed_at=None).exists():
        reasons.append("News of its payment is still being worked through.")
    until = needed_until(order)
    if until and until > now:
        day = timezone.localtime(until, store_zone()).strftime("%-d %B %Y")
        reasons.append(f"It is needed until {day}: for delivery, returns and what the law makes the shop keep.")
    return reasons


def needed_until(order: Order) -> datetime | None:
    """When a paid order has been delivered, and could have come back; and the law lets its name go."""
    if order.confirmed_at is None or order.money_state is MoneyState.REFUNDED:
        return None
    starts = order.confirmed_at
    if order.drop.ship_date:
        starts = max(starts, datetime.combine(order.drop.ship_date, time.max, tzinfo=UTC))
    return starts + timedelta(days=retention_periods.days(retention_periods.PAID_AT_LEAST))


def ask(email: str, *, by: str, why: str, now: datetime) -> ErasureRequest:
    """Note that a person wants to be forgotten, and forget what can go. Asked again while open, it is one request."""
    email = email.strip().lower()
    with transaction.atomic():
        request, new = ErasureRequest.objects.get_or_create(
            email_key=_key(email), done_at=None, defaults={"email": email, "asked_by": by, "why": why, "asked_at": now}
        )
        if new:
            journal.record(request.subject, "erasure_asked", actor=by, why=why)
    return carry_out(request.pk, by=by, now=now)


def carry_out(request_id: int, *, by: str, now: datetime) -> ErasureRequest:
    """Forget what can go of an open request; done once nothing is left. As often, and by as many workers, as wanted."""
    request = ErasureRequest.objects.get(pk=request_id)
    if request.done_at is not None:
        return request
    erased = [order.reference for order in _orders(request.email) if erase_order(order.pk, by=by, now=now)]
    with transaction.atomic():
        request = ErasureRequest.objects.select_for_update().get(pk=request_id)
        if request.done_at is not None:
            return request
        gone = _erase_person(request.email, now)
        left = look(request.email, now)
        reasons, before = left.reasons, request.kept
        done = not left.kept
        told = reasons + _journal_lines(request.email)
        request.kept = told
        if done:
            request.done_at, request.email = now, ""
        request.save(update_fields=["kept", "done_at", "email"])
        if erased or done or told != before:
            data = {"orders": erased, **gone, "kept": told}
            journal.record(request.subject, "erased" if done else "erased_in_part", actor=by, data=data)
    return request


def erase_order(order_id: int, *, by: str, now: datetime, why: str = ERASED) -> bool:
    """Reduce who ordered to hashes, if nothing stands against it. True when this call did it."""
    with transaction.atomic():
        order = lock(order_id)
        if ErasedOrder.objects.filter(order=order).exists() or obstacles(order, now):
            return False
        ErasedOrder.objects.create(order=order, hashes=_hashes(order), at=now)
        counted = {"messages": reduce_messages(Message.objects.filter(key__startswith=f"order:{order.reference}:"))}
        counted["news"] = reduce_news(_news(order))
        _forget_card(order)
        _strip(order)
        acceptance.erase_person(order.reference, actor=by, why=why)
        journal.record(order.subject, "person_erased", actor=by, why=why, data=counted)
    return True


def matches(erased: ErasedOrder, field_name: str, claimed: str) -> bool:
    """Whether an erased order was of this e-mail, name, phone or address: what its hashes are kept for."""
    return bool(erased.hashes.get(field_name) == _hash(erased.order.reference, field_name, claimed))


# --- an order --------------------------------------------------------------------------------------------------------


def _hashes(order: Order) -> dict[str, str]:
    address = " ".join(str(order.address.get(name, "")) for name in ("line1", "postal_code", "city", "country"))
    values = {"email": order.email, "name": order.name, "phone": order.phone, "address": address}
    return {name: _hash(order.reference, name, values[name]) for name in HASHED if values[name].strip()}


def _hash(reference: str, name: str, value: str) -> str:
    return keyed("frontrow.erased", f"{reference}|{name}|{' '.join(value.lower().split())}").hex()


def _strip(order: Order) -> None:
    country = str(order.address.get("country", ""))[:2]
    region = region_code(country, str(order.address.get("region", ""))) or ""
    place = {"country": country, "region": region.partition("-")[2]}
    Order.objects.filter(pk=order.pk).update(email="", name="", phone="", address=place)
    Payment.objects.filter(order=order).update(
        confirmation_token="", client_secret="", session_url="", card_key="", error_message=""
    )
    Refund.objects.filter(order=order).filter(
        Q(reason__icontains=order.email) | Q(reason__icontains=order.name)
    ).update(reason=ERASED)
    # The key is a word of the fan's device, and its fingerprint one of what they typed.
    keys = IdempotencyKey.objects.filter(order=order)
    for key_id in keys.values_list("pk", flat=True):
        IdempotencyKey.objects.filter(pk=key_id).update(key=f"erased:{key_id}", body_hmac="")


def _forget_card(order: Order) -> None:
    """The card's fingerprint in its drop, unless somebody else paid with it too."""
    card = order.payment.card_key
    others = Payment.objects.filter(card_key=card, order__drop=order.drop_id).exclude(order=order)
    if card and not others.exists():
        CardInDrop.objects.filter(drop=order.drop_id, card_key=card).delete()


def _news(order: Order) -> QuerySet[WebhookEvent]:
    """What the payment provider told about an order, by its ids and by the reference inside."""
    payment = order.payment
    ids = {payment.intent_id, payment.session_id, payment.charge_id}
    ids |= set(order.refunds.values_list("provider_id", flat=True))
    ids |= set(order.disputes.values_list("provider_id", flat=True))
    ids |= set(order.surpluses.values_list("intent_id", flat=True))
    about = Q(object_id__in=ids - {""})
    if payment.intent_id:
        about |= Q(payload__data__object__payment_intent=payment.intent_id)
    return WebhookEvent.objects.filter(about)


def _surplus(order: Order) -> bool:
    return order.surpluses.filter(captured_minor__gt=F("refunded_minor")).exists()


# --- what surrounds it -----------------------------------------------------------------------------------------------


def _orders(email: str) -> QuerySet[Order]:
    return Order.objects.filter(email__iexact=email).order_by("pk") if email else Order.objects.none()


def _erase_person(email: str, now: datetime) -> dict[str, int]:
    """The fan with all they did, messages that belong to no order that is kept, and counts in drops that are over."""
    kept = list(_orders(email).values_list("reference", flat=True))
    messages = _messages(email, kept)
    fan = fans.by_email(email)
    if fan:
        fan.delete()
    people = AcceptancePerson.objects.filter(email_hmac=acceptance.email_hmac(email))
    people.exclude(acceptance__order_ref__in=kept).delete()
    counts = Allowance.objects.filter(person_key=allowances.email_key(email), offer__drop__state=DropState.CLOSED)
    counts.delete()
    _forget_in_logs(email)
    return {"fans": int(fan is not None), "messages": reduce_messages(messages)}


def _messages(email: str, kept: Sequence[str]) -> QuerySet[Message]:
    """What went to an address, but for the messages of orders that are kept."""
    messages = Message.objects.filter(to__iexact=email)
    for reference in kept:
        messages = messages.exclude(key__startswith=f"order:{reference}:")
    return messages


def reduce_messages(messages: QuerySet[Message]) -> int:
    """Messages stay as lines of the ledger, so that none is sent twice; what they said becomes its hash. How many."""
    done = 0
    for message in messages.exclude(to=""):
        waits = message.state in (MessageState.DUE, MessageState.FAILED, MessageState.UNCERTAIN)
        Message.objects.filter(pk=message.pk).update(
            to="",
            subject=f"{message.kind.replace('_', ' ').capitalize()}, erased"[:200],
            text=f"sha256:{hashlib.sha256(message.text.encode()).hexdigest()}",
            html="",
            reason=ERASED,
            state=MessageState.SKIPPED if waits else message.state,
        )
        done += 1
    return done


def reduce_news(events: QuerySet[WebhookEvent]) -> int:
    """An event's payload becomes its hash: the address on a bill is in it. How many."""
    done = 0
    for event in events.exclude(payload__has_key="erased"):
        digest = hashlib.sha256(json.dumps(event.payload, sort_keys=True).encode()).hexdigest()
        WebhookEvent.objects.filter(pk=event.pk).update(payload={"erased": True, "sha256": digest})
        done += 1
    return done


def _forget_in_logs(email: str) -> None:
    """The admin's own log names what was edited or deleted; a fan is named by their address there."""
    if not email:
        return
    LogEntry.objects.filter(Q(object_repr__icontains=email) | Q(change_message__icontains=email)).update(
        object_repr=ERASED, change_message=""
    )


def _journal_lines(email: str) -> list[str]:
    """The journal cannot be changed. Where somebody typed the address into a reason, that is said."""
    lines = JournalEntry.objects.filter(why__icontains=email).count() if email else 0
    return [f"{lines} line(s) of the journal have the address in a reason somebody typed. They stay."] if lines else []


def _key(email: str) -> str:
    return keyed("frontrow.erasure", email).hex()


def open_requests() -> Iterable[int]:
    """What was asked and could not be done in whole yet."""
    return ErasureRequest.objects.filter(done_at=None).order_by("pk").values_list("pk", flat=True)


def asked_before(email: str) -> Sequence[ErasureRequest]:
    """Earlier requests of the same person, newest first."""
    return list(ErasureRequest.objects.filter(email_key=_key(email.strip().lower())))
