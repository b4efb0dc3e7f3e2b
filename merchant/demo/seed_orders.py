"""Orders in every state. Stock moves through its verbs, so Σ held and Σ sold are those of the orders, exactly.

The money is pretended: ids begin with ``pi_demo_``, and each payment is in a state in which no worker asks about it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from checkout import notify
from checkout.models import Order, OrderLine, OrderState, Payment, PaymentState, Refund, RefundState, WebhookEvent
from checkout.pricing import Wanted
from checkout.quote import Quote, quote
from checkout.tokens import ALPHABET, hashed, order_token
from drops import stock
from drops.models import Drop, OwnerKind
from drops.stock import Owner
from merchant import journal
from merchant.demo.seed_catalogue import CLOSED, LIVE, STANDING
from merchant.demo.seed_fans import LEAST_FANS, email_of
from merchant.demo.seed_journal import Story
from policies import acceptance
from policies.acceptance import Answer, Person
from policies.models import Surface
from segments import footprints
from segments.models import Fan, FootprintKind, Message, MessageState

S, P = OrderState, PaymentState
OPEN_FOR = timedelta(hours=24)  # longer than a real hold, so that the demo still shows every state tomorrow
TOWNS = {
    "DE": ("Leipzig", "04109"), "AT": ("Graz", "8010"), "FR": ("Lyon", "69001"), "NL": ("Utrecht", "3511"),
    "DK": ("Aarhus", "8000"), "SE": ("Malmö", "211 20"), "CH": ("Bern", "3011"), "GB": ("Leeds", "LS1 1UR"),
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One line of an order's past, ``after`` it was placed."""

    after: timedelta
    verb: str
    actor: str = journal.WORKER
    why: str = ""


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


ASKING = Step(_seconds(2), "authorising", why="asking the bank")
CARD = Step(_seconds(6), "action_required", why="card_declined")


@dataclass(frozen=True)
class Ending:
    """What became of an order: its story, its payment, and what happened to its units."""

    state: OrderState
    payment: PaymentState
    steps: tuple[Step, ...]
    provider_status: str = ""
    paid: bool = False
    error: tuple[str, str] = ("", "")


ENDINGS = {
    S.PLACED: Ending(S.PLACED, P.DUE, ()),
    S.AUTHORISING: Ending(S.AUTHORISING, P.DUE, (ASKING,)),
    S.ACTION_REQUIRED: Ending(
        S.ACTION_REQUIRED, P.AWAITING_FAN, (ASKING, CARD), "requires_payment_method",
        error=("card_declined", "Your bank declined this card. Another card, or a call to the bank, usually helps."),
    ),
    S.DEFERRED: Ending(
        S.DEFERRED, P.DUE, (ASKING, Step(_seconds(14), "deferred", why="the payment provider does not answer")),
    ),
    S.PROCESSING: Ending(
        S.PROCESSING, P.PROCESSING, (ASKING, Step(_seconds(5), "processing", why="the bank needs time")), "processing",
    ),
    S.CONFIRMED: Ending(
        S.CONFIRMED, P.PAID, (ASKING, Step(_seconds(4), "confirmed", why="paid")), "succeeded", paid=True
    ),
    S.EXPIRED: Ending(
        S.EXPIRED, P.CLOSED, (ASKING, CARD, Step(timedelta(minutes=10), "expired", why="time is up")), "canceled",
        error=("card_declined", "Your bank declined this card."),
    ),
    S.CANCELLED: Ending(
        S.CANCELLED, P.CLOSED, (ASKING, CARD, Step(timedelta(minutes=3), "cancelled", journal.FAN, "by the fan")),
        "canceled",
    ),
    S.LATE_PAID: Ending(
        S.LATE_PAID,
        P.PAID,
        (
            ASKING,
            Step(timedelta(minutes=10), "expired", why="time is up"),
            Step(timedelta(minutes=12), "late_paid", why="money came after the hold had ended"),
            Step(timedelta(minutes=12), "refund_requested", why="paid too late"),
        ),
        "succeeded",
        paid=True,
    ),
}  # fmt: skip
STILL_OPEN = (S.PLACED, S.AUTHORISING, S.ACTION_REQUIRED, S.DEFERRED, S.PROCESSING)


@dataclass
class Past:
    """An order that was placed, before it is written."""

    number: int
    state: OrderState
    wanted: tuple[Wanted, ...]
    placed_at: datetime
    ending: Ending = field(init=False)

    def __post_init__(self) -> None:
        self.ending = ENDINGS[self.state]


