"""The books of a drop: what must be true once nothing moves any more, whatever went wrong before.

They read the database at hand and the provider's own list of charges, and know nothing of how either came about.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from django.db.models import Sum

from checkout.models import (
    Allowance,
    Cart,
    Order,
    OrderLine,
    OrderState,
    PaymentState,
    Refund,
    RefundState,
    WebhookEvent,
)
from checkout.orders import MOVES
from checkout.sandbox.errors import Json
from checkout.tokens import hashed
from drops.models import Drop, Hold, HoldState, StockItem
from merchant.models import JournalEntry
from segments.models import Footprint, Message

OVER = (OrderState.CONFIRMED, OrderState.EXPIRED, OrderState.CANCELLED)


@dataclass(frozen=True)
class Books:
    """A drop's orders, the provider's charges, and what its fans were promised (tokens by key)."""

    drop: Drop
    charges: list[Json]
    promised: Mapping[str, str] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """Everything that does not add up, in words. Nothing, when nothing was lost and nothing counted twice."""
        orders = list(Order.objects.filter(drop=self.drop).select_related("payment").order_by("pk"))
        return [*self._stock(), *self._people(orders), *self._money(orders), *self._paths(orders), *self._told(orders)]

    def _stock(self) -> Iterator[str]:
        for item in items(self.drop):
            sums = dict(Hold.objects.filter(stock_item=item).values_list("state").annotate(units=Sum("quantity")))
            sold = OrderLine.objects.filter(order__drop=self.drop, order__state=OrderState.CONFIRMED, sku=item.code)
            units = sold.aggregate(sum=Sum("quantity"))["sum"] or 0
            held, committed = sums.get(HoldState.ACTIVE, 0), sums.get(HoldState.COMMITTED, 0)
            claims = {
                f"{item.held} held, the holds say {held}": item.held == held,
                f"{item.sold} sold, the holds say {committed}": item.sold == committed,
                f"{item.sold} sold, the confirmed orders say {units}": item.sold == units,
                f"{item.held} held, {item.sold} sold, {item.available} free are not {item.total}": (
                    item.held + item.sold + item.available == item.total
                ),
                f"oversold by {-item.available}": item.available >= 0,
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
        lines = OrderLine.objects.filter(order__drop=self.drop, order__state=OrderState.CONFIRMED)
        kept = lines.aggregate(sum=Sum("quantity"))["sum"] or 0
        if used != kept:
            yield f"{used} units count against the limits, {kept} were bought"

    def _money(self, orders: list[Order]) -> Iterator[str]:
        """Every charge belongs to one order with its amount; what is not confirmed has been given back."""
        paid: dict[str, list[Json]] = {}
        for charge in self.charges:
            if charge["paid"]:
                paid.setdefault(str(charge["order"]), []).append(charge)
        everyone = set(Order.objects.filter(reference__in=paid).values_list("reference", flat=True))
        yield from (f"a charge for {reference}, which is no order" for reference in paid.keys() - everyone)
        for order in orders:
            yield from (
                f"{order} ({order.state}): {fault}" for fault in _money_of(order, paid.get(order.reference, []))
            )

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
        """One confirmation and one footprint for a confirmed order, none for another."""
        messages = Counter(Message.objects.filter(key__endswith=":confirmed").values_list("key", flat=True))
        footprints = Counter(Footprint.objects.filter(key__endswith=":purchased").values_list("key", flat=True))
        for order in orders:
            expected = int(order.confirmed_at is not None)
            for what, found in (("confirmed", messages), ("purchased", footprints)):
                if found[f"{order.subject}:{what}"] != expected:
                    yield f"{order} ({order.state}): {found[f'{order.subject}:{what}']} × {what}"


def items(drop: Drop) -> list[StockItem]:
    return list(StockItem.objects.filter(components__offer__drop=drop).distinct().order_by("code"))


def unrest(drop: Drop) -> dict[str, int]:
    """What still moves, by name and number; empty when the drop is at rest."""
    orders = Order.objects.filter(drop=drop)
    references = list(orders.values_list("reference", flat=True))
    waiting = WebhookEvent.objects.filter(processed_at=None)
    found = {
        "orders": orders.exclude(state__in=OVER).count(),
        "payments": orders.filter(payment__state=PaymentState.DUE).count(),
        "refunds": Refund.objects.filter(order__drop=drop, state__in=[RefundState.DUE, RefundState.PENDING]).count(),
        "carts": Cart.objects.filter(drop=drop, closed_at=None).exclude(expires_at=None).count(),
        "holds": Hold.objects.filter(stock_item__in=items(drop), state=HoldState.ACTIVE).count(),
        "webhooks": waiting.filter(payload__data__object__metadata__order__in=references).count(),
    }
    return {name: number for name, number in found.items() if number}


def _money_of(order: Order, charges: list[Json]) -> Iterator[str]:
    kept = sum(charge["amount"] - charge["refunded"] for charge in charges)
    if len(charges) > 1:
        yield f"charged {len(charges)} times"
    if order.state == OrderState.CONFIRMED and kept != order.total_minor:
        yield f"{kept} is kept of {order.total_minor}"
    if order.state != OrderState.CONFIRMED and kept:
        yield f"{kept} is kept"
    if (order.captured_minor, order.refunded_minor) != (
        sum(charge["amount"] for charge in charges),
        sum(charge["refunded"] for charge in charges),
    ):
        yield f"captured {order.captured_minor} and refunded {order.refunded_minor} in our ledger, not at the provider"
    if order.state == OrderState.CONFIRMED and order.payment.state != PaymentState.PAID:
        yield f"its payment is {order.payment.state}"
