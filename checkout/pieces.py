"""What an order's lines took from stock when they were sold: a set may consist of something else by now."""

from collections.abc import Iterable

from checkout.models import Order, OrderLine
from drops import stock
from drops.stock import Need


def of_order(order: Order) -> list[Need]:
    """All that its lines took, ascending by item."""
    return of_lines((line, line.quantity) for line in order.lines.all())


def of_lines(units: Iterable[tuple[OrderLine, int]]) -> list[Need]:
    """What so many units of these lines took, ascending by item.

    A line that a release before this one wrote does not know it: of that today's parts are the best that is known.
    """
    lines = list(units)
    sold = [Need(item_id, each * many, line.sku) for line, many in lines for item_id, each in line.parts]
    unknown = [(line.offer_id, many) for line, many in lines if not line.parts]
    return stock.summed([*sold, *(stock.needs(unknown) if unknown else ())])