def seed_orders(now: datetime, story: Story) -> None:
    """Orders for the drops that had or have some; nothing for a drop that has orders already."""
    dice = random.Random(7)  # noqa: S311  # the same orders at every seeding
    plans: dict[str, Callable[[Drop, random.Random, datetime], Iterator[Past]]] = {
        CLOSED: _of_the_closed,
        STANDING: _of_the_standing,
        LIVE: _of_the_live,
    }
    for slug, plan in plans.items():
        drop = Drop.objects.get(slug=slug)
        pasts = sorted(plan(drop, dice, now), key=lambda past: past.placed_at)
        if not drop.orders.exists():
            _Writer(drop, dice, now, story).write(pasts)


# --- what was ordered ------------------------------------------------------------------------------------------------


def _of_the_closed(drop: Drop, dice: random.Random, now: datetime) -> Iterator[Past]:
    """Every pair was sold, and a few orders came to nothing."""
    start = drop.starts_at or now
    pairs = [sku for sku, units in (("SLIP-38", 30), ("SLIP-40", 36), ("SLIP-42", 30)) for _ in range(units)]
    dice.shuffle(pairs)
    for number, sku in enumerate(pairs, start=1):
        yield Past(number, S.CONFIRMED, (Wanted(sku, 1),), start + timedelta(minutes=dice.expovariate(1 / 60)))
    for number, state in enumerate([S.EXPIRED] * 6 + [S.CANCELLED] * 3, start=101):
        # Before the others, so that there was still something to hold.
        yield Past(number, state, (Wanted("SLIP-40", 1),), start + timedelta(seconds=number - 100))


def _of_the_standing(drop: Drop, dice: random.Random, now: datetime) -> Iterator[Past]:
    for number in range(120, 158):
        wanted = (Wanted("CANDLE", dice.choice([1, 1, 2, 3])),)
        yield Past(number, S.CONFIRMED, wanted, now - timedelta(days=dice.uniform(0.05, 60)))


def _of_the_live(drop: Drop, dice: random.Random, now: datetime) -> Iterator[Past]:
    """A rush at the start, a tail since; and one of every state a person may have to look at."""
    start = drop.starts_at or now
    open_now = [S.PLACED, S.AUTHORISING, S.ACTION_REQUIRED, S.ACTION_REQUIRED, S.DEFERRED, S.DEFERRED, S.PROCESSING]
    ended = [S.EXPIRED, S.EXPIRED, S.EXPIRED, S.CANCELLED, S.LATE_PAID]
    for number in range(200, 246):
        after = min(timedelta(hours=dice.expovariate(1 / 4)), (now - start) * 0.97)
        yield Past(number, S.CONFIRMED, _robes(dice), start + after)
    for number, state in enumerate(ended, start=250):
        yield Past(number, state, _robes(dice), start + timedelta(minutes=7 * (number - 249)))
    for number, state in enumerate(open_now, start=260):
        yield Past(number, state, _robes(dice), now - timedelta(seconds=11 * (number - 259)))


def _robes(dice: random.Random) -> tuple[Wanted, ...]:
    sku = dice.choices(["ROBE-S", "ROBE-M", "ROBE-L", "ROBE-XL", "SET-M40"], weights=[20, 34, 30, 6, 10])[0]
    return (Wanted(sku, 2 if sku != "SET-M40" and dice.random() < 0.1 else 1),)


