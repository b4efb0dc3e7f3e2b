"""A card that pays for several people is told to staff once they have more than one person may have."""

import threading

import pytest
from django.db import connection, transaction

from checkout import allowances, cards, gateway, payments, refunds, returns, settle
from checkout.contact import Contact
from checkout.gateway import IntentView
from checkout.models import CardInDrop, Order, OrderState, Payment
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_refunds import STAFF
from drops.models import Drop
from merchant.models import JournalEntry
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
TROUBLE = "/admin/checkout/order/trouble/"


@pytest.fixture
def drop(robe: Drop) -> Drop:
    """The robe, two a person, with stock enough for a crowd."""
    return fan.live_drop("spring-robe", total=30, skus=("ROBE-S",))


def buys(
    drop: Drop, sandbox: SandboxServer, who: str, units: int = 1, *, card: str = "pm_card_visa", phone: str = ""
) -> Order:
    order = fan.placed(
        drop,
        ("ROBE-S", units),
        at=clock(),
        confirmation_token=fan.card(sandbox, card),
        contact=Contact(f"{who}@example.com", who.title(), phone, fan.ADDRESS),
    )
    payments.drain(clock)
    return fresh(order)


def flags() -> list[str]:
    return list(cards.flagged().values_list("what", flat=True))


def test_the_card_is_known_by_a_keyed_mark_alone_and_costs_no_call(drop: Drop, sandbox: SandboxServer) -> None:
    before = len(sandbox.requests())
    order = buys(drop, sandbox, "ann")
    fingerprint = gateway.retrieve_intent(order.payment.intent_id).fingerprint
    assert order.payment.card_key == cards.key_of(fingerprint)
    assert (len(fingerprint), len(order.payment.card_key)) == (16, 64)
    assert fingerprint not in order.payment.card_key
    made = [call["operation"] for call in sandbox.requests()[before:]]
    assert [name for name in made if name.startswith("payment_intents")] == [
        "payment_intents.create",
        "payment_intents.confirm",
        "payment_intents.retrieve",  # ours, above
    ]


def test_people_who_share_a_card_within_the_limit_are_nobodys_business(drop: Drop, sandbox: SandboxServer) -> None:
    for who in ("ann", "bob"):
        buys(drop, sandbox, who)
    assert flags() == []


def test_above_the_limit_each_of_its_orders_is_flagged_and_stays_confirmed(drop: Drop, sandbox: SandboxServer) -> None:
    orders = [buys(drop, sandbox, who, units) for who, units in (("ann", 2), ("bob", 1))]
    assert flags() == ["3 of ROBE-S for 2 people; the limit for one is 2"]
    assert [fresh(order).state for order in orders] == [OrderState.CONFIRMED, OrderState.CONFIRMED]
    assert [states(order).count("card_shared") for order in orders] == [1, 1]
    later_one = buys(drop, sandbox, "cleo")
    assert [states(order).count("card_shared") for order in (*orders, later_one)] == [1, 1, 1]
    assert CardInDrop.objects.filter(flagged_at__isnull=False).count() == 1


def test_other_cards_and_other_drops_do_not_count(robe: Drop, drop: Drop, sandbox: SandboxServer) -> None:
    buys(drop, sandbox, "ann", 2)
    buys(drop, sandbox, "bob", 2, card="pm_card_mastercard")
    fan.placed(
        robe, ("ROBE-M", 2), at=clock(), confirmation_token=fan.card(sandbox), contact=fan.somebody("cleo@example.com")
    )
    payments.drain(clock)
    assert flags() == []


def test_one_person_under_two_addresses_with_one_phone_is_one(drop: Drop, sandbox: SandboxServer) -> None:
    buys(drop, sandbox, "ann", 1, phone="+4930901820")
    buys(drop, sandbox, "anna", 1, phone="+4930901820")
    buys(drop, sandbox, "ann", 1)
    assert flags() == []
    buys(drop, sandbox, "bob", 1)
    assert flags() == ["4 of ROBE-S for 2 people; the limit for one is 2"]


def test_what_staff_granted_is_not_too_much(drop: Drop, sandbox: SandboxServer) -> None:
    anns = buys(drop, sandbox, "ann", 2)
    allowances.grant(anns.lines.get(), 1, seen=[0], actor=STAFF, why="a gift")
    buys(drop, sandbox, "bob", 1)
    assert flags() == []


