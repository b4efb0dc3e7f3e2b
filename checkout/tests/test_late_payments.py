"""The middle rung of the ladder: paid too late, nothing left, and so at the head of the waiting list, to a date."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from checkout import (
    allowances,
    disputes,
    expiry,
    gateway,
    late_payments,
    orders,
    payments,
    refunds,
    returns,
    settle,
    waiting_list,
    waiting_offers,
)
from checkout.errors import NotWaiting
from checkout.models import Allowance, Order, OrderState, RefundState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_waiting_list import books_balance, join, sell, state
from checkout.tokens import order_token
from checkout.trouble import kind
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import stock
from drops.models import Drop, DropState, StockItem
from merchant import store
from merchant.models import LatePayments, StoreProfile
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waits(shop: StoreProfile) -> None:
    StoreProfile.objects.update(late_payments=LatePayments.WAIT, late_payment_days=3)
    store.forget_store()


def paid_too_late(drop: Drop, sandbox: SandboxServer, units: int = 1) -> Order:
    """Paid while its units had gone to others: made by hand, as the worst case."""
    order = fan.placed(drop, ("ROBE-M", units), at=clock(), confirmation_token=fan.card(sandbox))
    payment_id = payments.claim(clock())
    job = payments._begin(payment_id, clock())  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    allowances.give_back(fresh(order))
    stock.release(orders.owner_of(order))
    sell(drop, StockItem.objects.get(code="ROBE-M").available - 1, "others")
    sell(drop, 1, "last")
    settle.settle_intent(order.pk, gateway.retrieve_intent(fresh(order).payment.intent_id), now=clock())
    return fresh(order)


def others_let_go(*names: str) -> None:
    for name in names or ("others", "last"):
        stock.release(stock.Owner(stock.OwnerKind.ORDER, f"FR-{name}"))


def mails(order: Order) -> list[str]:
    return list(Message.objects.filter(to=order.email).order_by("pk").values_list("kind", flat=True))


def test_c15_no_stock_waits_at_the_head_of_the_list_and_gets_the_next_units(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = paid_too_late(robe, sandbox)
    first = join(robe, "first", clock())
    assert (order.state, fan.counts(), refunds.drain(clock)) == (OrderState.LATE_PAID, (5, 0, -2), 0)
    assert waiting_list.number(first) == 2  # who has paid comes before who only waits
    others_let_go()
    sell(robe, 3, "public")
    assert waiting_offers.sweep(clock()) == 2
    order = fresh(order)
    assert (order.state, state(first)) == (OrderState.CONFIRMED, PlaceState.OFFERED)
    assert fan.counts() == (4, 1, 0)
    assert states(order)[-2:] == ["late_paid", "confirmed"]
    assert mails(order) == ["order_waiting", "order_confirmed"]
    assert Allowance.objects.get(person_key=allowances.person_keys(allowances.contact_of(order))[0]).used == 1
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [0]
    assert books_balance()


def test_who_paid_for_several_and_let_some_go_on_sale_gets_them_when_enough_is_on_sale(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = paid_too_late(robe, sandbox, units=2)
    others_let_go("last")
    waiting_offers.sweep(clock())
    waiting_offers.sweep(later(minutes=21))
    assert (fresh(order).state, fan.counts()) == (OrderState.LATE_PAID, (4, 0, 1)), "one alone is on sale meanwhile"
    others_let_go("others")
    waiting_offers.sweep(later(minutes=22))
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 2, 3))
    assert books_balance()


def test_c15_nothing_came_by_the_date_and_the_money_goes_back_once(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = paid_too_late(robe, sandbox)
    waiting_offers.sweep(later(days=2, hours=23))
    assert order.refunds.count() == 0
    waiting_offers.sweep(later(days=3))
    waiting_offers.sweep(later(days=4))
    refunds.drain(lambda: later(days=4))
    refunds.drain(lambda: later(days=4))
    order = fresh(order)
    assert (order.state, order.refunded_minor) == (OrderState.CANCELLED, 5400)
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [5400]
    assert mails(order) == ["order_waiting", "order_refunding"]
    others_let_go()
    assert (waiting_offers.sweep(later(days=5)), fan.counts(), books_balance()) == (0, (0, 0, 5), True)


def test_the_fan_is_told_the_date_and_may_have_the_money_back_at_once(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = paid_too_late(robe, sandbox)
    view = order_view(order, clock())
    place = WaitingPlace.objects.get(order=order)
    assert view.headline == "You are first in line"
    told = re.search(r"If nothing has come by (.*?), your money goes back in full", view.explanation)
    assert told is not None
    assert place.refund_by is not None
    assert place.refund_by - place.since == timedelta(days=3)
    text = Message.objects.get(kind="order_waiting").text
    assert "your money goes back in full" in " ".join(text.split())
    page = f"/orders/{order_token(order.token_nonce)}/"
    assert "Send my money back now" in Client().get(page).content.decode()
    Client().post(f"{page}cancel")
    assert state(place) == PlaceState.LAPSED
    with pytest.raises(NotWaiting):
        waiting_offers.give_money_back(order.pk, why="", actor="fan", now=clock())
    assert order.refunds.get().amount_minor == 5400
    assert "We are sending your money back" in order_view(fresh(order), clock()).explanation


def test_units_and_the_money_back_at_once_are_one_or_the_other(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = paid_too_late(robe, sandbox)
    place = WaitingPlace.objects.get(order=order)
    others_let_go()

    def act(number: int) -> str:
        if number % 2:
            return str(waiting_offers.offer(place.pk, now=clock()))
        try:
            waiting_offers.give_money_back(order.pk, why="wanted", actor="fan", now=clock())
        except NotWaiting:
            return "too late"
        return "refund"

    answers = together(act, fans=4)
    confirmed = fresh(order).state == OrderState.CONFIRMED
    assert answers == (
        {"True": 1, "False": 1, "too late": 2} if confirmed else {"False": 2, "refund": 1, "too late": 1}
    )
    assert (order.refunds.count(), fan.counts()[:2]) == ((0, (0, 1)) if confirmed else (1, (0, 0)))
    assert books_balance()


def test_a_drop_that_is_over_has_no_line_to_wait_in(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    Drop.objects.update(ends_at=later(minutes=1))
    order = paid_too_late(robe, sandbox)
    assert order.refunds.count() == 0
    waiting_offers.sweep(later(minutes=2))
    assert order.refunds.get().amount_minor == 5400
    Drop.objects.update(state=DropState.CLOSED)
    others_let_go()


def test_the_shop_that_refunds_does_not_let_wait(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid_too_late(robe, sandbox)
    assert (WaitingPlace.objects.count(), order.refunds.count()) == (0, 1)


def test_who_waits_by_the_rules_is_no_trouble_for_staff(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = paid_too_late(robe, sandbox)
    late = kind("late-paid")
    assert late is not None
    assert list(late.rows(clock())) == []
    waiting_offers.give_money_back(order.pk, why="", actor="fan", now=clock())
    assert [row.pk for row in late.rows(clock())] == [order.pk]


def test_c17_a_deferred_payment_that_misses_its_deadline_frees_its_units_to_the_head_of_the_list(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = ordered(robe, sandbox)
    sell(robe, 4, "others")
    sandbox.fail("payment_intents.create", 503)
    payments.drain(clock)
    assert fresh(order).state == OrderState.DEFERRED
    first = join(robe, "first", clock())
    past = later(minutes=121)
    assert expiry.sweep(past) == 1
    assert fan.counts() == (4, 0, 0)
    assert waiting_offers.sweep(past) == 1
    assert (fresh(order).state, state(first), fan.counts()) == (OrderState.EXPIRED, PlaceState.OFFERED, (5, 0, 0))
    [told] = Message.objects.filter(to=order.email, kind="order_expired")
    assert "We could not take your payment in time" in told.text
    assert "You have not been charged." in " ".join(told.text.split())
    assert "join the waiting list" in " ".join(told.text.split())


@pytest.mark.parametrize("amount", [5400, 1000])
def test_whose_money_staff_gave_back_waits_no_longer_and_keeps_nothing_from_others(
    robe: Drop, sandbox: SandboxServer, waits: None, amount: int
) -> None:
    order = paid_too_late(robe, sandbox)
    returns.refund_amount(order.pk, amount, seen=0, by="staff:owner", why="they asked", now=clock())
    others_let_go()
    place = WaitingPlace.objects.get(order=order)
    assert waiting_offers.offer(place.pk, now=clock()) is False, "never both the money and the units"
    with pytest.raises(NotWaiting):  # nor the money twice
        waiting_offers.give_money_back(order.pk, why="", actor="fan", now=clock())
    assert waiting_offers.sweep(clock()) == 0
    assert (state(place), fan.counts(), books_balance()) == (PlaceState.LAPSED, (0, 0, 5), True)
    waiting_offers.sweep(clock())
    refunds.drain(clock)
    assert fresh(order).state == OrderState.CANCELLED
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [5400], (
        "the rest is not kept for nothing"
    )


def test_what_a_bank_took_of_a_late_payment_does_not_go_back_once_more(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = paid_too_late(robe, sandbox)
    place = WaitingPlace.objects.get(order=order)
    dispute = gateway.retrieve_dispute(sandbox.dispute(order.payment.intent_id))
    disputes.note(dispute, now=clock())
    waiting_offers.sweep(clock())
    assert (state(place), order.refunds.count()) == (PlaceState.LAPSED, 0)
    assert fresh(order).state == OrderState.LATE_PAID


def test_late_money_that_a_bank_has_taken_before_we_heard_of_it_is_settled_all_the_same(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = ordered(robe, sandbox)
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    paid = payments._pay_intent(job)
    assert paid is not None
    Order.objects.filter(pk=order.pk).update(state=OrderState.CANCELLED)
    allowances.give_back(fresh(order))
    stock.release(orders.owner_of(order))
    disputes.note(gateway.retrieve_dispute(sandbox.dispute(paid.id)), now=clock())
    settle.settle_intent(order.pk, paid, now=clock())
    order = fresh(order)
    assert (order.state, order.captured_minor, order.disputed_minor) == (OrderState.LATE_PAID, 5400, 5400)
    assert order.refunds.count() == 0


def asked_back(order: Order, sandbox: SandboxServer) -> str:
    """Its fan goes to their bank."""
    dispute_id = sandbox.dispute(order.payment.intent_id)
    disputes.note(gateway.retrieve_dispute(dispute_id), now=clock())
    return dispute_id


def decided(dispute_id: str, sandbox: SandboxServer, *, won: bool) -> None:
    sandbox.decide_dispute(dispute_id, won=won)
    disputes.note(gateway.retrieve_dispute(dispute_id), now=clock())


def headline(order: Order) -> str:
    return order_view(fresh(order), clock()).headline


def in_trouble(slug: str) -> list[int]:
    found = kind(slug)
    assert found
    return [row.pk for row in found.rows(clock())]


def test_who_asked_their_bank_for_late_money_reads_who_has_it(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = paid_too_late(robe, sandbox)
    dispute_id = asked_back(order, sandbox)
    waiting_offers.sweep(clock())
    view = order_view(fresh(order), clock())
    assert view.headline == "Your bank holds this money"
    assert "it holds $54.00 until it has decided" in view.explanation
    decided(dispute_id, sandbox, won=False)
    assert headline(order) == "Your bank gave you the money back"
    assert (in_trouble("late-paid"), in_trouble("late-kept")) == ([], [])


def test_late_money_that_a_bank_leaves_with_the_shop_is_said_to_be_there_and_staff_send_it(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = paid_too_late(robe, sandbox)
    decided(asked_back(order, sandbox), sandbox, won=True)
    waiting = headline(order)
    Drop.objects.update(state=DropState.CLOSED)
    WaitingPlace.objects.update(state=PlaceState.LAPSED)
    assert (waiting, headline(order)) == ("You are first in line", "Your money is still with us")
    assert "Your money is on its way" not in order_view(fresh(order), clock()).explanation
    assert (in_trouble("late-paid"), in_trouble("late-kept")) == ([], [order.pk])
    kept = kind("late-kept")
    assert kept
    assert kept.act
    assert [kept.act(kept.rows(clock()), "staff:owner", clock()) for _ in range(2)] == [1, 0]
    assert order.refunds.get().amount_minor == 5400
    assert headline(order) == "Your payment came after the hold had ended"
    assert (in_trouble("late-paid"), in_trouble("late-kept")) == ([order.pk], [])
    assert "order_refunding" in mails(order)


def test_two_who_send_kept_money_back_at_once_send_it_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid_too_late(robe, sandbox)
    order.refunds.all().delete()
    decided(asked_back(order, sandbox), sandbox, won=True)
    answers = together(lambda _: str(late_payments.give_back_kept(order.pk, by="staff:owner", now=clock())), fans=4)
    assert answers == {"True": 1, "False": 3}
    assert order.refunds.get().amount_minor == 5400
    refunds.drain(clock)
    assert order.refunds.get().state == RefundState.FAILED, "this provider does not refund what was disputed"
    assert headline(order) == "Your money is still with us"


def test_late_money_that_a_bank_has_taken_takes_no_units_again(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    paid = payments._pay_intent(job)
    assert paid is not None
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    allowances.give_back(fresh(order))
    stock.release(orders.owner_of(order))
    asked_back(fresh(order), sandbox)
    settle.settle_intent(order.pk, paid, now=clock())
    assert (fresh(order).state, fan.counts()) == (OrderState.LATE_PAID, (0, 0, 5))
