"""The books of a drop: what must be true once nothing moves any more, whatever went wrong before.

They read the database at hand and the provider's own list of charges, and know nothing of how either came about.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.db.models import QuerySet, Sum

from checkout import pickup
from checkout.models import (
    Allowance,
    Cart,
    Order,
    OrderLine,
    OrderState,
    PaymentPath,
    PaymentState,
    Refund,
    RefundLine,
    RefundState,
    WebhookEvent,
)
from checkout.orders import MOVES
from checkout.sandbox.errors import Json
from checkout.tokens import hashed
from checkout.waiting_list import OPEN as IN_LINE
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Capture, Drop, Hold, HoldState, OwnerKind, StockItem
from merchant import journal
from merchant.clock import now
from merchant.models import JournalEntry
from segments.models import Footprint, Message

MOVING = (PaymentState.DUE, PaymentState.AUTHORISED, PaymentState.LETTING_GO)
COMMITTED = timedelta(seconds=5)  # a place is numbered a moment before it is seen by others
OVER = (OrderState.CONFIRMED, OrderState.EXPIRED, OrderState.CANCELLED)


@dataclass(frozen=True)
class Books:
    """A drop's orders, the provider's charges, what its fans were promised (orders' tokens by key, and those of places
    on its waiting list), and what staff did.

    ``each``: the units of every size that there were at the beginning. ``gave_back``: minor units by order.
    """

    drop: Drop
    each: int
    charges: list[Json]
    promised: Mapping[str, str] = field(default_factory=dict)
    gave_back: Mapping[str, int] = field(default_factory=dict)
    wrote_off: Mapping[str, int] = field(default_factory=dict)
    places: Collection[str] = ()

    def faults(self) -> list[str]:
        """Everything that does not add up, in words. Nothing, when nothing was lost and nothing counted twice."""
        orders = list(Order.objects.filter(drop=self.drop).select_related("payment").order_by("pk"))
        return [
            *self._stock(),
            *self._people(orders),
            *self._money(orders),
            *self._set_aside(orders),
            *self._paths(orders),
            *self._told(orders),
            *WaitingLine(self.drop, self.places).faults(),
        ]

    def _stock(self) -> Iterator[str]:
        for item in items(self.drop):
            sums = dict(Hold.objects.filter(stock_item=item).values_list("state").annotate(units=Sum("quantity")))
            units, total = self._bought(sku=item.code), self.each - self.wrote_off.get(item.code, 0)
            held, committed = sums.get(HoldState.ACTIVE, 0), sums.get(HoldState.COMMITTED, 0)
            waited = sums.get(HoldState.AWAITED, 0)
            claims = {
                f"{item.held} held, the holds say {held}": item.held == held,
                f"{item.sold} sold, the holds say {committed}": item.sold == committed,
                f"{item.sold} sold, the confirmed orders say {units}": item.sold == units,
                f"{item.awaited} waited for, the claims say {waited}": item.awaited == waited,
                f"{item.held} held, {item.sold} sold, {item.free} free are not {total}": (
                    item.held + item.sold + item.free == item.total == total
                ),
                f"{item.available} on sale with {item.free} free and {item.awaited} waited for": (
                    item.available == item.free - item.awaited
                ),
                f"oversold by {-item.free}": item.free >= 0,
            }
            yield from (f"{item.code}: {claim}" for claim, holds in claims.items() if not holds)

    def _people(self, orders: list[Order]) -> Iterator[str]:
        """Whoever was promised an order has it, once; and what counts against their limit is what they have."""
        known = {order.token_hash for order in orders}
        lost = [token for token in self.promised.values() if hashed(token) not in known]
        if lost:
            yield f"{len(lost)} orders were promised and are lost"
        for email, number in Counter(order.email for order in orders).items():
            if number > 1:
                yield f"{email} has {number} orders"
        used = Allowance.objects.filter(offer__drop=self.drop).aggregate(sum=Sum("used"))["sum"] or 0
        if used != self._bought():
            yield f"{used} units count against the limits, {self._bought()} were bought"

    def _bought(self, **line: str) -> int:
        """Units of confirmed orders, less those that came back."""
        lines = OrderLine.objects.filter(order__drop=self.drop, order__state=OrderState.CONFIRMED, **line)
        came_back = RefundLine.objects.filter(line__in=lines).aggregate(sum=Sum("quantity"))["sum"] or 0
        return (lines.aggregate(sum=Sum("quantity"))["sum"] or 0) - came_back

    def _money(self, orders: list[Order]) -> Iterator[str]:
        """Every charge belongs to one order with its amount; what is not confirmed has been given back, and what is
        confirmed as far as staff said. What is paid at the desk is no charge, and what a bank set aside is no money:
        but in the end nothing is left set aside that nobody will take."""
        paid: dict[str, list[Json]] = {}
        for charge in self.charges:
            if charge["authorised"]:
                yield f"{charge['order']}: {charge['amount']} is still set aside at a bank"
            if charge["paid"]:
                paid.setdefault(str(charge["order"]), []).append(charge)
        everyone = set(Order.objects.filter(reference__in=paid).values_list("reference", flat=True))
        yield from (f"a charge for {reference}, which is no order" for reference in paid.keys() - everyone)
        for order in orders:
            charges, gave_back = paid.get(order.reference, []), self.gave_back.get(order.reference, 0)
            picked_up = order.payment.path == PaymentPath.PICKUP
            faults = _money_at_the_desk(order, charges) if picked_up else _money_of(order, charges, gave_back)
            yield from (f"{order} ({order.state}): {fault}" for fault in faults)

    def _set_aside(self, orders: list[Order]) -> Iterator[str]:
        """Where a drop charges when it is certain: an order that ended was never charged, not even to be refunded; one
        that is confirmed was taken from what a bank had set aside; and what was let go was let go once."""
        if self.drop.capture != Capture.WHEN_CERTAIN:
            return
        charged = {str(charge["order"]) for charge in self.charges if charge["paid"]}
        for order in orders:
            verbs = _verbs(order.subject)
            if order.state != OrderState.CONFIRMED and order.reference in charged:
                yield f"{order} ({order.state}): captured, though it ended"
            if order.state == OrderState.CONFIRMED and order.reference in charged and not verbs["authorised"]:
                yield f"{order}: captured, and no bank had set it aside"
            if order.payment.is_authorised:
                yield f"{order} ({order.state}): its payment is {order.payment.state}, and still set aside"
            yield from (f"{order}: {verbs[verb]} × {verb}" for verb in ("letting_go", "let_go") if verbs[verb] > 1)

    def _paths(self, orders: list[Order]) -> Iterator[str]:
        subjects = {order.subject: order for order in orders}
        steps: dict[str, list[str]] = {subject: [] for subject in subjects}
        entries = JournalEntry.objects.filter(subject__in=subjects, verb__in=OrderState.values).order_by("pk")
        for subject, verb in entries.values_list("subject", "verb"):
            steps[subject].append(verb)
        for subject, path in steps.items():
            order = subjects[subject]
            if order.state not in OVER:
                yield f"{order} still moves: {order.state}"
            if not path or path[0] != OrderState.PLACED or path[-1] != order.state:
                yield f"{order} is {order.state}, its journal says {path}"
            yield from (f"{order}: {here} to {there}" for here, there in pairwise(path) if there not in MOVES[here])

    def _told(self, orders: list[Order]) -> Iterator[str]:
        """One confirmation and one footprint for what was bought; for what is to be picked up another message, and the
        footprint when it is collected. None for another order."""
        kinds = ("confirmed", "pickup")
        messages = {kind: Counter(_keys(Message.objects.all(), kind)) for kind in kinds}
        found = messages | {"purchased": Counter(_keys(Footprint.objects.all(), "purchased"))}
        for order in orders:
            picked_up, confirmed = order.payment.path == PaymentPath.PICKUP, order.confirmed_at is not None
            expected = {
                "confirmed": confirmed and not picked_up,
                "pickup": picked_up,
                "purchased": order.payment.state == PaymentState.PAID if picked_up else confirmed,
            }
            for what, once in expected.items():
                if (times := found[what][f"{order.subject}:{what}"]) != int(once):
                    yield f"{order} ({order.state}): {times} × {what}"


def _keys(rows: QuerySet[Any], what: str) -> Iterable[str]:
    return rows.filter(key__endswith=f":{what}").values_list("key", flat=True)


@dataclass(frozen=True)
class WaitingLine:
    """A drop's waiting list once the drop is over, and the places that its fans were promised, by their tokens."""

    drop: Drop
    promised: Collection[str]

    def faults(self) -> Iterator[str]:
        """Everybody who was promised a place had it; each has ended in one way, told once, and claims nothing any more;
        what was offered became one order of that very fan, or none; and nobody was served before those ahead."""
        places = list(WaitingPlace.objects.filter(drop=self.drop).select_related("order", "cart").order_by("pk"))
        known = {place.token_hash for place in places}
        if lost := sum(hashed(token) not in known for token in self.promised):
            yield f"{lost} places in line were promised and are lost"
        for place in places:
            faults = _faults_of_a_paid_place(place) if place.order else _faults_of_a_place(place)
            yield from (f"{place.subject} ({place.state}): {fault}" for fault in (*_ending_of(place), *faults))
        yield from _overtaken(places)