def paid_at_the_provider(drop: Drop, sandbox: SandboxServer, number: int) -> tuple[Order, IntentView]:
    """Paid, and we do not know it yet."""
    order = fan.placed(
        drop,
        ("ROBE-S", 1),
        at=clock(),
        confirmation_token=fan.card(sandbox),
        contact=fan.somebody(f"fan{number}@example.com"),
    )
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    intent = payments._pay_intent(job)
    assert intent is not None
    return order, intent


def test_those_paid_in_the_same_moment_are_all_flagged(drop: Drop, sandbox: SandboxServer) -> None:
    paid = [paid_at_the_provider(drop, sandbox, number) for number in range(8)]

    def hear(number: int) -> str:
        order, intent = paid[number]
        settle.settle_intent(order.pk, intent, now=clock())
        return "heard"

    assert together(hear, 8) == {"heard": 8}
    assert [states(order).count("card_shared") for order, _ in paid] == [1] * 8
    assert CardInDrop.objects.count() == 1


def test_without_the_cards_row_each_of_them_looks_alone(drop: Drop, sandbox: SandboxServer) -> None:
    """The guard taken away: all have counted before any of them is committed."""
    paid = [paid_at_the_provider(drop, sandbox, number) for number in range(8)]
    all_counted = threading.Barrier(8)
    found: list[str] = []

    def hear(number: int) -> str:
        order, intent = paid[number]
        key = cards.key_of(intent.fingerprint)
        with transaction.atomic():
            Payment.objects.filter(order=order).update(card_key=key)
            Order.objects.filter(pk=order.pk).update(state=OrderState.CONFIRMED)
            seen = list(cards.orders_of(CardInDrop(drop=drop, card_key=key)))
            found.append(cards._above_limit(seen))
            all_counted.wait()
        connection.close()
        return "heard"

    assert together(hear, 8) == {"heard": 8}
    assert found == [""] * 8, "eight robes on one card, and nobody noticed"


def test_staff_say_that_it_is_fine_and_hear_of_it_again_when_more_is_bought(drop: Drop, sandbox: SandboxServer) -> None:
    orders = [buys(drop, sandbox, who, 2) for who in ("ann", "bob")]
    client, card = signed_in("Support"), CardInDrop.objects.get()
    page = client.get(TROUBLE).content.decode()
    assert "Same card, more than the limit" in page
    address = f"{TROUBLE}card/{card.pk}/"
    assert address in page
    assert "1 card paid more for several people than one may have" in client.get("/admin/").content.decode()
    shown = client.get(address).content.decode()
    assert all(order.reference in shown for order in orders)
    assert shown.count("Refund and take back…") == 2
    assert client.post(address, {"why": ""}).status_code == 422
    assert client.post(address, {"why": "a family"}).status_code == 302
    assert flags() == []
    told = JournalEntry.objects.filter(verb="card_looks_fine")
    assert list(told.values_list("actor", "why")) == [("staff:the-support", "a family")] * 2
    assert cards.looks_fine(card.pk, by=STAFF, why="again", now=clock()) is False
    buys(drop, sandbox, "cleo", 1)
    assert flags() == ["5 of ROBE-S for 3 people; the limit for one is 2"]


def test_who_may_not_refund_may_look_and_not_say(drop: Drop, sandbox: SandboxServer) -> None:
    for who in ("ann", "bob"):
        buys(drop, sandbox, who, 2)
    client, address = signed_in("Drop manager"), f"{TROUBLE}card/{CardInDrop.objects.get().pk}/"
    shown = client.get(address)
    assert (shown.status_code, b"It looks fine" in shown.content) == (200, False)
    assert client.post(address, {"why": "x"}).status_code == 403


def test_a_refund_that_brings_it_within_the_limit_ends_it(drop: Drop, sandbox: SandboxServer) -> None:
    first, second = (buys(drop, sandbox, who, 2) for who in ("ann", "bob"))

    def one_back(order: Order, seen: int) -> None:
        line = order.lines.get()
        details = {"restock": True, "seen": seen, "by": STAFF, "why": "too many", "now": clock()}
        returns.refund_lines(order.pk, {line.pk: 1}, **details)  # type: ignore[arg-type]

    one_back(second, 0)
    assert len(flags()) == 1, "three for two people are still too many"
    one_back(second, 1)
    assert flags() == []
    assert states(first)[-1] == "card_looks_fine"
    assert CardInDrop.objects.get().why == "within the limit again"
    assert refunds.drain(clock) == 2


def test_a_declined_card_paid_for_nobody(drop: Drop, sandbox: SandboxServer) -> None:
    order = buys(drop, sandbox, "ann", card="pm_card_chargeDeclined")
    assert (order.payment.card_key, CardInDrop.objects.count()) == ("", 0)
