"""Orders in every state. Stock moves through its verbs, so Σ held and Σ sold are those of the orders, exactly.

The money is pretended: ids begin with ``pi_demo_``, and each payment is in a state in which no worker asks about it.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction

from checkout import notify
from checkout.models import Order, OrderLine, OrderState, Payment, Refund, RefundState, WebhookEvent
from checkout.orders import owner_of
from checkout.quote import Quote, quote
from checkout.tokens import ALPHABET, hashed, order_token
from drops import stock
from drops.models import Drop
from merchant import journal
from merchant.demo.seed_catalogue import CLOSED, LIVE, STANDING
from merchant.demo.seed_fans import LEAST_FANS, email_of
from merchant.demo.seed_journal import Story
from merchant.demo.seed_pasts import STILL_OPEN, Past, pasts_of
from policies import acceptance
from policies.acceptance import Answer, Occasion, Person
from policies.models import Surface
from segments import footprints
from segments.models import Fan, FootprintKind, Message, MessageState

OPEN_FOR = timedelta(hours=24)  # longer than a real hold, so that the demo still shows every state tomorrow
SLOW = timedelta(days=14)  # as long as the shop waits for a bank
TOWNS = {
    "DE": ("Leipzig", "04109"), "AT": ("Graz", "8010"), "FR": ("Lyon", "69001"), "NL": ("Utrecht", "3511"),
    "DK": ("Aarhus", "8000"), "SE": ("Malmö", "211 20"), "CH": ("Bern", "3011"), "GB": ("Leeds", "LS1 1UR"),
}  # fmt: skip
GOODWILL_FOR = 7


def seed_orders(now: datetime, story: Story) -> None:
    """Orders for the drops that had or have some; nothing for a drop that has orders already."""
    dice = random.Random(7)  # noqa: S311  # the same orders at every seeding
    for slug in (CLOSED, STANDING, LIVE):
        drop = Drop.objects.get(slug=slug)
        pasts = pasts_of(drop, dice, now)
        if not drop.orders.exists():
            _Writer(drop, dice, now, story).write(pasts)


class _Writer:
    def __init__(self, drop: Drop, dice: random.Random, now: datetime, story: Story) -> None:
        self.drop, self.dice, self.now, self.story = drop, dice, now, story
        self.fans = {fan.email: fan for fan in Fan.objects.filter(email__in=map(email_of, range(1, LEAST_FANS)))}

    def write(self, pasts: list[Past]) -> None:
        # Agreed before the transaction: policies are remembered only outside of one.
        agreements = [(past, *self._agree(past)) for past in pasts]
        with transaction.atomic():
            orders = Order.objects.bulk_create(self._order(*each) for each in agreements)
            agreed = [(order, *each) for order, each in zip(orders, agreements, strict=True)]
            OrderLine.objects.bulk_create(line for order, _, _, quoted in agreed for line in _lines(order, quoted))
            Payment.objects.bulk_create(self._payment(order, past) for order, past, _, _ in agreed)
            for order, past, fan, quoted in agreed:
                self._promises(order, quoted, past)
                self._units(order, quoted, past)
                self._money(order, past)
                self._tell(order, past, fan)
            self.story.write()

    def _agree(self, past: Past) -> tuple[Fan, Quote]:
        fan = self.fans[email_of(past.number)]
        return fan, quote(self.drop, past.wanted, country=fan.country, now=past.placed_at)

    def _order(self, past: Past, fan: Fan, agreed: Quote) -> Order:
        nonce = self.dice.randbytes(16).hex()
        still_open = past.state in STILL_OPEN
        open_for = SLOW if past.state == OrderState.PROCESSING else OPEN_FOR
        until = self.now + open_for if still_open else past.placed_at + timedelta(minutes=self.drop.hold_minutes)
        return Order(
            reference="FR-" + "".join(self.dice.choices(ALPHABET, k=10)),
            token_hash=hashed(order_token(nonce)),
            token_nonce=nonce,
            drop=self.drop,
            state=past.state,
            email=fan.email,
            name=fan.name,
            phone=fan.phone,
            address=_address(past.number, fan.country),
            shipping_option=agreed.shipping_option,
            subtotal_minor=agreed.subtotal_minor,
            shipping_title=agreed.shipping_title,
            shipping_minor=agreed.shipping_minor,
            discount_minor=agreed.discount_minor,
            tax_minor=agreed.tax_minor,
            tax_added_minor=agreed.tax_added_minor,
            tax_title=agreed.tax_title,
            total_minor=agreed.total_minor,
            captured_minor=agreed.total_minor if past.ending.paid else 0,
            currency=agreed.currency,
            placed_reply={"status": "placed", "total": agreed.total.as_json(), "hold_expires_at": until.isoformat()},
            placed_at=past.placed_at,
            hold_expires_at=until,
            hard_cap_at=max(until, past.placed_at + timedelta(minutes=self.drop.hard_cap_minutes)),
            deferral_ends_at=max(until, past.placed_at + timedelta(minutes=self.drop.deferral_minutes)),
            state_since=past.ended_at,
            confirmed_at=past.ended_at if past.state == OrderState.CONFIRMED else None,
        )

    def _payment(self, order: Order, past: Past) -> Payment:
        ending = past.ending
        return Payment(
            order=order,
            state=ending.payment,
            intent_id=f"pi_demo_{order.reference[3:]}" if ending.at_provider else "",
            charge_id=f"ch_demo_{order.reference[3:]}" if ending.paid else "",
            provider_status=ending.provider_status,
            error_code=ending.error[0],
            error_message=ending.error[1],
            tries=3 if past.state == OrderState.DEFERRED else 0,
            due_at=self.now + OPEN_FOR if past.state in STILL_OPEN else past.placed_at,
        )

    def _promises(self, order: Order, agreed: Quote, past: Past) -> None:
        answers = [Answer(policy.id, policy.sha256, accepted=policy.mandatory or None) for policy in agreed.policies]
        acceptance.record(
            order.reference,
            agreed.policies,
            answers,
            Occasion(
                Surface.CHECKOUT,
                shown_at=past.placed_at - timedelta(seconds=self.dice.randint(25, 180)),
                answered_at=past.placed_at,
                person=Person(f"192.0.2.{past.number % 250 + 1}", "Demo browser", order.email),
            ),
        )

    def _units(self, order: Order, agreed: Quote, past: Past) -> None:
        owner = owner_of(order)
        wanted = stock.needs([(line.offer_id, line.quantity) for line in agreed.lines])
        stock.hold(wanted, owner=owner, expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)
        if past.state == OrderState.CONFIRMED:
            stock.commit(owner)
        elif past.state not in STILL_OPEN:
            stock.release(owner)

    def _money(self, order: Order, past: Past) -> None:
        """What the provider told us, and what went back."""
        if past.ending.paid and self.drop.slug == LIVE:
            self._doorbell(order.payment, order.state_since)
        if past.state == OrderState.LATE_PAID:
            _refund(order, "late", order.total_minor, "paid too late", RefundState.PENDING)
        elif past.state == OrderState.CONFIRMED and past.number == GOODWILL_FOR:
            self._goodwill(order)

    def _doorbell(self, payment: Payment, at: datetime) -> None:
        event_id = f"evt_demo_{payment.intent_id[8:]}"
        WebhookEvent.objects.create(
            event_id=event_id,
            type="payment_intent.succeeded",
            object_id=payment.intent_id,
            payload={
                "id": event_id,
                "object": "event",
                "type": "payment_intent.succeeded",
                "data": {"object": {"id": payment.intent_id}},
            },
            received_at=at,
            due_at=at,
            processed_at=at + timedelta(seconds=1),
            outcome="confirmed",
        )

    def _goodwill(self, order: Order) -> None:
        """One parcel came late: a part of the money went back."""
        _refund(order, "goodwill", 1000, "the parcel came a week late", RefundState.SUCCEEDED)
        Order.objects.filter(pk=order.pk).update(refunded_minor=1000)
        at = min(order.placed_at + timedelta(days=8), self.now)
        self.story.tell(at, order.subject, "refunded", actor=journal.staff("owner"), why="€10.00, late parcel")

    def _tell(self, order: Order, past: Past, fan: Fan) -> None:
        self.story.tell(past.placed_at, order.subject, "placed", actor=journal.FAN)
        for step in past.ending.steps:
            self.story.tell(past.placed_at + step.after, order.subject, step.verb, actor=step.actor, why=step.why)
        if past.state == OrderState.CONFIRMED and self.drop.slug == LIVE:
            notify.confirmed(order)
            mails = Message.objects.filter(key__startswith=f"order:{order.reference}:")
            mails.update(state=MessageState.SENT, attempts=1, sent_at=order.confirmed_at, created_at=order.confirmed_at)
        elif past.state == OrderState.CONFIRMED:
            key = f"order:{order.reference}:purchased"
            subject, amount = f"drop:{self.drop.slug}", order.total_minor
            footprints.leave(fan, FootprintKind.PURCHASED, subject, key=key, amount_minor=amount)


def _lines(order: Order, agreed: Quote) -> Iterator[OrderLine]:
    for line in agreed.lines:
        yield OrderLine(
            order=order,
            offer_id=line.offer_id,
            sku=line.sku,
            title=line.title,
            tags=list(line.tags),
            parts=[list(part) for part in line.parts],
            unit_price_minor=line.unit_minor,
            quantity=line.quantity,
            discount_minor=line.discount_minor,
            tax_minor=line.tax_minor,
            tax_added_minor=line.tax_added_minor,
        )


def _refund(order: Order, what: str, amount: int, reason: str, state: RefundState) -> None:
    Refund.objects.create(
        order=order,
        key=f"{order.reference}:{what}",
        amount_minor=amount,
        reason=reason,
        state=state,
        provider_id=f"re_demo_{order.reference[3:]}",
    )


def _address(number: int, country: str) -> dict[str, str]:
    city, code = TOWNS.get(country, TOWNS["DE"])
    return {
        "line1": f"{number % 90 + 1} Sample Street",
        "line2": "",
        "city": city,
        "postal_code": code,
        "region": "",
        "country": country,
    }
