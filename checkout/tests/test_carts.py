"""Carts: adding takes the hold, editing never lengthens it, and the order inherits it."""

from datetime import datetime, timedelta

import pytest

from checkout import carts, expiry, waiting_list, waiting_offers
from checkout.cart_queries import hold_view
from checkout.errors import AlreadyOrdered, HoldEnded, Invalid
from checkout.models import Cart, Order
from checkout.order_request import Placed
from checkout.place_order import place_order
from checkout.tests import fan
from drops.errors import HoldExpired, LimitReached, NotOpen, SoldOut
from drops.models import Drop, DropState, Hold
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(total=3, skus=("ROBE-L", "ROBE-M"), hold_from="cart")


def order_cart(cart: Cart, drop: Drop, at: datetime) -> Placed:
    lines = [(line.sku, line.quantity) for line in carts.contents(cart)]
    return place_order(drop, fan.request(fan.quoted(drop, *lines, at=at), cart_id=cart.pk), person=fan.PERSON, now=at)


def test_adding_takes_the_hold_and_starts_its_clock(drop: Drop, now: datetime) -> None:
    cart, token = carts.add(drop, "ROBE-M", 1, token="", now=now)
    assert cart.expires_at == now + timedelta(minutes=10)
    assert fan.counts() == (1, 0, 2)
    assert carts.open_cart(token, drop) == cart
    assert token not in Cart.objects.values_list("token_hash", flat=True)


def test_c33_edits_never_extend_the_hold(drop: Drop, now: datetime) -> None:
    cart, token = carts.add(drop, "ROBE-M", 1, token="", now=now)
    end = cart.expires_at
    carts.change(cart, "ROBE-M", 1, now=now + timedelta(minutes=1))
    carts.change(cart, "ROBE-M", 2, now=now + timedelta(minutes=2))
    carts.add(drop, "ROBE-L", 1, token=token, now=now + timedelta(minutes=3))
    carts.change(cart, "ROBE-M", 1, now=now + timedelta(minutes=4))
    assert Cart.objects.get().expires_at == end
    assert set(Hold.objects.filter(state="active").values_list("expires_at", flat=True)) == {end}
    assert (fan.counts("ROBE-M"), fan.counts("ROBE-L")) == ((1, 0, 2), (1, 0, 2))


def test_c33_only_asking_for_more_time_gives_more_and_never_past_the_cap(drop: Drop, now: datetime) -> None:
    cart, token = carts.add(drop, "ROBE-M", 1, token="", now=now)
    assert carts.extend(cart, now=now + timedelta(minutes=9)) == now + timedelta(minutes=19)
    carts.add(drop, "ROBE-L", 1, token=token, now=now + timedelta(minutes=10))  # inherits the clock of the first
    assert carts.extend(cart, now=now + timedelta(minutes=18)) == now + timedelta(minutes=25)
    assert carts.extend(cart, now=now + timedelta(minutes=24)) == now + timedelta(minutes=25)
    ends = {(hold.expires_at, hold.hard_cap_at) for hold in Hold.objects.filter(state="active")}
    assert ends == {(now + timedelta(minutes=25), now + timedelta(minutes=25))}
    assert expiry.sweep(now + timedelta(minutes=25)) == 1
    assert (fan.counts("ROBE-M"), fan.counts("ROBE-L")) == ((0, 0, 3), (0, 0, 3))


def test_an_order_inherits_the_extended_clock_and_the_first_cap(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 1, token="", now=now)
    carts.extend(cart, now=now + timedelta(minutes=9))
    order = fan.found(order_cart(Cart.objects.get(), drop, now + timedelta(minutes=12)))
    assert (order.hold_expires_at, order.hard_cap_at) == (now + timedelta(minutes=19), now + timedelta(minutes=25))


