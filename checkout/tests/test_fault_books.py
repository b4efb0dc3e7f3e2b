"""The books of a fault run find what must not be: they are only worth what they would notice."""

from datetime import datetime, timedelta

import pytest

from checkout import carts, expiry, gateway, payments, waiting_list, waiting_offers
from checkout.models import Order, OrderState, Payment, PaymentState
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_capture import authorised, robe
from checkout.tests.test_payments import clock, fresh
from checkout.tests.test_waiting_list import comes_back, gone, join
from checkout.tokens import offer_token, place_token
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import awaited
from drops.models import Drop
from merchant import journal
from segments.models import Message
from tests.faults.books import Books, WaitingLine, unheard, unrest

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["gone", "robe"]


def money(drop: Drop, sandbox: SandboxServer, order: Order) -> list[str]:
    """What they say about money alone: these orders are bent by hand."""
    books = Books(drop, 5, sandbox.charges(order.reference))
    orders = [fresh(order)]
    return [*books._money(orders), *books._set_aside(orders)]


def take_at_the_provider(order: Order) -> None:
    gateway.capture_intent(order.payment.intent_id, key=f"{order.reference} by hand")


def test_what_was_captured_once_is_in_order(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    payments.drain(clock)
    assert money(robe, sandbox, order) == []


def test_a_capture_for_an_order_that_ended_is_found_though_it_went_back(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    take_at_the_provider(order)
    gateway.refund(order.payment.intent_id, 5400, key=f"{order.reference} back")
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED, captured_minor=5400, refunded_minor=5400)
    Payment.objects.filter(order=order).update(state=PaymentState.PAID)
    assert money(robe, sandbox, order) == [f"{order} (expired): captured, though it ended"]


def test_a_second_capture_is_found(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    payments.drain(clock)
    again = gateway.create_intent(
        order.reference, order.total, email=order.email, key=f"{order.reference} again", manual=True
    )
    gateway.confirm_intent(
        again.id, fan.card(sandbox), return_url="http://127.0.0.1/", key=f"{order.reference} again, confirm"
    )
    gateway.capture_intent(again.id, key=f"{order.reference} again, capture")
    assert f"{order} (confirmed): charged 2 times" in money(robe, sandbox, order)


def test_what_is_left_set_aside_for_an_order_that_ended_is_found(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    assert money(robe, sandbox, order) == [
        f"{order.reference}: 5400 is still set aside at a bank",
        f"{order} (expired): its payment is due, and still set aside",
    ]
    assert unheard(robe, sandbox.charges(order.reference)) == 1


def test_what_was_let_go_twice_is_found(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    assert expiry.close(order.pk, OrderState.CANCELLED, why="a test", actor="staff:x", now=clock())
    assert money(robe, sandbox, order) == []
    for _ in range(2):
        journal.record(order.subject, "let_go", actor=journal.WORKER)
    assert money(robe, sandbox, order) == [f"{order}: 2 × let_go"]


# --- the waiting list ------------------------------------------------------------------------------------------------


def line(drop: Drop, *promised: WaitingPlace) -> list[str]:
    return list(WaitingLine(drop, [place_token(place.token_nonce) for place in promised]).faults())


def bought(place: WaitingPlace, drop: Drop, now: datetime, email: str) -> Order:
    place.refresh_from_db()
    cart = carts.open_cart(offer_token(place.token_nonce), drop)
    assert cart is not None
    order = fan.placed(drop, ("ROBE-M", 1), at=now, cart_id=cart.pk, contact=fan.somebody(email))
    waiting_offers.sweep(now)
    return order


def test_a_list_on_which_everybody_came_to_an_end_is_in_order(gone: Drop, now: datetime) -> None:
    """One took it up, one let it pass, one left, one gave it back, and to one nothing came."""
    places = [join(gone, name, now) for name in ("buys", "sleeps", "left", "returns", "last")]
    waiting_list.leave(places[2].pk, now=now)
    comes_back("b")
    waiting_offers.sweep(now)
    bought(places[0], gone, now, "buys@example.com")
    comes_back("a")
    waiting_offers.sweep(now)
    waiting_list.leave(places[3].pk, now=now)
    Drop.objects.filter(pk=gone.pk).update(ends_at=now + timedelta(minutes=30))
    expiry.sweep(now + timedelta(minutes=21))
    for _ in range(2):
        waiting_offers.sweep(now + timedelta(minutes=31))
    ends = list(WaitingPlace.objects.order_by("pk").values_list("state", flat=True))
    assert ends == ["bought", "lapsed", "left", "left", "closed"]
    assert (line(gone, *places), unrest(gone).get("places")) == ([], None)


def test_a_lost_place_is_found(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    waiting_list.leave(place.pk, now=now)
    assert line(gone, place) == []
    WaitingPlace.objects.all().delete()
    assert line(gone, place) == ["1 places in line were promised and are lost"]


def test_who_is_still_in_line_is_found(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    says = f"{place.subject} (waiting)"
    assert line(gone, place) == [
        f"{says}: its journal says {{'joined': 1}}",
        f"{says}: is still in line",
        f"{says}: still claims units",
    ]
    assert unrest(gone)["places"] == 1


def test_an_ended_place_that_still_claims_units_is_found(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    waiting_list.leave(place.pk, now=now)
    [need] = waiting_list.needs_of(place)
    awaited.claim([need], owner=waiting_list.owner_of(place), each={need.stock_item_id: 1}, now=now)
    assert line(gone, place) == [f"{place.subject} (left): still claims units"]


def test_an_offer_without_its_order_and_another_fans_order_of_it_are_found(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    comes_back("b")
    waiting_offers.sweep(now)
    order = bought(place, gone, now, "somebody-else@example.com")
    says = f"{place.subject} (bought)"
    assert line(gone, place) == [f"{says}: its offer is the order of somebody-else@example.com"]
    Order.objects.filter(pk=order.pk).update(cart=None)
    assert line(gone, place) == [f"{says}: 0 orders of its offer"]


def test_an_offer_that_nobody_was_told_of_is_found(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    comes_back("b")
    waiting_offers.sweep(now)
    bought(place, gone, now, place.email)
    Message.objects.filter(key=f"{place.subject}:offered").delete()
    assert line(gone, place) == [f"{place.subject} ({PlaceState.BOUGHT}): 0 × offered"]


def test_who_was_overtaken_is_found(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now), join(gone, "second", now)
    WaitingPlace.objects.filter(pk=first.pk).update(since=clock() - timedelta(minutes=1))
    comes_back("b")
    assert waiting_offers.offer(second.pk, now=now)
    [fault] = [fault for fault in line(gone, first, second) if "overtaken" in fault]
    assert fault == f"{first.subject} (waiting): was overtaken by {second.subject}"


def test_who_had_gone_before_was_not_overtaken(gone: Drop, now: datetime) -> None:
    first, second = join(gone, "first", now), join(gone, "second", now)
    WaitingPlace.objects.filter(pk=first.pk).update(since=clock() - timedelta(minutes=1))
    waiting_list.leave(first.pk, now=now)
    comes_back("b")
    waiting_offers.sweep(now)
    assert [fault for fault in line(gone, first, second) if "overtaken" in fault] == []
