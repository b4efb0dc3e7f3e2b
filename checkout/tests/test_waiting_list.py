"""The waiting list: one place a person, strictly in turn, and nobody buys past those who wait."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from checkout import carts, expiry, waiting_list, waiting_offers
from checkout.errors import HoldEnded, Invalid, NotWaiting, WaitingListOff
from checkout.models import Cart, Order
from checkout.tests import fan
from checkout.tokens import offer_token, place_token
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import stock
from drops.errors import NotOpen, SoldOut, StillThere, UnknownOffer
from drops.models import Drop, DropState, Hold, HoldState, StockItem
from drops.stock import Owner
from merchant.models import JournalEntry, StoreProfile
from segments import opt_in
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
S = PlaceState


@pytest.fixture(autouse=True)
def _nobody_asked_yet() -> None:
    opt_in.forget_counts()


@pytest.fixture
def gone(shop: StoreProfile, now: datetime) -> Drop:
    """A live drop whose three robes are all in one cart."""
    drop = fan.live_drop(total=3, hold_from="order")
    sell(drop, 2, "a")
    sell(drop, 1, "b")
    return drop


def sell(drop: Drop, units: int, name: str) -> None:
    item = StockItem.objects.get(code="ROBE-M")
    until = timezone.now() + timedelta(hours=2)
    stock.hold([stock.Need(item.pk, units)], owner=_owner(name), expires_at=until, hard_cap_at=until)


def comes_back(name: str) -> None:
    stock.release(_owner(name))


def _owner(name: str) -> Owner:
    return Owner(stock.OwnerKind.ORDER, f"FR-{name}")


def join(drop: Drop, name: str, now: datetime, quantity: int = 1) -> WaitingPlace:
    joined = waiting_list.join(drop, "ROBE-M", quantity, f"{name}@example.com", now=now)
    assert joined.place is not None
    return joined.place


def state(place: WaitingPlace) -> str:
    return WaitingPlace.objects.get(pk=place.pk).state


def mails(place: WaitingPlace) -> list[str]:
    return list(Message.objects.filter(to=place.email).order_by("pk").values_list("kind", flat=True))


def books_balance() -> bool:
    """The counters are the sums of their holds, and nothing is sold past the stock."""
    for item in StockItem.objects.all():
        sums = dict.fromkeys(HoldState.values, 0)
        for kept in Hold.objects.filter(stock_item_id=item.pk):
            sums[kept.state] += kept.quantity
        counted = (item.held, item.sold, item.awaited)
        if counted != (sums["active"], sums["committed"], sums["awaited"]) or item.free < 0:
            return False
    return True


def test_what_comes_back_is_held_for_the_head_of_the_list(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now), join(gone, "second", now)
    assert [waiting_list.number(place) for place in (first, second)] == [1, 2]
    comes_back("b")
    assert fan.counts() == (2, 0, -1)
    with pytest.raises(SoldOut):
        fan.placed(gone, at=now)
    assert waiting_offers.sweep(now) == 1
    assert (state(first), state(second), fan.counts()) == (S.OFFERED, S.WAITING, (3, 0, -1))
    first.refresh_from_db()
    assert first.offered_until == now + timedelta(minutes=20)
    assert mails(first) == ["waiting_joined", "waiting_offered"]
    assert mails(second) == ["waiting_joined"]
    assert waiting_list.number(second) == 1
    assert books_balance()


def test_an_offer_is_bought_in_the_ordinary_checkout(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now, quantity=2)
    comes_back("a")
    waiting_offers.sweep(now)
    place.refresh_from_db()
    cart = carts.open_cart(offer_token(place.token_nonce), gone)
    assert cart is not None
    order = fan.placed(gone, ("ROBE-M", 2), at=now, cart_id=cart.pk, contact=fan.somebody("first@example.com"))
    assert order.hold_expires_at == place.offered_until
    assert fan.counts() == (3, 0, 0)
    waiting_offers.sweep(now)
    assert state(place) == S.BOUGHT
    assert books_balance()


def test_an_offer_that_its_fan_let_go_in_this_moment_has_ended(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    comes_back("b")
    waiting_offers.sweep(now)
    place.refresh_from_db()
    waiting_list.leave(place.pk, now=now)
    with pytest.raises(HoldEnded):
        fan.placed(gone, at=now, cart_id=place.cart_id)
    assert Order.objects.count() == 0


def test_an_offer_that_is_not_taken_goes_to_the_next_and_both_are_told(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now), join(gone, "second", now)
    comes_back("b")
    waiting_offers.sweep(now)
    later = now + timedelta(minutes=21)
    expiry.sweep(later)
    waiting_offers.sweep(later)
    assert (state(first), state(second)) == (S.LAPSED, S.OFFERED)
    assert mails(first) == ["waiting_joined", "waiting_offered", "waiting_lapsed"]
    assert mails(second) == ["waiting_joined", "waiting_offered"]
    assert fan.counts() == (3, 0, 0)
    assert books_balance()


def test_who_gave_part_of_the_offer_back_gave_it_to_the_next(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now, quantity=2), join(gone, "second", now)
    comes_back("a")
    waiting_offers.sweep(now)
    cart = carts.open_cart(offer_token(first.token_nonce), gone)
    assert cart is not None
    carts.change(cart, "ROBE-M", 1, now=now)
    waiting_offers.sweep(now)
    assert (state(first), state(second), fan.counts()) == (S.OFFERED, S.OFFERED, (3, 0, 0))


def test_joining_twice_changes_nothing_and_the_mail_says_the_place(gone: Drop, now: datetime) -> None:
    first = waiting_list.join(gone, "ROBE-M", 1, "Fan@example.com", now=now)
    join(gone, "other", now)
    opt_in.forget_counts()  # ten minutes later
    again = waiting_list.join(gone, "ROBE-M", 2, "fan@EXAMPLE.com", now=now)
    assert first.place is not None
    assert again.place is not None
    assert (first.is_new, again.is_new, again.place.pk, again.place.quantity) == (True, False, first.place.pk, 1)
    assert (waiting_list.number(again.place), fan.counts()) == (1, (3, 0, -2))
    assert mails(first.place) == ["waiting_joined", "waiting_again"]
    told = Message.objects.get(kind="waiting_again")
    assert "You wait for 1 × Robe, M and are number 1: you keep your place." in told.text
    assert f"/waiting/{place_token(first.place.token_nonce)}/" in told.text


def test_who_is_typed_again_and_again_gets_one_mail_in_ten_minutes(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    for _ in range(3):
        join(gone, "first", now)
    assert mails(place) == ["waiting_joined"]
    opt_in.forget_counts()
    for _ in range(3):
        join(gone, "first", now)
    assert mails(place) == ["waiting_joined", "waiting_again"]


def test_who_has_an_offer_and_joins_again_is_told_of_it(gone: Drop, now: datetime) -> None:
    join(gone, "first", now)
    comes_back("b")
    waiting_offers.sweep(now)
    opt_in.forget_counts()
    join(gone, "first", now)
    assert "1 × Robe, M is held for you at this moment." in Message.objects.get(kind="waiting_again").text


def test_what_is_on_sale_is_refused_to_who_waits_as_to_everybody(gone: Drop, now: datetime) -> None:
    join(gone, "first", now)
    stock.restock(StockItem.objects.get().pk, 4, actor="staff:owner", why="a parcel")
    for name in ("first", "second"):
        with pytest.raises(StillThere):
            join(gone, name, now)


def test_who_leaves_makes_room_and_may_come_back_at_the_end(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now), join(gone, "second", now)
    waiting_list.leave(first.pk, now=now)
    with pytest.raises(NotWaiting):
        waiting_list.leave(first.pk, now=now)
    again = join(gone, "first", now)
    assert [waiting_list.number(place) for place in (second, again)] == [1, 2]
    assert fan.counts() == (3, 0, -2)
    assert books_balance()


def test_who_leaves_with_an_offer_gives_it_to_the_next(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now), join(gone, "second", now)
    comes_back("b")
    waiting_offers.sweep(now)
    waiting_list.leave(first.pk, now=now)
    waiting_offers.sweep(now)
    assert (state(first), state(second), fan.counts()) == (S.LEFT, S.OFFERED, (3, 0, 0))


def test_what_was_ordered_cannot_be_left_any_more(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    comes_back("b")
    waiting_offers.sweep(now)
    cart = Cart.objects.get(offered=True)
    fan.placed(gone, at=now, cart_id=cart.pk)
    with pytest.raises(NotWaiting):
        waiting_list.leave(place.pk, now=now)
    assert (Order.objects.count(), fan.counts()) == (1, (3, 0, 0))


def test_staff_remove_with_a_reason(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    waiting_list.remove(place.pk, by="staff:owner", why="a made-up address", now=now)
    comes_back("b")
    assert (state(place), fan.counts()) == (S.REMOVED, (2, 0, 1))
    entry = JournalEntry.objects.get(subject=place.subject, verb="removed")
    assert (entry.actor, entry.why) == ("staff:owner", "a made-up address")


def test_staff_may_offer_out_of_turn_what_is_there(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now), join(gone, "second", now)
    assert waiting_offers.offer(second.pk, now=now, by="staff:owner") is False
    comes_back("b")
    assert waiting_offers.offer(second.pk, now=now, by="staff:owner") is True
    assert (state(first), state(second)) == (S.WAITING, S.OFFERED)
    assert JournalEntry.objects.get(subject=second.subject, verb="offered").actor == "staff:owner"


def test_a_group_is_served_whole_and_what_came_first_waits_for_the_rest(gone: Drop, now: datetime) -> None:
    group, single = join(gone, "group", now, quantity=2), join(gone, "single", now)
    comes_back("b")
    assert waiting_offers.sweep(now) == 0
    assert (state(group), state(single), fan.counts()) == (S.WAITING, S.WAITING, (2, 0, -2))
    comes_back("a")
    assert waiting_offers.sweep(now + timedelta(minutes=19)) == 2
    assert (state(group), state(single), fan.counts()) == (S.OFFERED, S.OFFERED, (3, 0, 0))


def test_a_group_that_cannot_be_served_lets_the_next_pass_after_the_time_of_an_offer(gone: Drop, now: datetime) -> None:
    group, single = join(gone, "group", now, quantity=2), join(gone, "single", now)
    comes_back("b")
    waiting_offers.sweep(now)
    assert waiting_offers.sweep(now + timedelta(minutes=20)) == 1
    assert (state(group), state(single)) == (S.WAITING, S.OFFERED)
    waiting_offers.sweep(now + timedelta(minutes=20))
    group.refresh_from_db()
    assert (group.short_since, waiting_list.number(group)) == (None, 1)


def test_what_no_group_can_use_goes_on_sale_and_is_waited_for_again_once_sold(gone: Drop, now: datetime) -> None:
    group = join(gone, "group", now, quantity=2)
    comes_back("b")
    waiting_offers.sweep(now)
    later = now + timedelta(minutes=20)
    waiting_offers.sweep(later)
    assert (state(group), fan.counts()) == (S.WAITING, (2, 0, 1))
    waiting_offers.sweep(later)
    assert fan.counts() == (2, 0, 1)
    fan.placed(gone, at=later)
    waiting_offers.sweep(later)
    assert fan.counts() == (3, 0, -2)
    comes_back("a")
    assert waiting_offers.sweep(later) == 1
    assert (state(group), books_balance()) == (S.OFFERED, True)


def test_a_group_whose_units_are_on_sale_takes_them_when_there_are_enough(gone: Drop, now: datetime) -> None:
    group = join(gone, "group", now, quantity=2)
    comes_back("b")
    waiting_offers.sweep(now)
    later = now + timedelta(minutes=20)
    waiting_offers.sweep(later)
    comes_back("a")
    assert fan.counts() == (0, 0, 3)
    waiting_offers.sweep(later)
    assert (state(group), fan.counts(), books_balance()) == (S.OFFERED, (2, 0, 1), True)


def test_a_group_whose_units_are_on_sale_gets_no_offer_while_the_drop_is_paused(gone: Drop, now: datetime) -> None:
    """Its time to take it would run while nobody may buy."""
    group = join(gone, "group", now, quantity=2)
    comes_back("b")
    waiting_offers.sweep(now)
    later = now + timedelta(minutes=20)
    waiting_offers.sweep(later)
    Drop.objects.update(state=DropState.PAUSED)
    comes_back("a")
    waiting_offers.sweep(later)
    assert (state(group), fan.counts()) == (S.WAITING, (0, 0, 3))
    Drop.objects.update(state=DropState.LIVE)
    waiting_offers.sweep(later)
    assert (state(group), books_balance()) == (S.OFFERED, True)


def test_the_list_ends_with_its_drop(gone: Drop, now: datetime) -> None:
    offered, waits = join(gone, "first", now), join(gone, "second", now)
    comes_back("b")
    waiting_offers.sweep(now)
    Drop.objects.update(state=DropState.CLOSED)
    waiting_offers.sweep(now)
    assert (state(offered), state(waits), fan.counts()) == (S.CLOSED, S.CLOSED, (2, 0, 1))
    assert mails(waits) == ["waiting_joined", "waiting_closed"]
    assert books_balance()


def test_a_paused_drop_offers_nothing_and_keeps_what_comes_back(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    Drop.objects.update(state=DropState.PAUSED)
    comes_back("b")
    assert waiting_offers.sweep(now) == 0
    assert (state(place), fan.counts()) == (S.WAITING, (2, 0, 0))
    Drop.objects.update(state=DropState.LIVE)
    assert waiting_offers.sweep(now) == 1


def test_an_offer_never_lasts_longer_than_its_drop(gone: Drop, now: datetime) -> None:
    Drop.objects.update(ends_at=now + timedelta(minutes=7))
    place = join(gone, "first", now)
    comes_back("b")
    waiting_offers.sweep(now)
    place.refresh_from_db()
    assert place.offered_until == now + timedelta(minutes=7)


def test_refuses_what_cannot_be_waited_for(gone: Drop, now: datetime) -> None:
    for quantity in (0, 3, -1):
        with pytest.raises(Invalid) as wrong:
            join(gone, "first", now, quantity=quantity)
        assert list(wrong.value.fields) == ["quantity"]
    with pytest.raises(UnknownOffer):
        waiting_list.join(gone, "NO-SUCH", 1, "fan@example.com", now=now)
    comes_back("b")
    with pytest.raises(StillThere):
        join(gone, "first", now)
    Drop.objects.update(state=DropState.CLOSED)
    with pytest.raises(NotOpen):
        join(gone, "first", now)
    Drop.objects.update(waiting_list=False)
    with pytest.raises(WaitingListOff):
        join(gone, "first", now)
    assert (WaitingPlace.objects.count(), Message.objects.count(), books_balance()) == (0, 0, True)


def test_who_has_all_they_may_have_cannot_wait_for_more(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop(total=2)
    fan.placed(drop, ("ROBE-M", 2), at=now, contact=fan.somebody("first@example.com"))
    Message.objects.all().delete()
    for _ in range(2):
        joined = waiting_list.join(drop, "ROBE-M", 1, "first@example.com", now=now)
        assert (joined.place, joined.is_new, WaitingPlace.objects.count()) == (None, False, 0)
    told = Message.objects.get()
    assert (told.to, told.kind) == ("first@example.com", "waiting_enough")
    assert "One person may have 2 of it" in told.text
    assert state(join(drop, "second", now)) == S.WAITING


def test_units_that_come_in_go_to_who_waits_first(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    stock.restock(StockItem.objects.get().pk, 4, actor="staff:owner", why="a parcel")
    assert fan.counts() == (3, 0, 3)
    assert waiting_offers.sweep(now) == 1
    assert (state(place), fan.counts()) == (S.OFFERED, (4, 0, 3))