def test_what_has_ended_is_not_extended_but_taken_again(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    late = now + timedelta(minutes=11)
    with pytest.raises(HoldExpired):
        carts.extend(cart, now=late)
    expiry.sweep(late)
    carts.take_again(cart, now=late)
    cart.refresh_from_db()
    assert (cart.expires_at, cart.hard_cap_at) == (late + timedelta(minutes=10), late + timedelta(minutes=25))
    assert fan.counts() == (2, 0, 1)


def test_what_ended_is_not_taken_again_past_somebody_who_waits_for_it(drop: Drop, now: datetime) -> None:
    """However quick its fan is: between the end and the sweep it is nobody's to keep, nor past the hard cap."""
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    carts.add(drop, "ROBE-M", 1, token="", now=now)
    waiting_list.join(drop, "ROBE-M", 1, "next@example.com", now=now)
    late = now + timedelta(minutes=11)
    with pytest.raises(HoldExpired):
        carts.keep(cart, now=late)
    carts.change(cart, "ROBE-M", 0, now=late)
    assert waiting_offers.serve(late) == 1


def test_what_ended_is_not_ordered_past_somebody_who_waits_for_it(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    carts.add(drop, "ROBE-M", 1, token="", now=now)
    waiting_list.join(drop, "ROBE-M", 1, "next@example.com", now=now)
    with pytest.raises(HoldEnded):
        order_cart(cart, drop, now + timedelta(minutes=10))
    assert (Order.objects.count(), fan.counts()) == (0, (3, 0, -1))
    assert order_cart(cart, drop, now + timedelta(minutes=9, seconds=59)).reply["status"] == "placed"


def test_what_others_have_by_now_cannot_be_taken_again(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    late = now + timedelta(minutes=11)
    expiry.sweep(late)
    carts.add(drop, "ROBE-M", 2, token="", now=late)
    with pytest.raises(SoldOut):
        carts.take_again(cart, now=late)
    assert fan.counts() == (2, 0, 1)


def test_the_fan_is_told_how_much_longer_is_possible(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 1, token="", now=now)
    first = hold_view(cart, drop, now)
    assert (first.warn_at, first.keep_minutes) == (now + timedelta(minutes=8), 10)
    for minutes in (9, 18):
        carts.extend(cart, now=now + timedelta(minutes=minutes))
    cart.refresh_from_db()
    assert hold_view(cart, drop, now + timedelta(minutes=20)).keep_minutes == 0, "the cap is reached"
    assert hold_view(cart, drop, now + timedelta(minutes=26)).ended


def test_taking_a_line_out_frees_its_units(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    carts.change(cart, "ROBE-M", 0, now=now)
    assert fan.counts() == (0, 0, 3)
    assert carts.contents(cart) == ()


def test_while_nothing_is_sold_a_cart_only_gets_smaller(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 1, token="", now=now)
    Drop.objects.update(state=DropState.PAUSED)
    with pytest.raises(NotOpen):
        carts.change(cart, "ROBE-M", 2, now=now)
    assert fan.counts() == (1, 0, 2)
    carts.change(cart, "ROBE-M", 0, now=now)
    assert fan.counts() == (0, 0, 3)


def test_a_refused_edit_changes_nothing(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    with pytest.raises(LimitReached):
        carts.change(cart, "ROBE-M", 3, now=now)
    other, _ = carts.add(drop, "ROBE-M", 1, token="", now=now)
    with pytest.raises(SoldOut) as refusal:
        carts.change(other, "ROBE-M", 2, now=now)
    assert refusal.value.in_other_carts
    assert fan.counts() == (3, 0, 0)
    assert [line.quantity for line in carts.contents(other)] == [1]


def test_refuses_a_negative_number_and_a_closed_drop(drop: Drop, now: datetime) -> None:
    with pytest.raises(Invalid):
        carts.add(drop, "ROBE-M", -1, token="", now=now)
    Drop.objects.update(state="closed")
    drop.refresh_from_db()
    with pytest.raises(NotOpen):
        carts.add(drop, "ROBE-M", 1, token="", now=now)
    assert Cart.objects.count() == 0


def test_the_order_inherits_the_hold_and_its_clock(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    order = fan.found(order_cart(cart, drop, now + timedelta(minutes=8)))
    assert order.hold_expires_at == now + timedelta(minutes=10)
    assert order.hard_cap_at == now + timedelta(minutes=25)
    assert fan.counts() == (2, 0, 1)
    assert [hold.owner_ref for hold in Hold.objects.filter(state="active")] == [order.reference]


def test_c19_the_fans_own_hold_does_not_block_them(drop: Drop, now: datetime) -> None:
    Drop.objects.update(hold_minutes=10)
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    carts.add(drop, "ROBE-M", 1, token="", now=now)
    order_cart(cart, drop, now)  # nothing is free any more, and still it is theirs
    assert fan.counts() == (3, 0, 0)


def test_a_second_tab_is_led_to_the_order(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 1, token="", now=now)
    first = order_cart(cart, drop, now)
    with pytest.raises(AlreadyOrdered) as twin:
        order_cart(cart, drop, now)
    assert twin.value.order == fan.found(first)
    assert fan.counts() == (1, 0, 2)


def test_an_ended_hold_is_taken_again_where_the_stock_allows(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    later = now + timedelta(minutes=11)
    assert expiry.sweep(later) == 1
    assert fan.counts() == (0, 0, 3)
    order = fan.found(order_cart(cart, drop, later))
    assert (order.hold_expires_at, fan.counts()) == (later + timedelta(minutes=10), (2, 0, 1))


def test_c4_an_ended_hold_is_refused_where_it_does_not(drop: Drop, now: datetime) -> None:
    cart, _ = carts.add(drop, "ROBE-M", 2, token="", now=now)
    later = now + timedelta(minutes=11)
    expiry.sweep(later)
    carts.add(drop, "ROBE-M", 2, token="", now=later)
    with pytest.raises(HoldEnded):
        order_cart(cart, drop, later)
    assert fan.counts() == (2, 0, 1)


def test_what_was_put_in_when_carts_held_no_more_is_taken_with_the_order(drop: Drop, now: datetime) -> None:
    cart, token = carts.add(drop, "ROBE-M", 1, token="", now=now)
    Drop.objects.update(hold_from="order")
    drop.refresh_from_db()
    carts.add(drop, "ROBE-L", 2, token=token, now=now)
    assert (fan.counts("ROBE-M"), fan.counts("ROBE-L")) == ((1, 0, 2), (0, 0, 3))
    cart.refresh_from_db()
    order = fan.found(order_cart(cart, drop, now))
    assert (fan.counts("ROBE-M"), fan.counts("ROBE-L")) == ((1, 0, 2), (2, 0, 1))
    assert Hold.objects.filter(owner_ref=order.reference).count() == 2


def test_c34_abandoned_carts_are_swept_and_every_unit_is_sellable_again(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop("big", total=50, skus=("BIG-M",), hold_from="cart")
    for _ in range(50):
        carts.add(drop, "BIG-M", 1, token="", now=now)
    assert fan.counts("BIG-M") == (50, 0, 0)
    assert expiry.sweep(now + timedelta(minutes=11)) == 50
    assert fan.counts("BIG-M") == (0, 0, 50)
    assert expiry.sweep(now + timedelta(minutes=11)) == 0


def test_a_cart_changed_in_another_tab_is_not_ordered_unseen(drop: Drop, now: datetime) -> None:
    cart, token = carts.add(drop, "ROBE-M", 1, token="", now=now)
    request = fan.request(fan.quoted(drop, at=now), cart_id=cart.pk)
    carts.add(drop, "ROBE-L", 1, token=token, now=now)
    with pytest.raises(Invalid):
        place_order(drop, request, person=fan.PERSON, now=now)
    assert Cart.objects.get().closed_at is None
