"""A person asks to be forgotten: what names them goes, and the order's evidence stays as hashes for its period.

Three things keep an order's name: it is not over, money about it is in dispute, was lately, or is on its way, or the
time for delivery, returns and the law has not passed. What is kept is said, and the request stays open until it can be
done.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from checkout import allowances, pickup, reductions, retention_periods, waiting_list
from checkout.after_sale import DelayChoice, FanRequest, RequestState
from checkout.errors import NotWaiting
from checkout.evidence import EvidencePack
from checkout.models import (
    Allowance,
    CardInDrop,
    DiscountCount,
    IdempotencyKey,
    MoneyState,
    Order,
    OrderState,
    Payment,
    Refund,
    RefundState,
    WebhookEvent,
)
from checkout.orders import OPEN, lock_both
from checkout.privacy_models import ErasedOrder, ErasureRequest
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import DropState
from drops.sign_up_models import SignUp
from merchant import journal
from merchant.keyed import keyed
from merchant.models import JournalEntry
from merchant.store import store_zone
from policies import acceptance
from policies.models import AcceptancePerson
from policies.places import region_code
from segments import fans
from segments.models import Message

ERASED = reductions.ON_REQUEST
HASHED = ("email", "name", "phone", "address")


@dataclass
class Found:
    """What the shop knows of a person: orders that may go, and those that may not, each with its reasons."""

    email: str
    erasable: list[Order] = field(default_factory=list)
    kept: list[tuple[Order, list[str]]] = field(default_factory=list)
    fan: bool = False
    messages: int = 0
    places: list[WaitingPlace] = field(default_factory=list)
    requests: int = 0
    sign_ups: int = 0
    others: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        known = (self.fan, self.messages, self.places, self.requests, self.sign_ups)
        return not (self.erasable or self.kept or any(known) or self.others)

    @property
    def reasons(self) -> list[str]:
        """Sentences about what cannot go yet; ``others`` are those about no order of this address."""
        return [*(f"{order.reference}: {' '.join(why)}" for order, why in self.kept), *self.others]


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
    found.places = list(_places(email).select_related("drop"))
    found.sign_ups = _sign_ups(email).count()
    found.requests = _requests_elsewhere(email).exclude(_unfinished(now)).count()
    found.others = _asked_elsewhere(email, now)
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
    if order.fan_requests.filter(_unfinished(now)).exists():
        reasons.append("What its fan asked for after the sale is not done yet.")
    if order.delay_answers.filter(choice=DelayChoice.WAITING).exists():
        reasons.append("Its fan was asked about a later ship date, and still has time to answer.")
    if _news(order).filter(processed_at=None).exists():
        reasons.append("News of its payment is still being worked through.")
    answered = answer_needed_until(order)
    if answered and answered > now:
        reasons.append(f"A bank has decided its dispute: the answer is kept until {_day(answered)}.")
    until = needed_until(order)
    if until and until > now:
        reasons.append(f"It is needed until {_day(until)}: for delivery, returns and what the law makes the shop keep.")
    return reasons


def needed_until(order: Order) -> datetime | None:
    """When a paid order has been delivered, and could have come back; and the law lets its name go."""
    if order.confirmed_at is None or order.money_state is MoneyState.REFUNDED:
        return None
    starts = order.confirmed_at
    if order.drop.ship_date:
        starts = max(starts, datetime.combine(order.drop.ship_date, time.max, tzinfo=UTC))
    newest = order.shipments.aggregate(at=Max(Coalesce("delivered_at", "shipped_at")))["at"]
    if newest:
        starts = max(starts, newest)
    return starts + timedelta(days=retention_periods.days(retention_periods.PAID_AT_LEAST))


def answer_needed_until(order: Order) -> datetime | None:
    """When the answer to its last decided dispute may go: a bank may take a decision up again. None: no dispute."""
    closed = order.disputes.aggregate(at=Max("closed_at"))["at"]
    return closed + timedelta(days=retention_periods.days(retention_periods.DISPUTES)) if closed else None


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
    _leave_lists(request.email, by, now)
    with transaction.atomic():
        request = ErasureRequest.objects.select_for_update().get(pk=request_id)
        if request.done_at is not None:
            if erased:  # by us, while somebody else did the rest and did not know of it
                journal.record(request.subject, "erased", actor=by, data={"orders": erased})
            return request
        gone = _erase_person(request.email, now)
        left = look(request.email, now)
        reasons, before = left.reasons, request.kept
        done = not reasons
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
        order, _ = lock_both(order_id)
        if ErasedOrder.objects.filter(order=order).exists() or obstacles(order, now):
            return False
        ErasedOrder.objects.create(order=order, hashes=_hashes(order), at=now)
        counted = {"messages": reductions.messages(Message.objects.filter(key__startswith=f"order:{order.reference}:"))}
        counted["news"] = reductions.news(_news(order))
        counted |= _reduce_after_sale(order)
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
    Order.objects.filter(pk=order.pk).update(email="", name="", phone="", address=place, person_keys=[])
    Payment.objects.filter(order=order).update(
        confirmation_token="", client_secret="", session_url="", card_key="", address_key="", error_message=""
    )
    Refund.objects.filter(order=order).filter(
        Q(reason__icontains=order.email) | Q(reason__icontains=order.name)
    ).update(reason=ERASED)
    # The key is a word of the fan's device, and its fingerprint one of what they typed.
    keys = IdempotencyKey.objects.filter(order=order)
    for key_id in keys.values_list("pk", flat=True):
        IdempotencyKey.objects.filter(pk=key_id).update(key=f"erased:{key_id}", body_hmac="")


def _reduce_after_sale(order: Order) -> dict[str, int]:
    """Requests, parcels, answers to banks, and its place on a waiting list where it came too late."""
    return {
        "requests": reductions.requests(FanRequest.objects.filter(order=order)),
        "parcels": reductions.parcels(order.shipments.all()),
        "answers": reductions.packs(EvidencePack.objects.filter(dispute__order=order)),
        "places": reductions.places(WaitingPlace.objects.filter(order=order)),
    }


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
    key = allowances.email_key(email)
    # Before the fan, and in this order: as whoever is just confirmed takes them.
    places = reductions.places(_places(email).exclude(state__in=waiting_list.OPEN))
    discounts = DiscountCount.objects.filter(reductions.over_discounts(now), person_key=key)
    reductions.discount_counts(discounts)
    allowances.forget(Allowance.objects.filter(person_key=key, offer__drop__state=DropState.CLOSED))
    had_fan = fans.erase(email)
    people = AcceptancePerson.objects.filter(email_hmac=acceptance.email_hmac(email))
    acceptance.forget(people.exclude(acceptance__order_ref__in=kept))
    _forget_in_logs(email)
    return {
        "fans": int(had_fan),
        "sign_ups": _sign_ups(email).delete()[0],
        "messages": reductions.messages(messages),
        "places": places,
        "requests": reductions.requests(_requests_elsewhere(email).exclude(_unfinished(now))),
    }


def _leave_lists(email: str, by: str, now: datetime) -> None:
    """Who is forgotten waits for nothing: their places go to the next. Each in its own transaction."""
    for place_id in _places(email).filter(state__in=waiting_list.OPEN).values_list("pk", flat=True):
        with suppress(NotWaiting):  # it is just being bought, and then goes as a place that is over
            waiting_list.end(place_id, PlaceState.LEFT, actor=by, why=ERASED, now=now)


def _places(email: str) -> QuerySet[WaitingPlace]:
    """On waiting lists; the place of an order goes with the order."""
    if not email:
        return WaitingPlace.objects.none()
    return WaitingPlace.objects.filter(email__iexact=email, order=None).order_by("pk")


def _sign_ups(email: str) -> QuerySet[SignUp]:
    """For news of a drop, confirmed or not."""
    return SignUp.objects.filter(email__iexact=email) if email else SignUp.objects.none()


def _requests_elsewhere(email: str) -> QuerySet[FanRequest]:
    """What was asked with this address about an order of another."""
    if not email:
        return FanRequest.objects.none()
    return FanRequest.objects.filter(email__iexact=email).exclude(order__email__iexact=email).order_by("pk")


def _unfinished(now: datetime) -> Q:
    """Requests that staff still have to write about. What a fan was to send back and never did ends in time."""
    since = now - timedelta(days=retention_periods.days(retention_periods.PAID_AT_LEAST))
    waits_for_staff = Q(state__in=[RequestState.REQUESTED, RequestState.RECEIVED])
    return waits_for_staff | Q(state=RequestState.ACCEPTED, answered_at__gt=since)


def _asked_elsewhere(email: str, now: datetime) -> list[str]:
    asked = _requests_elsewhere(email).filter(_unfinished(now)).select_related("order")
    return [f"{each.order.reference}: What was asked with this address is not done yet." for each in asked]


def _messages(email: str, kept: Sequence[str]) -> QuerySet[Message]:
    """What went to an address, but for the messages of orders that are kept."""
    messages = Message.objects.filter(to__iexact=email)
    for reference in kept:
        messages = messages.exclude(key__startswith=f"order:{reference}:")
    return messages


def _forget_in_logs(email: str) -> None:
    """The admin's own log names what was edited or deleted; a fan is named by their address there."""
    if not email:
        return
    LogEntry.objects.filter(Q(object_repr__icontains=email) | Q(change_message__icontains=email)).update(
        object_repr=ERASED, change_message=""
    )


def _day(at: datetime) -> str:
    return timezone.localtime(at, store_zone()).strftime("%-d %B %Y")


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
