"""What staff give back: whole or in part, by line, with the units back on sale or not.

Two people who press at once look at the same order: each form carries how many refunds it had *seen*. The first one in
makes the next refund; a twin that asks for the same gets that very refund, and one that asks for another is refused.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from checkout import allowances, cards, pieces, refunds
from checkout.errors import CannotRefund
from checkout.models import Order, OrderLine, OrderState, Refund, RefundLine
from checkout.orders import lock, owner_of
from checkout.totals import rounding
from drops import stock
from drops.errors import NotSold
from merchant import journal

Units = Mapping[int, int]  # order line id → units


def refund_lines(
    order_id: int,
    units: Units,
    *,
    amount_minor: int | None = None,
    restock: bool,
    seen: int,
    by: str,
    why: str,
    now: datetime,
) -> Refund:
    """Give back the money of some units, and the units too: on sale again with ``restock``, else out of the stock.

    ``amount_minor``: ``None`` for what they cost (``worth``). Raises CannotRefund, and then nothing has changed.
    """
    with transaction.atomic(durable=True):
        order = lock(order_id)
        units = {line_id: quantity for line_id, quantity in units.items() if quantity}
        amount = worth(order, units) if amount_minor is None else amount_minor
        if twin := _twin(order, seen, amount, units):
            return twin
        return give_back(order, units, amount, key=_key(order, seen), restock=restock, by=by, why=why, now=now)


def give_back(
    order: Order, units: Units, amount_minor: int, *, key: str, restock: bool, by: str, why: str, now: datetime
) -> Refund:
    """The same for a locked order, in its caller's transaction: once a ``key``. Raises CannotRefund."""
    if known := order.refunds.filter(key=key).first():
        return known
    _refuse_units(order, units)
    refund = _request(order, amount_minor, key=key, by=by, why=why, now=now)
    if units:
        _take_units(order, refund, units, restock=restock, by=by, now=now)
    return refund


def refund_amount(order_id: int, amount_minor: int, *, seen: int, by: str, why: str, now: datetime) -> Refund:
    """Give back money alone, for goodwill: the units stay the fan's. Raises CannotRefund."""
    return refund_lines(order_id, {}, amount_minor=amount_minor, restock=False, seen=seen, by=by, why=why, now=now)


def take_back(order_id: int, *, restock: bool, by: str, why: str, now: datetime) -> None:
    """Take back all units that are still the fan's, of an order whose money is not here any more: ``restock`` as with
    ``refund_lines``. No money moves. Raises CannotRefund while some is here, and where no units are left."""
    with transaction.atomic(durable=True):
        order = lock(order_id)
        if not may_be_taken_back(order):
            raise CannotRefund("Nothing of it is left to take back, or its money is here and goes back with it.")
        take_units(order, left(order), restock=restock, by=by, why=why, now=now)


def may_be_taken_back(order: Order) -> bool:
    """All of its money went back by hand, or a bank has it; and units of it are sold. Believe it under its lock."""
    gone = order.state == OrderState.CONFIRMED and order.captured_minor and not refunds.refundable(order)
    return bool(gone) and any(left(order).values())


def take_units(order: Order, units: Units, *, restock: bool, by: str, why: str, now: datetime) -> None:
    """Units of a locked order whose money goes, or went, another way. Raises CannotRefund."""
    units = {line_id: quantity for line_id, quantity in units.items() if quantity}
    _refuse_units(order, units)
    _take_units(order, None, units, restock=restock, by=by, why=why, now=now)


def left(order: Order) -> dict[int, int]:
    """The units of each line that were not given back yet."""
    lines = order.lines.annotate(back=Sum("refunded__quantity"))
    return {line.pk: line.quantity - (line.back or 0) for line in lines}


def worth(order: Order, units: Units) -> int:
    """What was paid for these units; with the last of them everything that is still ours, delivery included."""
    may = refunds.refundable(order)
    still = left(order)
    if units and all(units.get(line_id, 0) == quantity for line_id, quantity in still.items()):
        return may
    return min(sum(_paid(line, units.get(line.pk, 0), still[line.pk]) for line in order.lines.all()), may)


def _paid(line: OrderLine, units: int, still: int) -> int:
    """What the fan paid for some of the units that are still theirs: after discounts, with tax that came on top."""
    units = min(units, still)
    return rounding.part(line.paid_minor, units, of=line.quantity, after=line.quantity - still)


def _key(order: Order, seen: int) -> str:
    return f"{order.reference}:refund:{seen + 1}"


def _twin(order: Order, seen: int, amount_minor: int, units: Units) -> Refund | None:
    """The refund that this very form, or its twin, asked for before."""
    if order.refunds.count() == seen:
        return None
    twin = order.refunds.filter(key=_key(order, seen)).first()
    # What units are worth was changed by the twin itself; for money alone the amount must agree.
    same = twin is not None and (units or twin.amount_minor == amount_minor)
    if twin is not None and same and dict(twin.lines.values_list("line_id", "quantity")) == units:
        return twin
    raise CannotRefund("Somebody else refunded this order meanwhile. Look at it again.")


def _refuse_units(order: Order, units: Units) -> None:
    if units and order.state != OrderState.CONFIRMED:
        raise CannotRefund("Only the units of a confirmed order can be given back.")
    still = left(order)
    for line_id, quantity in units.items():
        if not 0 < quantity <= still.get(line_id, 0):
            raise CannotRefund(f"Only {still.get(line_id, 0)} units of that line are left to give back.")


def _request(order: Order, amount_minor: int, *, key: str, by: str, why: str, now: datetime) -> Refund:
    if amount_minor < 1:
        raise CannotRefund("Nothing of this order's money is left to give back.")
    if not order.payment.intent_id and not refunds.is_by_hand(order):
        raise CannotRefund("It was not paid through the payment provider: give the money back the way it came.")
    return refunds.request(order, amount_minor, key=key, reason=why, now=now, by=by)


def _take_units(
    order: Order, refund: Refund | None, units: Units, *, restock: bool, by: str, why: str = "", now: datetime
) -> None:
    """Stock last: its rows are hot."""
    lines = list(OrderLine.objects.filter(order=order, pk__in=units))
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, line=line, quantity=units[line.pk], restocked=restock) for line in lines
    )
    sold = [(line, units[line.pk]) for line in lines]
    offers = [(line.offer_id, many) for line, many in sold]
    skus = {line.sku: units[line.pk] for line in lines}
    verb = "units_back_on_sale" if restock else "units_written_off"
    journal.record(order.subject, verb, actor=by, why=why, data=skus)
    cards.count_again(order, order.payment.card_key, by=by, now=now)  # before the allowances, as a late payment does
    allowances.give_back_some(order, offers)
    try:
        stock.take_back_some(owner_of(order), pieces.of_lines(sold), restock=restock)
    except NotSold as error:
        raise CannotRefund("These units are not this order's any more. Refund an amount instead.") from error
