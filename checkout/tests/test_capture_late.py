"""C15 with manual capture: the bank's yes came after the hold had ended, and its own end is the date."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client

from checkout import (
    allowances,
    authorisations,
    gateway,
    notify,
    orders,
    payments,
    refunds,
    settle,
    waiting_list,
    waiting_offers,
    webhooks,
)
from checkout.errors import NotWaiting
from checkout.leases import leased_until
from checkout.models import Allowance, Order, OrderState, Payment, PaymentState, Refund
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_capture import CAPTURE, authorised, captures, money, ring, robe, told
from checkout.tests.test_late_payments import others_let_go, waits
from checkout.tests.test_payments import clock, fresh, later, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_waiting_list import books_balance, join, sell, state
from checkout.tokens import order_token
from checkout.trouble import kind
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import stock
from drops.models import Capture, Drop, StockItem
from drops.readiness import checklist
from merchant import store
from merchant.models import LatePayments, StoreProfile
from merchant.tests.staff import signed_in
from segments.models import Message
from tests.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)
SUPPORT = "Support"  # a role of the desk
__all__ = ["robe", "waits"]


def authorised_too_late(drop: Drop, sandbox: SandboxServer, *, left: int = 0, into: str = OrderState.EXPIRED) -> Order:
    """The bank said yes while its units had gone to others: made by hand, as the worst case."""
    order = authorised(drop, sandbox)
    Order.objects.filter(pk=order.pk).update(state=into)
    Payment.objects.filter(order=order).update(state=PaymentState.CLOSED, capture_before=None)
    allowances.give_back(fresh(order))
    with transaction.atomic():
        stock.release(orders.owner_of(order))
    sell(drop, StockItem.objects.get(code="ROBE-M").available - left, "others")
    look(order)
    return fresh(order)


def look(order: Order, at: datetime | None = None) -> None:
    settle.settle_intent(order.pk, gateway.retrieve_intent(fresh(order).payment.intent_id), now=at or clock())


def let_go(at: datetime | None = None) -> int:
    return settle.drain_set_aside(lambda: at or clock())


def used(order: Order) -> int:
    return Allowance.objects.get(person_key=allowances.person_keys(allowances.contact_of(order))[0]).used


def test_c15_stock_free_is_held_again_charged_and_only_then_confirmed(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised_too_late(robe, sandbox, left=1)
    assert (order.state, order.captured_minor, fan.counts()) == (OrderState.LATE_PAID, 0, (5, 0, 0))
    assert "held for you again while $54.00 is charged, once" in order_view(order, clock()).explanation
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.captured_minor, fan.counts()) == (OrderState.CONFIRMED, 5400, (4, 1, 0))
    assert (money(sandbox, order), used(order), told(order)) == ([(True, False)], 1, ["order_confirmed"])
    assert states(order)[-3:] == ["authorised", "late_paid", "confirmed"]


def test_c15_no_stock_is_let_go_and_nothing_is_refunded(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised_too_late(robe, sandbox)
    notify.ended(order)  # as was written when its hold ended
    assert (order.state, order.payment.state) == (OrderState.LATE_PAID, PaymentState.LETTING_GO)
    assert "We have not taken the $54.00 that your bank set aside" in order_view(order, clock()).explanation
    assert (let_go(), let_go(later(hours=2))) == (1, 0)
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.CANCELLED, PaymentState.CLOSED)
    assert (money(sandbox, order), Refund.objects.count()) == ([(False, False)], 0)
    assert told(order) == ["order_expired", "order_expired"]
    said = "You have not been charged; your bank releases the amount that it had set aside."
    last = Message.objects.filter(kind="order_expired").latest("pk")
    assert last.subject.startswith(f"You are not charged: {order.reference}")
    assert said in " ".join(last.text.split())
    assert order_view(order, clock()).timeline[-2][1] == "The amount was let go; you were not charged"
    assert fan.counts() == (5, 0, 0)


@pytest.mark.parametrize("into", [OrderState.CANCELLED, OrderState.EXPIRED])
def test_a_yes_to_what_was_cancelled_or_is_not_to_wait_is_let_go_and_the_order_stays_over(
    robe: Drop, sandbox: SandboxServer, into: OrderState
) -> None:
    StoreProfile.objects.update(late_payments=LatePayments.REFUND)
    store.forget_store()
    order = authorised_too_late(robe, sandbox, left=1, into=into)
    assert (order.state, order.payment.state) == (into, PaymentState.LETTING_GO)
    assert let_go() == 1
    assert (fresh(order).state, fresh(order).payment.state) == (into, PaymentState.CLOSED)
    assert (money(sandbox, order), fan.counts()) == ([(False, False)], (4, 0, 1))


def test_c15_waits_at_the_head_of_the_list_until_the_banks_end_less_a_margin(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    StoreProfile.objects.update(late_payment_days=14)
    store.forget_store()
    order = authorised_too_late(robe, sandbox)
    place = WaitingPlace.objects.get(order=order)
    assert order.payment.capture_before is not None
    assert place.refund_by == order.payment.capture_before - authorisations.MARGIN
    assert timedelta(hours=12) == authorisations.MARGIN
    assert (order.payment.state, told(order)) == (PaymentState.AUTHORISED, ["order_waiting"])
    view = order_view(order, clock())
    assert view.headline == "You are first in line"
    told_them = re.search(
        r"You have not been charged.*If nothing has come by (.*?), your bank is told", view.explanation
    )
    assert told_them is not None
    assert "only then are you charged" in " ".join(Message.objects.get(kind="order_waiting").text.split())
    waiting_offers.sweep(place.refund_by - timedelta(minutes=1))
    assert state(place) == PlaceState.WAITING
    waiting_offers.sweep(place.refund_by)
    waiting_offers.sweep(place.refund_by)
    assert (let_go(place.refund_by), let_go(place.refund_by)) == (1, 0)
    order = fresh(order)
    assert (order.state, order.captured_minor, order.refunds.count()) == (OrderState.CANCELLED, 0, 0)
    assert (money(sandbox, order), told(order)) == ([(False, False)], ["order_waiting", "order_expired"])
    others_let_go()
    assert (waiting_offers.sweep(later(days=8)), fan.counts(), books_balance()) == (0, (0, 0, 5), True)


def test_the_shops_date_holds_where_it_comes_first(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    place = WaitingPlace.objects.get(order=authorised_too_late(robe, sandbox))
    assert place.refund_by is not None
    assert place.refund_by - place.since == timedelta(days=3)


def test_c15_what_comes_back_is_held_charged_and_then_sold(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised_too_late(robe, sandbox)
    first = join(robe, "first", clock())
    assert waiting_list.number(first) == 2
    others_let_go()
    sell(robe, 3, "public")
    assert waiting_offers.sweep(clock()) == 2
    order = fresh(order)
    assert (order.state, order.payment.state, fan.counts()) == (OrderState.LATE_PAID, PaymentState.DUE, (5, 0, 0))
    assert money(sandbox, order) == [(False, True)]
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.captured_minor, fan.counts()) == (OrderState.CONFIRMED, 5400, (4, 1, 0))
    assert (len(captures(sandbox, order)), used(order), books_balance()) == (1, 1, True)
    assert told(order) == ["order_waiting", "order_confirmed"]


def test_a_lost_reply_to_a_late_capture_charges_once(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised_too_late(robe, sandbox)
    others_let_go()
    waiting_offers.sweep(clock())
    sandbox.drop_reply(CAPTURE)
    payments.drain(clock)
    assert (fresh(order).state, fan.counts()) == (OrderState.LATE_PAID, (1, 0, 4))
    payments.drain(lambda: later(minutes=5))
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))
    assert len(captures(sandbox, order)) == 1


def test_a_bank_that_let_go_before_the_late_capture_gives_the_units_back(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = authorised_too_late(robe, sandbox)
    others_let_go()
    waiting_offers.sweep(clock())
    gateway.cancel_intent(order.payment.intent_id)  # or it lapsed
    payments.drain(clock)
    payments.drain(clock)
    assert (fresh(order).state, fan.counts(), used(order)) == (OrderState.CANCELLED, (0, 0, 5), 0)
    assert (told(order), books_balance()) == (["order_waiting", "order_expired"], True)


def test_the_fan_has_it_let_go_at_once_and_twice_is_once(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised_too_late(robe, sandbox)
    page = f"/orders/{order_token(order.token_nonce)}/"
    assert "Let the amount go now" in Client().get(page).content.decode()
    Client().post(f"{page}cancel")
    with pytest.raises(NotWaiting):
        waiting_offers.give_money_back(order.pk, why="", actor="fan", now=clock())
    assert (let_go(), let_go(later(hours=2))) == (1, 0)
    assert (fresh(order).state, order.refunds.count()) == (OrderState.CANCELLED, 0)
    assert states(order).count("letting_go") == 1
    assert "You have not been charged" in Client().get(page).content.decode()


def test_a_provider_that_is_away_is_told_later(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised_too_late(robe, sandbox)
    sandbox.fail("payment_intents.cancel", 503, times=1)
    assert (let_go(), let_go()) == (1, 0)
    assert fresh(order).state == OrderState.LATE_PAID
    assert let_go(later(minutes=1)) == 1
    assert fresh(order).state == OrderState.CANCELLED


def test_cancelled_at_the_provider_while_it_waits_ends_the_waiting(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = authorised_too_late(robe, sandbox)
    gateway.cancel_intent(order.payment.intent_id)
    ring(order, "payment_intent.canceled")
    assert (fresh(order).state, fresh(order).payment.state) == (OrderState.CANCELLED, PaymentState.CLOSED)
    waiting_offers.sweep(clock())
    assert WaitingPlace.objects.get(order=order).state == PlaceState.LAPSED
    others_let_go()
    assert (fan.counts(), books_balance()) == ((0, 0, 5), True)


def test_without_a_ring_it_is_found_out_within_the_hour(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised_too_late(robe, sandbox)
    gateway.cancel_intent(order.payment.intent_id)
    assert (let_go(later(minutes=59)), let_go(later(minutes=61))) == (0, 1)
    assert fresh(order).state == OrderState.CANCELLED


def test_captured_at_the_provider_while_it_waits_is_a_paid_place(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = authorised_too_late(robe, sandbox)
    gateway.capture_intent(order.payment.intent_id, key=f"{order.reference} by hand")
    ring(order, "payment_intent.succeeded")
    place = WaitingPlace.objects.get(order=order)
    assert (fresh(order).captured_minor, state(place), Refund.objects.count()) == (5400, PlaceState.WAITING, 0)
    assert place.refund_by is not None
    waiting_offers.sweep(place.refund_by)
    refunds.drain(lambda: place.refund_by or clock())
    assert (fresh(order).state, fresh(order).refunded_minor) == (OrderState.CANCELLED, 5400)


def test_captured_at_the_provider_while_it_is_let_go_is_refunded_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised_too_late(robe, sandbox)
    gateway.capture_intent(order.payment.intent_id, key=f"{order.reference} by hand")
    let_go()
    refunds.drain(clock)
    refunds.drain(clock)
    assert (fresh(order).state, fresh(order).refunded_minor) == (OrderState.CANCELLED, 5400)
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [5400]


def test_units_and_the_letting_go_at_once_are_one_or_the_other(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised_too_late(robe, sandbox)
    place = WaitingPlace.objects.get(order=order)
    others_let_go()

    def act(number: int) -> str:
        if number % 2:
            return str(waiting_offers.offer(place.pk, now=clock()))
        try:
            waiting_offers.give_money_back(order.pk, why="wanted", actor="fan", now=clock())
        except NotWaiting:
            return "too late"
        return "let go"

    together(act, fans=4)
    payments.drain(clock)
    let_go()
    bought = fresh(order).state == OrderState.CONFIRMED
    assert (fan.counts()[:2], money(sandbox, order)) == (
        ((0, 1), [(True, False)]) if bought else ((0, 0), [(False, False)])
    )
    assert fresh(order).state in (OrderState.CONFIRMED, OrderState.CANCELLED)
    assert books_balance()


def test_many_workers_let_go_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised_too_late(robe, sandbox)
    before = len(sandbox.requests("payment_intents.cancel"))
    together(lambda _: str(let_go()), 6)
    assert len(sandbox.requests("payment_intents.cancel")) - before == 1
    assert (fresh(order).state, told(order)) == (OrderState.CANCELLED, ["order_expired"])


def test_without_the_claim_two_workers_both_tell_the_bank(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised_too_late(robe, sandbox)
    before = len(sandbox.requests("payment_intents.cancel"))
    all_looked = threading.Barrier(2)

    def naive(_: int) -> str:
        due = Payment.objects.get(order=order).state == PaymentState.LETTING_GO
        all_looked.wait()
        return gateway.cancel_intent(order.payment.intent_id).status if due else "nothing due"

    assert together(naive, fans=2) == {"canceled": 2}
    assert len(sandbox.requests("payment_intents.cancel")) - before == 2


def test_who_comes_while_another_worker_claims_it_has_nothing(robe: Drop, sandbox: SandboxServer) -> None:
    """Without the claim's lock they read the row before its lease is written, wait to write theirs, and have it too."""
    order = authorised_too_late(robe, sandbox)

    def claimed() -> Payment | None:
        try:
            return authorisations._claim(clock())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as workers:
        with transaction.atomic():
            mine = Payment.objects.select_for_update().get(order=order)
            others = [workers.submit(claimed) for _ in range(2)]
            until(lambda: all(other.done() for other in others) or somebody_waits_for_us())
            mine.leased_until = leased_until(clock())
            mine.save(update_fields=["leased_until"])
        assert [other.result() for other in others] == [None, None]
    assert fresh(order).payment.leased_until == mine.leased_until


