"""What two deeds lock for one person they lock in the same order, so that neither waits for the other for ever."""

import pytest
from django.db import connection, transaction

from checkout import (
    allowances,
    cards,
    erasure,
    expiry,
    late_payments,
    notify,
    orders,
    outcomes,
    returns,
    waiting_offers,
)
from checkout.contact import Contact
from checkout.models import Allowance, CardInDrop, Order, OrderState
from checkout.place_order import place_order
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_discount_races import expired_by_hand
from checkout.tests.test_late_payments import others_let_go, paid_too_late
from checkout.tests.test_payments import clock
from checkout.tests.test_place_order_races import meanwhile
from checkout.tests.test_refunds import STAFF, paid
from drops import stock
from drops.models import Drop, DropState, Offer
from merchant import store
from merchant.models import LatePayments, StoreProfile
from segments import fans
from segments.models import Fan

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_that_ends_and_another_of_its_person_do_not_deadlock(robe: Drop) -> None:
    who = Contact("ann@example.com", "Ann", "+4930901820", fan.ADDRESS)
    order = fan.placed(robe, at=clock(), contact=who)
    first, second = allowances.person_keys(who)
    Allowance.objects.all().delete()
    for key in (second, first):  # they lie in the table as it happened, not in order
        Allowance.objects.create(offer=Offer.objects.get(), person_key=key, used=1)

    def cancel() -> None:
        with connection.cursor() as cursor:  # a table that is small is read as it lies
            cursor.execute("SET enable_indexscan = off")
            cursor.execute("SET enable_bitmapscan = off")
        expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor="fan", now=clock())

    with transaction.atomic():
        Allowance.objects.select_for_update().get(person_key=first)  # as an order begins
        ending = meanwhile(cancel)
        Allowance.objects.select_for_update(nowait=True).get(person_key=second)  # and goes on
    ending.join()
    assert list(Allowance.objects.values_list("used", flat=True)) == [0, 0]


def test_a_return_and_a_late_payment_with_the_same_card_do_not_deadlock(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    CardInDrop.objects.update(flagged_at=clock())
    line = order.lines.get()

    def give_back() -> None:
        returns.refund_lines(order.pk, {line.pk: 1}, restock=True, seen=0, by=STAFF, why="too small", now=clock())

    with transaction.atomic():
        cards.lock(robe.pk, order.payment.card_key)  # as a late payment begins
        returning = meanwhile(give_back)
        Allowance.objects.select_for_update(nowait=True).get()  # and goes on
    returning.join()
    assert Allowance.objects.get().used == 1


def as_settling_begins(order: Order) -> None:
    """Up to the hot row: its fan is told, whose row is made for the first time."""
    locked, _ = orders.lock_both(order.pk)
    outcomes.confirm(locked, clock())


def test_a_payment_and_an_order_of_nothing_to_pay_of_one_new_fan_do_not_deadlock(robe: Drop) -> None:
    paid_for = fan.placed(robe, at=clock())
    gift = fan.live_drop("gift", skus=("ROBE-M",))
    Offer.objects.filter(drop=gift).update(price_minor=0)
    StoreProfile.objects.update(shipping_minor=0)
    store.forget_store()
    wanted = fan.request(fan.quoted(gift, at=clock()))
    with transaction.atomic():
        as_settling_begins(paid_for)
        ordering = meanwhile(lambda: place_order(gift, wanted, person=fan.PERSON, now=clock()))
        stock.commit(orders.owner_of(paid_for))
    ordering.join()
    assert list(Order.objects.values_list("state", flat=True)) == [OrderState.CONFIRMED] * 2
    assert fan.counts() == (0, 2, 3)


def test_a_payment_and_a_late_one_of_one_new_fan_do_not_deadlock(robe: Drop) -> None:
    in_time, late = fan.placed(robe, at=clock()), fan.placed(robe, at=clock())
    expired_by_hand(late)

    def pay_late() -> None:
        with transaction.atomic():
            late_payments.paid(orders.lock_both(late.pk)[0], clock())

    with transaction.atomic():
        as_settling_begins(in_time)
        paying = meanwhile(pay_late)
        stock.commit(orders.owner_of(in_time))
    paying.join()
    assert list(Order.objects.values_list("state", flat=True)) == [OrderState.CONFIRMED] * 2
    assert (fan.counts(), Allowance.objects.get().used) == ((0, 2, 3), 2)


def test_what_a_late_payment_waited_for_and_an_order_of_its_new_fan_do_not_deadlock(
    robe: Drop, sandbox: SandboxServer
) -> None:
    StoreProfile.objects.update(late_payments=LatePayments.WAIT)
    store.forget_store()
    waits = paid_too_late(robe, sandbox)
    others_let_go()
    other = fan.placed(robe, at=clock())
    with transaction.atomic():
        allowances.take_again(other)  # as an order of nothing to pay begins
        serving = meanwhile(lambda: waiting_offers.serve(clock()))
        notify.bought(other)  # and goes on
    serving.join()
    assert Order.objects.get(pk=waits.pk).state == OrderState.CONFIRMED


def test_a_person_who_is_erased_and_their_late_payment_do_not_deadlock(robe: Drop) -> None:
    order = fan.placed(robe, at=clock())
    expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor="fan", now=clock())
    fans.find_or_create(order.email)
    Drop.objects.update(state=DropState.CLOSED)
    with transaction.atomic():
        allowances.take_again(order)
        erasing = meanwhile(lambda: erasure.ask(order.email, by=STAFF, why="asked", now=clock()))
        notify.bought(order)
    erasing.join()
    assert not Allowance.objects.exists()


def test_a_fan_who_is_erased_while_their_order_is_confirmed_goes_with_its_footprint(robe: Drop) -> None:
    order = fan.placed(robe, at=clock())
    fans.find_or_create(order.email)
    with transaction.atomic():
        notify.bought(order)
        erasing = meanwhile(lambda: erasure.ask(order.email, by=STAFF, why="asked", now=clock()))
    erasing.join()
    assert not Fan.objects.exists()


def test_an_order_that_is_confirmed_while_its_fan_is_erased_has_a_new_one(robe: Drop) -> None:
    Offer.objects.update(price_minor=0)
    StoreProfile.objects.update(shipping_minor=0)
    store.forget_store()
    old, wanted = fans.find_or_create("fan@example.com"), fan.request(fan.quoted(robe, at=clock()))
    with transaction.atomic():
        assert fans.erase("fan@example.com")
        ordering = meanwhile(lambda: place_order(robe, wanted, person=fan.PERSON, now=clock()))
    ordering.join()
    assert Order.objects.get().state == OrderState.CONFIRMED
    assert Fan.objects.get() != old