def _overtaken(places: list[WaitingPlace]) -> Iterator[str]:
    """Whoever was in line for as much or less, and clearly before an offer was made to somebody behind them, had left
    the line or had an offer themselves by then. (Who has paid is served before all others, and staff as they like.)"""
    ways = {place: _way(place) for place in places if place.order_id is None}
    for behind, (offered, _) in ways.items():
        for ahead, (_, ended) in ways.items():
            if not _stands_ahead(ahead, behind) or offered is None or offered.actor != journal.WORKER:
                continue
            if ahead.since < offered.at - COMMITTED and (ended is None or ended.pk > offered.pk):
                yield f"{ahead.subject} ({ahead.state}): was overtaken by {behind.subject}"


def _way(place: WaitingPlace) -> tuple[JournalEntry | None, JournalEntry | None]:
    """When it was offered what it waits for, and when it first was in line no more."""
    steps = JournalEntry.objects.filter(subject=place.subject, verb__in=PlaceState.values).order_by("pk")
    return next((step for step in steps if step.verb == PlaceState.OFFERED), None), steps.first()


def _stands_ahead(ahead: WaitingPlace, behind: WaitingPlace) -> bool:
    return ahead.pk < behind.pk and ahead.offer_id == behind.offer_id and ahead.quantity <= behind.quantity


