"""What two deeds lock for one person they lock in the same order, so that neither waits for the other for ever."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from checkout import allowances, cards, expiry, returns
from checkout.contact import Contact
from checkout.models import Allowance, CardInDrop, OrderState
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock
from checkout.tests.test_refunds import STAFF, paid
from drops.models import Drop, Offer
from tests.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)


def meanwhile(deed: Callable[[], object]) -> threading.Thread:
    """Begin a deed in a connection of its own, and come back when it waits for what is locked in this one."""

    def run() -> None:
        try:
            deed()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    until(somebody_waits_for_us)
    return thread


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
