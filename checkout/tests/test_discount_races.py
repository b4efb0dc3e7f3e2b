"""Many fans with one code in the same instant: the race shown without the guard, and gone with it."""

import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction

from checkout import allowances, expiry, gateway, orders, payments, settle
from checkout.errors import TotalChanged
from checkout.models import Discount, DiscountCount, Order, OrderState, Payment
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import quote
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_place_order_races import FANS, meanwhile, together
from checkout.totals import redemptions
from checkout.totals.discounts import Used
from checkout.totals.redemptions import ALL
from drops import stock
from drops.models import Drop, Offer
from merchant.models import StoreProfile
from tests.waiting import somebody_waits_for_us, until

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 3


@pytest.fixture
def plenty(shop: StoreProfile) -> Drop:
    return fan.live_drop(total=100)


def code(**limits: int) -> Discount:
    return Discount.objects.create(title="Ten off", code="SAVE10", basis_points=1000, **limits)


def buy_with_the_code(drop: Drop, now: datetime, emails: list[str]) -> dict[str, int]:
    agreed = quote(drop, [Wanted("ROBE-M", 1)], country="US", discount_code="SAVE10", now=now)
    requests = [fan.request(agreed, contact=fan.somebody(email), discount_code="SAVE10") for email in emails]

    def buy(number: int) -> str:
        try:
            place_order(drop, requests[number], person=fan.PERSON, now=now)
        except TotalChanged:
            return "agree anew"
        return "placed"

    return together(buy, len(emails))


def test_a_limit_in_all_is_never_passed(plenty: Drop, now: datetime) -> None:
    code(limit_in_all=LIMIT)
    answers = buy_with_the_code(plenty, now, [f"{n}@example.com" for n in range(FANS)])
    assert answers == {"placed": LIMIT, "agree anew": FANS - LIMIT}
    assert DiscountCount.objects.get(person_key=ALL).used == LIMIT
    assert Order.objects.filter(discount_minor=480).count() == LIMIT


def test_a_persons_twins_use_it_once(plenty: Drop, now: datetime) -> None:
    code(limit_per_person=1)
    assert buy_with_the_code(plenty, now, ["fan@example.com"] * 2) == {"placed": 1, "agree anew": 1}
    assert Order.objects.count() == 1


def test_without_the_guard_everybody_passes_it(plenty: Drop) -> None:
    """The guard taken away: look first, count then. Everybody looks before anybody has counted."""
    discount, all_looked = code(limit_in_all=LIMIT), threading.Barrier(FANS)
    DiscountCount.objects.create(discount=discount, person_key=ALL)

    def naive(_: int) -> str:
        with transaction.atomic():
            count = DiscountCount.objects.get(discount=discount)
            all_looked.wait()
            if count.used >= LIMIT:
                return "agree anew"
            count.used += 1
            count.save()
        return "placed"

    assert together(naive) == {"placed": FANS}


def test_a_limit_that_is_set_while_an_order_counts_has_counted_it(plenty: Drop) -> None:
    discount = code(limit_in_all=100)
    used = Used(discount.pk, "Ten off", "SAVE10", 1, of_shipping=False, limit_in_all=100, limit_per_person=None)
    redemptions.take([used], "first@example.com")
    with transaction.atomic():
        redemptions.take([used], "second@example.com")
        setting = meanwhile(lambda: redemptions.count_all(discount.pk))
    setting.join()
    assert DiscountCount.objects.get(person_key=ALL).used == 2


def test_many_orders_with_two_counted_discounts_all_go_through(plenty: Drop, now: datetime) -> None:
    code(limit_in_all=100)
    Discount.objects.create(title="Always", basis_points=500, limit_in_all=100)
    answers = buy_with_the_code(plenty, now, [f"{n}@example.com" for n in range(FANS)])
    assert answers == {"placed": FANS}
    assert set(DiscountCount.objects.filter(person_key=ALL).values_list("used", flat=True)) == {FANS}


def test_an_order_and_the_end_of_another_of_the_same_person_do_not_deadlock(plenty: Drop, now: datetime) -> None:
    """Both lock the discount's counts before the person's allowances."""
    code(limit_in_all=100)
    drop = fan.live_drop("other", total=100, skus=("OTHER-M",))
    Offer.objects.update(per_person_limit=50)
    agreed = quote(drop, [Wanted("OTHER-M", 1)], country="US", discount_code="SAVE10", now=now)
    requests = [fan.request(agreed, discount_code="SAVE10") for _ in range(FANS)]
    half = FANS // 2
    ending = [fan.found(place_order(drop, each, person=fan.PERSON, now=now)).pk for each in requests[:half]]

    def act(number: int) -> str:
        if number < half:
            expiry.close(ending[number], OrderState.EXPIRED, why="time", actor="worker", now=now + timedelta(hours=1))
            return "ended"
        place_order(drop, requests[number], person=fan.PERSON, now=now)
        return "placed"

    assert together(act) == {"ended": half, "placed": half}
    assert set(DiscountCount.objects.values_list("used", flat=True)) == {half}


def test_an_order_and_a_late_payment_with_the_same_code_do_not_deadlock(
    plenty: Drop, now: datetime, sandbox: SandboxServer
) -> None:
    """The discount's count before the hot stock row, in both: in between the order stands with the count alone."""
    discount = code(limit_in_all=100)
    agreed = quote(plenty, [Wanted("ROBE-M", 1)], country="US", discount_code="SAVE10", now=now)
    wanted = fan.request(agreed, discount_code="SAVE10", confirmation_token=fan.card(sandbox))
    late = fan.found(place_order(plenty, wanted, person=fan.PERSON, now=now))
    job = payments._begin(payments.claim(now), now)  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)
    expired_by_hand(late)

    def settle_late() -> None:
        intent = gateway.retrieve_intent(Payment.objects.get(order=late).intent_id)
        settle.settle_intent(late.pk, intent, now=now)
        connection.close()

    settling = threading.Thread(target=settle_late)
    with transaction.atomic():
        DiscountCount.objects.select_for_update().get(discount=discount, person_key=ALL)
        settling.start()
        until(somebody_waits_for_us)
        with connection.cursor() as cursor:  # as an order goes on; a deadlock would be found here
            cursor.execute("SELECT 1 FROM drops_stockitem WHERE code = 'ROBE-M' FOR UPDATE NOWAIT")
    settling.join()
    late.refresh_from_db()
    assert late.state == OrderState.CONFIRMED
    assert set(DiscountCount.objects.values_list("used", flat=True)) == {1}


def expired_by_hand(order: Order) -> None:
    """Its units went and its money came: nothing counts for it any more."""
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    allowances.give_back(order)
    redemptions.give_back(order)
    stock.release(orders.owner_of(order))