# --- writing it ------------------------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, drop: Drop, dice: random.Random, now: datetime, story: Story) -> None:
        self.drop, self.dice, self.now, self.story = drop, dice, now, story
        self.fans = {fan.email: fan for fan in Fan.objects.filter(email__in=map(email_of, range(1, LEAST_FANS)))}

    def write(self, pasts: list[Past]) -> None:
        # Agreed before the transaction: policies are remembered only outside of one.
        agreements = [(past, *self._agree(past)) for past in pasts]
        with transaction.atomic():
            for past, fan, agreed in agreements:
                self._write(past, fan, agreed)
            self.story.write()

    def _agree(self, past: Past) -> tuple[Fan, Quote]:
        fan = self.fans[email_of(past.number)]
        return fan, quote(self.drop, past.wanted, country=fan.country, now=past.placed_at)

    def _write(self, past: Past, fan: Fan, agreed: Quote) -> None:
        order = self._order(past, agreed, fan)
        self._promises(order, agreed, past)
        self._units(order, agreed, past)
        self._payment(order, past)
        self._tell(order, past, fan)

    def _order(self, past: Past, agreed: Quote, fan: Fan) -> Order:
        last = past.placed_at + (past.ending.steps[-1].after if past.ending.steps else _seconds(0))
        nonce = self.dice.randbytes(16).hex()
        still_open = past.state in STILL_OPEN
        until = self.now + OPEN_FOR if still_open else past.placed_at + timedelta(minutes=self.drop.hold_minutes)
        order = Order.objects.create(
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
            shipping_minor=agreed.shipping_minor,
            tax_minor=agreed.tax_minor,
            total_minor=agreed.total_minor,
            captured_minor=agreed.total_minor if past.ending.paid else 0,
            currency=agreed.currency,
            placed_reply={"status": "placed", "total": agreed.total.as_json(), "hold_expires_at": until.isoformat()},
            placed_at=past.placed_at,
            hold_expires_at=until,
            hard_cap_at=max(until, past.placed_at + timedelta(minutes=self.drop.hard_cap_minutes)),
            deferral_ends_at=max(until, past.placed_at + timedelta(minutes=self.drop.deferral_minutes)),
            state_since=last,
            confirmed_at=last if past.state == S.CONFIRMED else None,
        )
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                offer_id=line.offer_id,
                sku=line.sku,
                title=line.title,
                unit_price_minor=line.unit_minor,
                quantity=line.quantity,
                tax_minor=line.tax_minor,
            )
            for line in agreed.lines
        )
        return order

    def _promises(self, order: Order, agreed: Quote, past: Past) -> None:
        answers = [Answer(policy.id, policy.sha256, accepted=policy.mandatory or None) for policy in agreed.policies]
        acceptance.record(
            order.reference,
            agreed.policies,
            answers,
            surface=Surface.CHECKOUT,
            shown_at=past.placed_at - _seconds(self.dice.randint(25, 180)),
            answered_at=past.placed_at,
            person=Person(f"192.0.2.{past.number % 250 + 1}", "Demo browser", order.email),
        )

    def _units(self, order: Order, agreed: Quote, past: Past) -> None:
        owner = Owner(OwnerKind.ORDER, order.reference)
        wanted = stock.needs([(line.offer_id, line.quantity) for line in agreed.lines])
        stock.hold(wanted, owner=owner, expires_at=order.hold_expires_at, hard_cap_at=order.hard_cap_at)
        if past.state == S.CONFIRMED:
            stock.commit(owner)
        elif past.state not in STILL_OPEN:
            stock.release(owner)

    def _payment(self, order: Order, past: Past) -> None:
        ending, reached_provider = past.ending, past.state in (S.CONFIRMED, S.LATE_PAID, S.PROCESSING)
        payment = Payment.objects.create(
            order=order,
            state=ending.payment,
            intent_id=f"pi_demo_{order.reference[3:]}" if reached_provider else "",
            charge_id=f"ch_demo_{order.reference[3:]}" if ending.paid else "",
            provider_status=ending.provider_status,
            error_code=ending.error[0],
            error_message=ending.error[1],
            tries=3 if past.state == S.DEFERRED else 0,
            due_at=self.now + OPEN_FOR if ending.payment == P.DUE else past.placed_at,
        )
        if ending.paid and self.drop.slug == LIVE:
            self._doorbell(payment, order.state_since)
        if past.state == S.LATE_PAID:
            Refund.objects.create(
                order=order,
                key=f"{order.reference}:late",
                amount_minor=order.total_minor,
                reason="paid too late",
                state=RefundState.PENDING,
                provider_id=f"re_demo_{order.reference[3:]}",
            )
        elif past.state == S.CONFIRMED and past.number == 7:
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
            processed_at=at + _seconds(1),
            outcome="confirmed",
        )

    def _goodwill(self, order: Order) -> None:
        """One order whose parcel came late: a part of the money went back."""
        Refund.objects.create(
            order=order,
            key=f"{order.reference}:goodwill",
            amount_minor=1000,
            reason="the parcel came a week late",
            state=RefundState.SUCCEEDED,
            provider_id=f"re_demo_{order.reference[3:]}",
        )
        Order.objects.filter(pk=order.pk).update(refunded_minor=1000)
        late = order.placed_at + timedelta(days=8)
        self.story.tell(
            min(late, self.now), order.subject, "refunded", actor=journal.staff("owner"), why="€10.00, late parcel"
        )

    def _tell(self, order: Order, past: Past, fan: Fan) -> None:
        self.story.tell(past.placed_at, order.subject, "placed", actor=journal.FAN)
        for step in past.ending.steps:
            self.story.tell(past.placed_at + step.after, order.subject, step.verb, actor=step.actor, why=step.why)
        if past.state == S.CONFIRMED and self.drop.slug == LIVE:
            notify.confirmed(order)
            mails = Message.objects.filter(key__startswith=f"order:{order.reference}:")
            mails.update(state=MessageState.SENT, attempts=1, sent_at=order.confirmed_at, created_at=order.confirmed_at)
        elif past.state == S.CONFIRMED:
            key = f"order:{order.reference}:purchased"
            subject, amount = f"drop:{self.drop.slug}", order.total_minor
            footprints.leave(fan, FootprintKind.PURCHASED, subject, key=key, amount_minor=amount)


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
