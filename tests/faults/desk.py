"""The people of the shop while a drop sells: refunds, the pick-up desk, and fans on the telephone.

They use the shop's own verbs, twice where a person would press twice, and again where the database was away.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
from django.db import DatabaseError, connection

from checkout import pickup, returns
from checkout.models import Order, OrderState, PaymentPath, PaymentState
from drops.models import Drop
from merchant import journal
from merchant.clock import now

STAFF = journal.staff("desk")
GOODWILL_MINOR = 500
HANGS_UP_SECONDS = 2.0


@dataclass(frozen=True)
class Form:
    """A refund as it was typed in: sent again it is the same one."""

    order: Order
    units: Mapping[int, int]
    amount_minor: int | None
    restock: bool = True


@dataclass
class Desk:
    """What they did in one drop, for the books: money by order, units by item."""

    drop: Drop
    provider: str
    gave_back: dict[str, int] = field(default_factory=dict)
    wrote_off: Counter[str] = field(default_factory=Counter)
    _forms: dict[int, Form] = field(default_factory=dict)
    _called: set[int] = field(default_factory=set)

    def work(self) -> None:
        """One look at everything that waits for them. What the database did not take is done the next time."""
        try:
            self._refund()
            self._hand_over()
            for order in self._callers():
                self._take_their_money(order)
        except DatabaseError:
            connection.close()

    def _refund(self) -> None:
        for order in self._orders(OrderState.CONFIRMED, payment__state=PaymentState.PAID, refunds=None):
            if (form := _form(order)) is not None:
                self._forms.setdefault(order.pk, form)
        for form in self._forms.values():
            if form.order.reference not in self.gave_back:
                self._send(form)

    def _send(self, form: Form) -> None:
        """A double click."""
        for _ in range(2):
            refund = returns.refund_lines(
                form.order.pk,
                form.units,
                amount_minor=form.amount_minor,
                restock=form.restock,
                seen=0,
                by=STAFF,
                why="asked for",
                now=now(),
            )
        self.gave_back[form.order.reference] = refund.amount_minor
        if not form.restock:
            self.wrote_off.update({line.sku: line.quantity for line in form.order.lines.all()})

    def _hand_over(self) -> None:
        """Of three that wait to be picked up one is collected, one given up after its date, one waits on."""
        for order in pickup.waiting().filter(drop=self.drop):
            if order.pk % 3 == 0:
                pickup.collect(order.pk, by=STAFF)
            elif order.pk % 3 == 1:
                Order.objects.filter(pk=order.pk).update(hold_expires_at=now())

    def _callers(self) -> Iterator[Order]:
        """Fans whose order ended and who want to pay all the same, each once."""
        for state in (OrderState.EXPIRED, OrderState.CANCELLED):
            for order in self._orders(state):
                if order.pk % 3 == 0 and order.pk not in self._called:
                    self._called.add(order.pk)
                    yield order

    def _take_their_money(self, order: Order) -> None:
        """The mistake that brings money too late: a card is taken in the provider's dashboard for an order that ended.
        Where the drop charges when it is certain, they only set the amount aside.

        Whether it worked they may never know; whoever wants to can see it at the provider.
        """
        payment = {
            "amount": order.total_minor,
            "currency": order.currency.lower(),
            "capture_method": self.drop.capture_method,
            "payment_method": "pm_card_visa",
            "payment_method_types[]": "card",
            "confirm": "true",
            "metadata[order]": order.reference,
        }
        key = {"Authorization": "Bearer sk_test_frontrow", "Idempotency-Key": f"telephone:{order.reference}"}
        try:
            httpx.post(
                f"{self.provider}/v1/payment_intents",
                data=payment,
                headers=key,
                timeout=HANGS_UP_SECONDS,
                trust_env=False,
            )
        except httpx.HTTPError:
            return

    def _orders(self, state: OrderState, **more: object) -> list[Order]:
        orders = Order.objects.filter(drop=self.drop, state=state, **more).exclude(payment__path=PaymentPath.PICKUP)
        return list(orders.prefetch_related("lines").order_by("pk"))


def _form(order: Order) -> Form | None:
    """Of eight paid orders one goes back whole, one in part, and of one the unit comes back broken."""
    line = order.lines.all()[0]
    forms = {
        0: Form(order, {line.pk: line.quantity}, None),
        1: Form(order, {}, GOODWILL_MINOR),
        2: Form(order, {line.pk: line.quantity}, line.unit_price_minor, restock=False),
    }
    return forms.get(order.pk % 8)
