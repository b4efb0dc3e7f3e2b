"""Pay at pick-up: confirmed and sold in one commit, paid at the desk, back on sale when nobody comes."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from checkout import fan_requests, payments, pickup, place_order, refunds, returns
from checkout.after_sale import RequestKind
from checkout.errors import CannotRefund, IllegalMove, Invalid
from checkout.models import MoneyState, Order, OrderState, PaymentPath, PaymentState, Refund, RefundState
from checkout.pricing import Wanted
from checkout.queries import order_view
from checkout.quote import quote
from checkout.tests import fan
from checkout.tests.test_pages import CONTACT, form_of
from checkout.tests.test_payments import clock, fresh, later, states
from checkout.tests.test_place_order_races import together
from drops.models import Drop
from drops.readiness import hurdles
from merchant.models import StoreProfile
from merchant.tests.staff import signed_in
from segments.models import Footprint, Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(
        total=3, pay_at_pickup=True, pickup_until=later(days=3), pickup_place="Long Street 1, Saturday 10 to 18"
    )


def to_pick_up(drop: Drop, **changes: Any) -> Order:
    agreed = quote(drop, [Wanted("ROBE-M", 1)], country="US", shipping_option="pickup", now=clock())
    wanted = fan.request(agreed, shipping_option="pickup", payment_method="pickup", **changes)
    return fan.found(place_order.place_order(drop, wanted, person=fan.PERSON, now=clock()))


def test_is_confirmed_and_sold_at_once_and_asks_no_provider(drop: Drop) -> None:
    order = to_pick_up(drop)
    assert (order.state, order.total_minor, order.captured_minor) == (OrderState.CONFIRMED, 4800, 0)
    assert (order.payment.path, order.payment.state) == (PaymentPath.PICKUP, PaymentState.AWAITING_FAN)
    assert fan.counts() == (0, 1, 2)
    assert states(order) == ["placed", "confirmed"]
    assert order.placed_reply["status"] == "confirmed"
    assert payments.claim(later(days=1)) is None
    assert "Long Street 1" in Message.objects.get(key=f"order:{order.reference}:pickup").text
    assert not Footprint.objects.filter(key=f"order:{order.reference}:purchased").exists()


def test_collected_is_paid_once(drop: Drop) -> None:
    order = to_pick_up(drop)

    def press(number: int) -> str:
        try:
            pickup.collect(order.pk, by="staff:desk")
        except IllegalMove:
            return "too late"
        return "collected"

    assert together(press, 4) == {"collected": 1, "too late": 3}
    order = fresh(order)
    assert (order.captured_minor, order.payment.state) == (4800, PaymentState.PAID)
    assert states(order) == ["placed", "confirmed", "collected"]
    assert Footprint.objects.filter(key=f"order:{order.reference}:purchased").count() == 1
    assert pickup.sweep(later(days=4)) == 0


def test_what_was_paid_at_the_desk_is_given_back_there_and_noted_once(drop: Drop) -> None:
    order = to_pick_up(drop)
    line = order.lines.get()
    details = {"restock": True, "seen": 0, "by": "staff:desk", "why": "too small", "now": clock()}
    with pytest.raises(CannotRefund, match="Nothing of this order's money is left"):
        returns.refund_lines(order.pk, {line.pk: 1}, **details)  # type: ignore[arg-type]  # not collected: nothing came
    pickup.collect(order.pk, by="staff:desk")
    for _ in range(2):
        refund = returns.refund_lines(order.pk, {line.pk: 1}, **details)  # type: ignore[arg-type]
    assert (refund.state, refund.amount_minor, refund.provider_id) == (RefundState.SUCCEEDED, 4800, "")
    assert refunds.drain(clock) == 0, "the provider knows nothing of it"
    order = fresh(order)
    assert (order.captured_minor, order.refunded_minor, order.money_state) == (4800, 4800, MoneyState.REFUNDED)
    assert (fan.counts(), states(order)[-2:]) == ((0, 0, 3), ["refunded", "units_back_on_sale"])
    told = Message.objects.get(key=f"order:{order.reference}:refunded:{refund.pk}")
    assert "You got $48.00 of order" in told.text
    assert "card or account" not in told.text + told.html
    assert order_view(order, clock()).explanation == "You got $48.00 of $48.00 back where you picked it up."
    with pytest.raises(CannotRefund, match="left to refund"):
        returns.refund_amount(order.pk, 1, seen=1, by="staff:desk", why="x", now=clock())


def test_what_was_collected_has_left_and_is_not_to_be_cancelled(drop: Drop) -> None:
    order = to_pick_up(drop)
    pickup.collect(order.pk, by="staff:desk")
    order = fresh(order)
    asked = fan_requests.options(order, clock())
    assert (asked.may(RequestKind.CANCELLATION), asked.may(RequestKind.RETURN)) == (False, True)


def test_the_desk_says_how_to_give_it_back(drop: Drop) -> None:
    order = to_pick_up(drop)
    pickup.collect(order.pk, by="staff:desk")
    client, page = signed_in("Support"), f"/admin/checkout/order/{order.pk}/refund/"
    assert "Refund…" in client.get(f"/admin/checkout/order/{order.pk}/change/").content.decode()
    assert "by hand, the way it came" in client.get(page).content.decode()
    form = {f"line_{order.lines.get().pk}": 1, "restock": "on", "why": "too small", "seen": 0}
    review = client.post(page, form).content.decode()
    assert "Note $48.00 by hand and put 1 back on sale" in review
    assert Refund.objects.count() == 0
    assert client.post(page, form | {"confirmed": "1"}).status_code == 302
    assert (fresh(order).refunded_minor, fan.counts()) == (4800, (0, 0, 3))


def test_what_nobody_collects_goes_back_on_sale_once(drop: Drop) -> None:
    order = to_pick_up(drop)
    assert pickup.sweep(later(days=2)) == 0
    assert pickup.sweep(later(days=3, minutes=1)) == 1
    assert pickup.sweep(later(days=3, minutes=1)) == 0
    order = fresh(order)
    assert (order.state, order.payment.state, fan.counts()) == (OrderState.CANCELLED, PaymentState.CLOSED, (0, 0, 3))
    assert "Not picked up in time" in Message.objects.get(key=f"order:{order.reference}:expired").text
    to_pick_up(drop, contact=fan.somebody())  # their allowance came back too
    with pytest.raises(IllegalMove):
        pickup.collect(order.pk, by="staff:desk")


def test_a_drop_that_does_not_allow_it_refuses(drop: Drop) -> None:
    Drop.objects.update(pay_at_pickup=False)
    drop.refresh_from_db()
    with pytest.raises(Invalid):
        to_pick_up(drop)
    with pytest.raises(Invalid):  # to be sent, and yet paid at pick-up
        fan.placed(drop, at=clock(), payment_method="pickup")
    assert fan.counts() == (0, 0, 3)


def test_the_page_offers_it_and_places_it_without_javascript(drop: Drop) -> None:
    browser = Client()
    browser.post(f"/drops/{drop.slug}/cart/", {"sku": "ROBE-M"})
    address = f"/drops/{drop.slug}/checkout/"
    page = browser.get(address).content.decode()
    assert "Pay when you pick it up" in page
    form = CONTACT | {"shipping_option": "pickup"}
    anew = browser.post(address, form_of(page) | form)
    assert anew.status_code == 409, "another total than the page said: agreed anew"
    assert "Order, and pay $48.00 at pick-up" in anew.content.decode()
    answer = browser.post(address, form_of(anew.content.decode()) | form)
    assert answer.status_code == 303
    told = browser.get(answer["Location"]).content.decode()
    assert "Yours. Pick it up by" in told
    assert "nothing has been charged" in told


def test_the_checklist_wants_a_date_and_a_place(drop: Drop) -> None:
    assert not [words for words in hurdles(drop, now=clock()) if "tab Pick-up" in words]
    drop.pickup_until, drop.pickup_place = fan.START - timedelta(days=1), ""
    assert len([words for words in hurdles(drop, now=clock()) if "tab Pick-up" in words]) == 2


def test_staff_cancel_what_nobody_will_collect(drop: Drop) -> None:
    order, kept = to_pick_up(drop), to_pick_up(drop, contact=fan.somebody("other@example.com"))
    desk = signed_in("Support")
    page = f"/admin/checkout/order/{order.pk}"
    dialog = desk.get(f"{page}/not-collected/", headers={"HX-Request": "true"}).content.decode()
    assert f"{order} is not kept for A Fan any more. What is in it (1 in all) goes to who waits" in dialog
    desk.post(f"{page}/not-collected/", {"_form_submitted": "on"})
    assert fresh(order).state == OrderState.CONFIRMED, "a reason is wanted"
    for _ in range(2):
        desk.post(f"{page}/not-collected/", {"_form_submitted": "on", "why": "moved away"})
    assert (fresh(order).state, fresh(kept).state) == (OrderState.CANCELLED, OrderState.CONFIRMED)
    assert (fresh(order).payment.state, fan.counts()) == (PaymentState.CLOSED, (0, 1, 2))
    assert states(order) == ["placed", "confirmed", "cancelled"]
    view = order_view(fresh(order), clock())
    assert (view.headline, [words for _, words in view.timeline][-1]) == ("Cancelled", "Cancelled by the shop")
    assert (
        "The shop does not keep it for you any more."
        in Message.objects.get(key=f"order:{order.reference}:expired").text
    )
    assert to_pick_up(drop, contact=fan.somebody()).state == OrderState.CONFIRMED, "its person may order again"


def test_collecting_and_cancelling_at_once_is_one_of_them(drop: Drop) -> None:
    order = to_pick_up(drop)

    def press(number: int) -> str:
        try:
            if number % 2:
                pickup.collect(order.pk, by="staff:desk")
            else:
                pickup.cancel(order.pk, by="staff:other", why="moved away", now=clock())
        except IllegalMove:
            return "too late"
        return "collected" if number % 2 else "cancelled"

    answers = together(press, 4)
    done = "collected" if fresh(order).captured_minor else "cancelled"
    assert answers == {done: 1, "too late": 3}
    assert fan.counts() == ((0, 1, 2) if done == "collected" else (0, 0, 3))
