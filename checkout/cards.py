"""One card that pays for several people. It is known only after paying, so nobody is refused: staff are told."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Max, QuerySet, Sum

from checkout.allowances import keys_of
from checkout.models import Allowance, CardInDrop, Order, OrderLine, OrderState
from drops.models import Offer
from merchant import journal
from merchant.keyed import keyed


def key_of(fingerprint: str) -> str:
    """What a card is known by here; empty for what has no fingerprint."""
    return keyed("frontrow.card", fingerprint).hex() if fingerprint else ""


def count(order: Order, card_key: str, now: datetime) -> None:
    """Flag the orders that one card paid in a drop, when they are of different people and above the limit for one.

    Call it under the lock of an order that was just confirmed. Two that are paid in the same moment are counted one
    after the other, so that one of them sees both.
    """
    if not card_key:
        return
    card = lock(order.drop_id, card_key)
    if card.flagged_at and not card.looked_at:
        _tell([order], card.what)
        return
    orders = list(orders_of(card))
    if what := _above_limit(orders):
        _tell([order] if card.flagged_at else orders, what)
        card.flagged_at, card.what, card.looked_at, card.why = now, what[:200], None, ""
        card.save()


def count_again(order: Order, card_key: str, *, by: str, now: datetime) -> None:
    """Units of a locked order came back: what is within the limit again needs nobody."""
    known = CardInDrop.objects.filter(drop_id=order.drop_id, card_key=card_key)
    if not card_key or not known.filter(flagged_at__isnull=False, looked_at=None).exists():
        return
    card = lock(order.drop_id, card_key)
    if not _above_limit(list(orders_of(card))):
        _settle(card, by=by, why="within the limit again", now=now)


@transaction.atomic
def looks_fine(card_id: int, *, by: str, why: str, now: datetime) -> bool:
    """Staff have looked. False when somebody had before."""
    card = CardInDrop.objects.select_for_update().get(pk=card_id)
    if not card.flagged_at or card.looked_at:
        return False
    _settle(card, by=by, why=why, now=now)
    return True


def flagged() -> QuerySet[CardInDrop]:
    """Those that nobody has looked at yet."""
    return CardInDrop.objects.filter(flagged_at__isnull=False, looked_at=None)


def orders_of(card: CardInDrop) -> QuerySet[Order]:
    """The confirmed orders that it paid, oldest first."""
    paid = Order.objects.filter(drop_id=card.drop_id, payment__card_key=card.card_key, state=OrderState.CONFIRMED)
    return paid.order_by("pk")


def lock(drop_id: int, card_key: str) -> CardInDrop:
    """The row that counts a card in a drop, locked. Everybody locks it before the hot stock rows, never after."""
    CardInDrop.objects.bulk_create([CardInDrop(drop_id=drop_id, card_key=card_key)], ignore_conflicts=True)
    return CardInDrop.objects.select_for_update().get(drop_id=drop_id, card_key=card_key)


def _above_limit(orders: Sequence[Order]) -> str:
    """``5 of ROBE-M for 3 people; the limit for one is 2``; empty when it is not."""
    people = _people(orders)
    if len(people) < 2:  # one person is kept to the limit by their allowance
        return ""
    kept = _kept(orders)
    for offer in Offer.objects.filter(pk__in=kept).select_related("variant").order_by("pk"):
        granted = Allowance.objects.filter(offer=offer, person_key__in=set().union(*people)).aggregate(
            most=Max("granted")
        )
        if kept[offer.pk] > offer.per_person_limit + (granted["most"] or 0):
            limit = f"the limit for one is {offer.per_person_limit}"
            return f"{kept[offer.pk]} of {offer.variant.sku} for {len(people)} people; {limit}"
    return ""


def _people(orders: Sequence[Order]) -> list[set[str]]:
    """Whose they are: orders that are counted by a common mark are one person's."""
    people: list[set[str]] = []
    for order in orders:
        marks = set(keys_of(order))
        same = [person for person in people if person & marks]
        people = [person for person in people if not person & marks] + [marks.union(*same)]
    return people


def _kept(orders: Sequence[Order]) -> Counter[int]:
    """Units by offer, without those that were given back."""
    lines = OrderLine.objects.filter(order__in=[order.pk for order in orders]).annotate(back=Sum("refunded__quantity"))
    units: Counter[int] = Counter()
    for line in lines:
        units[line.offer_id] += line.quantity - (line.back or 0)
    return units


def _tell(orders: Sequence[Order], what: str) -> None:
    for order in orders:
        journal.record(order.subject, "card_shared", actor=journal.WORKER, why=f"One card paid: {what}")


def _settle(card: CardInDrop, *, by: str, why: str, now: datetime) -> None:
    card.looked_at, card.why = now, why[:200]
    card.save(update_fields=["looked_at", "why"])
    for order in orders_of(card):
        journal.record(order.subject, "card_looks_fine", actor=by, why=why)
