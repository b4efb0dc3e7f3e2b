"""What was ordered in the demo's past, and what became of it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from checkout.models import OrderState, PaymentState
from checkout.pricing import Wanted
from drops.models import Drop
from merchant import journal
from merchant.demo.seed_catalogue import CLOSED, LIVE, STANDING

S, P = OrderState, PaymentState


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

    @property
    def at_provider(self) -> bool:
        """Whether the provider would know it; the others never got that far."""
        return self.paid or self.payment == PaymentState.PROCESSING


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


@dataclass(frozen=True)
class Past:
    """An order that was placed, before it is written."""

    number: int
    state: OrderState
    wanted: tuple[Wanted, ...]
    placed_at: datetime

    @property
    def ending(self) -> Ending:
        return ENDINGS[self.state]

    @property
    def ended_at(self) -> datetime:
        """When its last step was made."""
        steps = self.ending.steps
        return self.placed_at + steps[-1].after if steps else self.placed_at


def pasts_of(drop: Drop, dice: random.Random, now: datetime) -> list[Past]:
    """Every order of the drop, in the order of their times."""
    plan = {CLOSED: _of_the_closed, STANDING: _of_the_standing, LIVE: _of_the_live}[drop.slug]
    return sorted(plan(drop, dice, now), key=lambda past: past.placed_at)


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