def _ending_of(place: WaitingPlace) -> Iterator[str]:
    verbs = _verbs(place.subject)
    path = {verb: verbs[verb] for verb in ("joined", *PlaceState.values) if verbs[verb]}
    offered = {str(PlaceState.OFFERED): 1} if place.cart_id else {}
    if path != {"joined": 1, **offered, place.state: 1}:
        yield f"its journal says {path}"
    if place.state in IN_LINE:
        yield "is still in line"
    if Hold.objects.filter(owner_kind=OwnerKind.PLACE, owner_ref=str(place.pk), state=HoldState.AWAITED).exists():
        yield "still claims units"


def _faults_of_a_place(place: WaitingPlace) -> Iterator[str]:
    orders = list(Order.objects.filter(cart=place.cart_id)) if place.cart_id else []
    if len(orders) != int(place.state == PlaceState.BOUGHT):
        yield f"{len(orders)} orders of its offer"
    yield from (f"its offer is the order of {order.email}" for order in orders if order.email != place.email)
    expected = {
        "joined": True,
        "offered": place.cart_id is not None,
        "lapsed": place.state == PlaceState.LAPSED,
        "closed": place.state == PlaceState.CLOSED,
    }
    for what, once in expected.items():
        if (times := Message.objects.filter(key=f"{place.subject}:{what}").count()) != int(once):
            yield f"{times} × {what}"