def test_a_yes_that_the_bank_soon_withdraws_does_not_wait(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised(robe, sandbox)
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    Payment.objects.filter(order=order).update(state=PaymentState.CLOSED, capture_before=None)
    look(order, later(days=6, hours=13))
    assert (fresh(order).state, fresh(order).payment.state) == (OrderState.EXPIRED, PaymentState.LETTING_GO)


def test_what_is_set_aside_is_shown_to_staff_when_it_is_soon_lost_and_is_not_money_that_came(
    robe: Drop, sandbox: SandboxServer, waits: None
) -> None:
    order = authorised_too_late(robe, sandbox)
    soon, late = kind("set-aside"), kind("late-paid")
    assert soon is not None
    assert late is not None
    assert (list(soon.rows(clock())), list(late.rows(clock()))) == ([], [])
    assert [row.pk for row in soon.rows(later(days=6))] == [order.pk]


def test_what_the_provider_calls_a_refund_of_it_is_none(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised_too_late(robe, sandbox)
    let_go()
    said = refunds.take_over(gateway.RefundView("re_1", "succeeded", 5400, order.payment.intent_id), now=clock())
    assert said == "an amount set aside and let go: it had not been taken"
    [event] = [
        one
        for one in gateway.list_events(["charge.refunded"], later(minutes=-5))
        if one.payload["data"]["object"]["payment_intent"] == order.payment.intent_id
    ]
    webhooks.store([event], now=clock())
    webhooks.drain(clock)
    assert (Refund.objects.count(), fresh(order).refunded_minor) == (0, 0)


def test_the_desk_says_until_when_and_lets_go_with_a_reason(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised_too_late(robe, sandbox)
    desk, page = signed_in(SUPPORT), f"/admin/checkout/order/{order.pk}"
    shown = desk.get(f"{page}/change/").content.decode()
    assert "Authorised until" in shown
    assert "set aside by the bank, not charged" in shown
    dialog = desk.get(f"{page}/let-go/", headers={"HX-Request": "true"}).content.decode()
    assert f"{order} leaves the waiting list, and the bank is told to let $54.00 go." in dialog
    desk.post(f"{page}/let-go/", {"_form_submitted": "on"})  # a reason is wanted
    assert fresh(order).payment.state == PaymentState.AUTHORISED
    for _ in range(2):
        desk.post(f"{page}/let-go/", {"_form_submitted": "on", "why": "the fan wrote"})
    let_go()
    assert (fresh(order).state, fresh(order).payment.state) == (OrderState.CANCELLED, PaymentState.CLOSED)
    assert "Let go, nothing was charged" in desk.get(f"{page}/change/").content.decode()
    assert "/let-go/" not in desk.get(f"{page}/change/").content.decode()


def test_trouble_and_today_list_what_is_soon_lost(robe: Drop, sandbox: SandboxServer, waits: None) -> None:
    order = authorised_too_late(robe, sandbox)
    desk = signed_in(SUPPORT)
    Payment.objects.filter(order=order).update(capture_before=later(hours=30))
    shown = desk.get("/admin/checkout/order/trouble/").content.decode()
    assert "Authorised, and soon lost" in shown
    assert "lost on" in shown
    assert "1 amount set aside by banks and soon lost: not charged yet" in desk.get("/admin/").content.decode()


def test_readiness_says_what_charging_later_means(robe: Drop, waits: None) -> None:
    def said() -> list[str]:
        return [check.words for check in checklist(robe, now=clock()) if "bank" in check.words and not check.done]

    assert said() == []
    StoreProfile.objects.update(late_payment_days=10)
    [advice] = said()
    assert "the shop lets late payments wait 10 days" in advice
    Drop.objects.update(capture=Capture.AUTOMATIC)
    robe.refresh_from_db()
    assert said() == []
