"""Every deed locks what others may want in one order, so that no two of them wait for each other.

What deadlocked before is tried with two connections in ``test_lock_order``; here each deed's statements are read.
"""

from collections.abc import Callable

import pytest

from checkout import carts, erasure, expiry, free, payments, pickup, settle, waiting_list, waiting_offers
from checkout.models import CardInDrop, Cart, Discount, Order, OrderState
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import quote
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan, locks
from checkout.tests.test_discount_races import expired_by_hand
from checkout.tests.test_late_payments import others_let_go, paid_too_late
from checkout.tests.test_payments import clock, fresh, later
from checkout.tests.test_refunds import STAFF, give_back
from checkout.tests.test_waiting_list import comes_back, join, sell
from checkout.waiting_models import WaitingPlace
from drops.models import Drop, Offer
from merchant import store
from merchant.models import LatePayments, StoreProfile
from segments import fans

pytestmark = pytest.mark.django_db(transaction=True)
CART, ORDER, PAYMENT, PLACE, CARD, COUNT, ALLOWANCE, FAN, STOCK = locks.THE_ORDER


@pytest.fixture
def off(robe: Drop) -> Discount:
    """Everybody's, and limited: counted for all and for each."""
    return Discount.objects.create(title="Always", basis_points=500, limit_in_all=100)


def shop_says(**changes: object) -> None:
    StoreProfile.objects.update(**changes)
    store.forget_store()


def in_order(deed: Callable[[], object]) -> list[list[str]]:
    found = locks.of(deed)
    for locked in found:
        assert locked == sorted(locked, key=locks.THE_ORDER.index)
    return found


def test_an_order_is_placed_and_ends(robe: Drop, off: Discount) -> None:
    assert in_order(lambda: fan.orders(robe, at=clock())) == [[COUNT, ALLOWANCE, STOCK]]
    order_id = Order.objects.values_list("pk", flat=True).get()
    ends = in_order(lambda: expiry.close(order_id, OrderState.CANCELLED, why="", actor="fan", now=clock()))
    assert ends == [[ORDER, PAYMENT], [ORDER, PAYMENT, COUNT, ALLOWANCE, STOCK]]


def test_a_cart_is_filled_becomes_an_order_and_ends(robe: Drop, off: Discount) -> None:
    Drop.objects.update(hold_from="cart")
    robe.refresh_from_db()
    carts.add(robe, "ROBE-M", 2, token="", now=clock())
    first = Cart.objects.get()
    assert in_order(lambda: carts.change(first, "ROBE-M", 1, now=clock())) == [[CART, STOCK]]
    wanted = fan.request(fan.quoted(robe, at=clock()), cart_id=first.pk)
    assert in_order(lambda: place_order(robe, wanted, person=fan.PERSON, now=clock())) == [[CART, COUNT, ALLOWANCE]]
    carts.add(robe, "ROBE-M", 2, token="", now=clock())
    in_order(lambda: expiry.free_carts(later(minutes=11)))
    assert in_order(lambda: carts.take_again(Cart.objects.latest("pk"), now=later(minutes=11))) == [[CART, STOCK]]


def test_an_order_of_nothing_to_pay_is_confirmed_and_taken_back(robe: Drop) -> None:
    Offer.objects.update(price_minor=0)
    shop_says(shipping_minor=0)
    assert in_order(lambda: fan.orders(robe, at=clock())) == [[ALLOWANCE, FAN, STOCK]]
    order_id = Order.objects.values_list("pk", flat=True).get()
    back = in_order(lambda: free.cancel(order_id, restock=True, by=STAFF, why="a slip", now=clock()))
    assert back == [[ORDER, PAYMENT, ALLOWANCE, STOCK]]


def test_an_order_that_is_paid_at_pick_up_is_collected_or_not(shop: StoreProfile) -> None:
    drop = fan.live_drop(pay_at_pickup=True, pickup_until=later(days=3), pickup_place="Long Street 1")
    agreed = quote(drop, [Wanted("ROBE-M", 1)], country="US", shipping_option="pickup", now=clock())
    wanted = [fan.request(agreed, shipping_option="pickup", payment_method="pickup") for _ in range(2)]
    assert in_order(lambda: place_order(drop, wanted[0], person=fan.PERSON, now=clock())) == [[ALLOWANCE, STOCK]]
    place_order(drop, wanted[1], person=fan.PERSON, now=clock())
    one, other = Order.objects.values_list("pk", flat=True)
    assert in_order(lambda: pickup.collect(one, by=STAFF)) == [[ORDER, PAYMENT, FAN]]
    given_up = in_order(lambda: pickup.cancel(other, by=STAFF, why="nobody came", now=clock()))
    assert given_up == [[ORDER, PAYMENT, ALLOWANCE, STOCK]]


def test_an_order_is_paid_and_some_of_it_comes_back(robe: Drop, off: Discount, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, ("ROBE-M", 2), at=clock(), confirmation_token=fan.card(sandbox))
    assert in_order(lambda: payments.drain(clock))[-1] == [ORDER, PAYMENT, CARD, FAN, STOCK]
    CardInDrop.objects.update(flagged_at=clock())
    assert in_order(lambda: give_back(fresh(order), 1)) == [[ORDER, CARD, ALLOWANCE, STOCK]]


def test_an_order_is_paid_too_late(robe: Drop, off: Discount, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox))
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    intent = payments._pay_intent(job)
    assert intent is not None
    expired_by_hand(order)
    settled = in_order(lambda: settle.settle_intent(order.pk, intent, now=clock()))
    assert settled == [[ORDER, PAYMENT, CARD, COUNT, ALLOWANCE, FAN, STOCK]]
    assert fresh(order).state == OrderState.CONFIRMED


def test_an_order_that_was_paid_too_late_gets_what_it_waited_for(
    robe: Drop, off: Discount, sandbox: SandboxServer
) -> None:
    shop_says(late_payments=LatePayments.WAIT)
    order = paid_too_late(robe, sandbox)
    others_let_go()
    served = in_order(lambda: waiting_offers.serve(clock()))
    assert served == [[ORDER, PAYMENT, PLACE, CARD, COUNT, ALLOWANCE, FAN, STOCK]]
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_place_on_the_waiting_list_has_its_offer_and_leaves(robe: Drop) -> None:
    sell(robe, 5, "others")
    place = join(robe, "first", clock())
    comes_back("others")
    assert in_order(lambda: waiting_offers.serve(clock())) == [[PLACE, STOCK]]
    assert in_order(lambda: waiting_list.leave(place.pk, now=clock())) == [[CART, PLACE, STOCK]]
    assert not WaitingPlace.objects.filter(ended_at=None).exists()


def test_a_person_is_erased(robe: Drop) -> None:
    order = fan.placed(robe, at=clock())
    expiry.close(order.pk, OrderState.CANCELLED, why="", actor="fan", now=clock())
    fans.find_or_create(order.email)
    Drop.objects.update(state="closed")
    locked = in_order(lambda: erasure.ask(order.email, by=STAFF, why="asked", now=clock()))
    assert locked == [[ORDER, PAYMENT, PLACE], [PLACE, COUNT, ALLOWANCE, FAN]]