def _faults_of_a_paid_place(place: WaitingPlace) -> Iterator[str]:
    """It belongs to an order that was paid, or set aside, too late."""
    assert place.order is not None
    if (place.state == PlaceState.BOUGHT) != (place.order.state == OrderState.CONFIRMED):
        yield f"{place.order} is {place.order.state}"


def _verbs(subject: str) -> Counter[str]:
    return Counter(JournalEntry.objects.filter(subject=subject).values_list("verb", flat=True))


def items(drop: Drop) -> list[StockItem]:
    return list(StockItem.objects.filter(components__offer__drop=drop).distinct().order_by("code"))


def unrest(drop: Drop) -> dict[str, int]:
    """What still moves, by name and number; empty when the drop is at rest."""
    orders = Order.objects.filter(drop=drop)
    given_up = pickup.waiting().filter(drop=drop, hold_expires_at__lte=now())
    references = list(orders.values_list("reference", flat=True))
    waiting = WebhookEvent.objects.filter(processed_at=None)
    found = {
        "orders": orders.exclude(state__in=OVER).count(),
        "payments": orders.filter(payment__state__in=MOVING).count(),
        "pick-ups": given_up.count(),
        "refunds": Refund.objects.filter(order__drop=drop, state__in=[RefundState.DUE, RefundState.PENDING]).count(),
        "places": WaitingPlace.objects.filter(drop=drop, state__in=IN_LINE).count(),
        "carts": Cart.objects.filter(drop=drop, closed_at=None).exclude(expires_at=None).count(),
        "holds": Hold.objects.filter(stock_item__in=items(drop), state=HoldState.ACTIVE).count(),
        "webhooks": waiting.filter(payload__data__object__metadata__order__in=references).count(),
    }
    return {name: number for name, number in found.items() if number}


def unheard(drop: Drop, charges: list[Json]) -> int:
    """How many of these charges are paid and not in the shop's ledger yet, or still set aside at a bank."""
    captured = dict(Order.objects.filter(drop=drop).values_list("reference", "captured_minor"))
    ours = [charge for charge in charges if str(charge["order"]) in captured]
    return sum(charge["authorised"] or (charge["paid"] and not captured[str(charge["order"])]) for charge in ours)


def came_late(drop: Drop) -> int:
    """Orders whose money came after they had ended."""
    subjects = [order.subject for order in Order.objects.filter(drop=drop)]
    return JournalEntry.objects.filter(subject__in=subjects, verb=OrderState.LATE_PAID).count()


def _money_of(order: Order, charges: list[Json], gave_back: int) -> Iterator[str]:
    captured = sum(charge["amount"] for charge in charges)
    refunded = sum(charge["refunded"] for charge in charges)
    confirmed = order.state == OrderState.CONFIRMED
    if len(charges) > 1:
        yield f"charged {len(charges)} times"
    if confirmed and (captured, refunded) != (order.total_minor, gave_back):
        yield f"{captured} came of {order.total_minor}, {refunded} went back of {gave_back}"
    if not confirmed and captured != refunded:
        yield f"{captured - refunded} is kept"
    if (order.captured_minor, order.refunded_minor) != (captured, refunded):
        yield f"captured {order.captured_minor} and refunded {order.refunded_minor} in our ledger, not at the provider"
    if confirmed and order.payment.state != PaymentState.PAID:
        yield f"its payment is {order.payment.state}"


def _money_at_the_desk(order: Order, charges: list[Json]) -> Iterator[str]:
    """All of it once it is collected, nothing before or when nobody came; never at the provider."""
    collected = order.payment.state == PaymentState.PAID
    if charges:
        yield "paid at the desk, and charged"
    ledger = (order.captured_minor, order.refunded_minor)
    if ledger != (order.total_minor if collected else 0, 0):
        yield f"captured and refunded {ledger}, its payment is {order.payment.state}"
    if collected and order.state != OrderState.CONFIRMED:
        yield "collected"
