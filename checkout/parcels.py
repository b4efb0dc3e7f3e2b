"""Parcels of an order: what left, what arrived, what is still here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Sum

from checkout import notify
from checkout.after_sale import FanRequestLine, RequestState, Shipment, ShipmentLine
from checkout.errors import CannotShip
from checkout.models import Order, OrderState, PaymentPath, RefundLine
from checkout.orders import lock
from checkout.quote import PICKUP
from merchant import journal
from merchant.models import JournalEntry
from policies.rules import DIGITAL

CLOCKS_DIFFER = timedelta(minutes=5)


def ship(
    order_id: int,
    units: Mapping[int, int],
    *,
    carrier: str,
    tracking: str,
    shipped_at: datetime,
    key: str,
    by: str,
    now: datetime,
) -> Shipment:
    """Record a parcel of some units (order line id → units), once a ``key``, and tell the fan. Raises CannotShip."""
    with transaction.atomic(durable=True):
        order = lock(order_id)
        units = {line_id: quantity for line_id, quantity in units.items() if quantity}
        if twin := _twin(key, units):
            return twin
        _refuse(order, units, shipped_at, now)
        parcel = Shipment.objects.create(
            order=order, carrier=carrier, tracking=tracking, shipped_at=shipped_at, key=key
        )
        ShipmentLine.objects.bulk_create(
            ShipmentLine(shipment=parcel, line_id=line_id, quantity=quantity) for line_id, quantity in units.items()
        )
        skus = dict(order.lines.values_list("pk", "sku"))
        data = {"parcel": parcel.pk, "units": {skus[line_id]: quantity for line_id, quantity in units.items()}}
        # Not its number: that leads to an address, and the journal is for good.
        journal.record(order.subject, "shipped", actor=by, why=carrier, data=data)
        _tell_shipped(order, parcel, rest=sum(waiting(order).values()))
        return parcel


def deliver(parcel_id: int, *, delivered_at: datetime, by: str, now: datetime) -> bool:
    """Record when a parcel was received; False when somebody has already. Raises CannotShip for an impossible time.

    The day counts: the time to withdraw runs from the last parcel's.
    """
    with transaction.atomic(durable=True):
        order = lock(Shipment.objects.values_list("order_id", flat=True).get(pk=parcel_id))
        parcel = Shipment.objects.get(pk=parcel_id)
        if delivered_at < parcel.shipped_at or delivered_at > now + CLOCKS_DIFFER:
            raise CannotShip("It can have arrived only after it left, and not in the future.")
        if not Shipment.objects.filter(pk=parcel_id, delivered_at=None).update(delivered_at=delivered_at):
            return False
        data = {"parcel": parcel_id, "at": delivered_at.isoformat()}
        journal.record(order.subject, "delivered", actor=by, data=data)
        return True


def waiting(order: Order, shipped: Mapping[int, int] | None = None) -> dict[int, int]:
    """The units of each line that are still here and still the fan's. ``shipped``: ``shipped_units``, if known.

    None of what is digital: it is never sent.
    """
    shipped = shipped_units(order) if shipped is None else shipped
    return {line.pk: 0 if line.is_digital else line.units for line in _unsent(order, shipped)}


def awaited(order: Order, shipped: Mapping[int, int]) -> dict[int, int]:
    """The units of each line that a ship date is about: those that wait to be sent.

    An order that is digital as a whole waits for the day on which it can be used: then all of it.
    """
    lines = _unsent(order, shipped)
    is_digital = all(line.is_digital for line in lines)
    return {line.pk: line.units if is_digital or not line.is_digital else 0 for line in lines}


class _Unsent(NamedTuple):
    pk: int
    units: int
    is_digital: bool


def _unsent(order: Order, shipped: Mapping[int, int]) -> list[_Unsent]:
    gone = _given_back_unshipped(order)
    lines = order.lines.values_list("pk", "quantity", "tags")
    return [
        _Unsent(pk, max(quantity - shipped.get(pk, 0) - gone.get(pk, 0), 0), DIGITAL in tags)
        for pk, quantity, tags in lines
    ]


def shipped_units(order: Order) -> dict[int, int]:
    """The units of each line that have left us: in parcels, or all of them over the counter."""
    if order.shipping_option == PICKUP and _collected_at(order):
        return dict(order.lines.values_list("pk", "quantity"))
    found = ShipmentLine.objects.filter(shipment__order=order).order_by().values_list("line_id")
    return dict(found.annotate(Sum("quantity")))


def receipts(order: Order, here: Mapping[int, int]) -> list[datetime | None]:
    """When each parcel was received; ``None`` for one that was not, and for units that wait (``here``).

    Of what is sent alone: nothing digital is received.
    """
    if order.shipping_option == PICKUP:
        return [_collected_at(order)]
    found = list(Shipment.objects.filter(order=order).values_list("delivered_at", flat=True))
    return [*found, None] if sum(here.values()) or not found else found


def _collected_at(order: Order) -> datetime | None:
    deed = JournalEntry.objects.filter(subject=order.subject, verb="collected")
    return deed.order_by("id").values_list("at", flat=True).first()


def _given_back_unshipped(order: Order) -> dict[int, int]:
    """Units given back that never left: all that were given back, less those that came back by parcel."""
    back = dict(
        RefundLine.objects.filter(line__order=order).order_by().values_list("line_id").annotate(Sum("quantity"))
    )
    came = dict(
        FanRequestLine.objects.filter(request__order=order, request__state=RequestState.REFUNDED)
        .exclude(request__received_at=None)
        .order_by()
        .values_list("line_id")
        .annotate(Sum("quantity"))
    )
    return {line_id: max(quantity - came.get(line_id, 0), 0) for line_id, quantity in back.items()}


def _twin(key: str, units: Mapping[int, int]) -> Shipment | None:
    """What this very form recorded before."""
    known = Shipment.objects.filter(key=key).first()
    if known is not None and dict(known.lines.values_list("line_id", "quantity")) != units:
        raise CannotShip("Somebody recorded another parcel of this order meanwhile. Look at it again.")
    return known


def _refuse(order: Order, units: Mapping[int, int], shipped_at: datetime, now: datetime) -> None:
    if order.state != OrderState.CONFIRMED or order.payment.path == PaymentPath.PICKUP:
        raise CannotShip("Only a confirmed order that is to be sent can be shipped.")
    if not units:
        raise CannotShip("Say what is in the parcel.")
    if shipped_at > now + CLOCKS_DIFFER:
        raise CannotShip("It cannot have left in the future.")
    still = waiting(order)
    for line_id, quantity in units.items():
        if not 0 < quantity <= still.get(line_id, 0):
            raise CannotShip(f"Only {still.get(line_id, 0)} units of that line are left to send.")


def _tell_shipped(order: Order, parcel: Shipment, *, rest: int) -> None:
    way = " ".join(filter(None, [parcel.carrier, parcel.tracking]))
    said = [f"It left with {way}." if way else "It has left."]
    if rest:
        said.append("The rest of your order follows in another parcel.")
    headline = "On its way to you"
    notify.after_sale(order, f"shipped:{parcel.pk}", f"{headline}: {order.reference}", headline=headline, said=said)
