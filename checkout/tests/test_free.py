"""A total of nothing is confirmed at once and asks for no card; a total that no card can pay is refused early."""

from collections.abc import Iterator

import pytest
from django.test import Client

from checkout import free, payments, puller
from checkout.errors import IllegalMove, Invalid
from checkout.models import Order, OrderState, PaymentPath, PaymentState
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.queries import order_view
from checkout.quote import quote
from checkout.tests import fan
from checkout.tests.test_pages import CONTACT, agree, form_of, with_cart
from checkout.tests.test_payments import clock, fresh, later, states
from checkout.tests.test_place_order_races import together
from checkout.totals import tables
from checkout.totals.models import PickupPoint, ShippingRate, ShippingZone
from drops.errors import LimitReached, SoldOut
from drops.models import Drop, Offer, Variant
from drops.readiness import checklist, hurdles
from merchant import store
from merchant.models import StoreProfile
from merchant.money import Money, is_too_little_to_charge
from merchant.tests.staff import signed_in
from segments.models import Footprint, Message

pytestmark = pytest.mark.django_db(transaction=True)


def priced(price_minor: int, shipping_minor: int = 0) -> None:
    Offer.objects.update(price_minor=price_minor)
    StoreProfile.objects.update(shipping_minor=shipping_minor)
    store.forget_store()


@pytest.fixture
def gift(shop: StoreProfile) -> Iterator[Drop]:
    """A live drop of three robes that cost nothing, delivery included."""
    drop = fan.live_drop(total=3)
    priced(0)
    yield drop
    store.forget_store()


def test_is_confirmed_and_sold_in_its_own_commit(gift: Drop) -> None:
    order = fan.placed(gift, at=clock(), confirmation_token="ctoken_left_over")
    assert (order.state, order.total_minor, order.captured_minor) == (OrderState.CONFIRMED, 0, 0)
    payment = order.payment
    assert (payment.path, payment.state, payment.confirmation_token) == (PaymentPath.FREE, PaymentState.PAID, "")
    assert order.placed_reply["status"] == "confirmed"
    assert (fan.counts(), states(order)) == ((0, 1, 2), ["placed", "confirmed"])
    assert order.confirmed_at is not None
    assert payments.claim(later(days=1)) is None, "no provider is asked for anything"
    assert Footprint.objects.filter(key=f"order:{order.reference}:purchased").count() == 1


def test_its_mail_speaks_of_no_payment(gift: Drop) -> None:
    order = fan.placed(gift, at=clock())
    message = Message.objects.get(key=f"order:{order.reference}:confirmed")
    assert f"There is nothing to pay, and order {order.reference} is confirmed." in message.text
    assert "Your payment arrived" not in message.text + message.html


def test_the_provider_is_not_called_silent_for_it(gift: Drop) -> None:
    order = fan.placed(gift, at=clock())
    assert not puller.is_silent(later(minutes=30))
    Order.objects.filter(pk=order.pk).update(state=OrderState.CONFIRMED)
    order.payment.path = PaymentPath.INTENT
    order.payment.save()
    assert puller.is_silent(later(minutes=30)), "for one that was paid with a card it would be"


def test_many_at_once_get_what_there_is(gift: Drop) -> None:
    def press(number: int) -> str:
        try:
            placed = fan.placed(gift, at=clock(), contact=fan.somebody(f"fan{number}@example.com"))
        except SoldOut:
            return "sold out"
        return str(placed.state)

    assert together(press, 8) == {"confirmed": 3, "sold out": 5}
    assert fan.counts() == (0, 3, 0)


def test_the_limit_for_a_person_holds(gift: Drop) -> None:
    fan.placed(gift, ("ROBE-M", 2), at=clock())
    with pytest.raises(LimitReached):
        fan.placed(gift, at=clock())


def test_the_page_asks_for_no_card_and_confirms_without_javascript(gift: Drop) -> None:
    Drop.objects.update(hold_from="cart")
    browser = with_cart(gift)
    page = browser.get(f"/drops/{gift.slug}/checkout/").content.decode()
    assert "Order, nothing to pay" in page
    assert "no card is asked for" in page
    assert "You are asked for the card" not in page
    assert 'as="script"' not in page
    answer = agree(browser, gift)
    assert answer.status_code == 303
    told = browser.get(answer["Location"]).content.decode()
    assert "There was nothing to pay, and your order is confirmed." in told
    assert "Confirmed, nothing to pay" in told
    assert "Paid and confirmed" not in told


def test_a_price_that_came_meanwhile_is_agreed_to_anew(gift: Drop) -> None:
    Drop.objects.update(hold_from="cart")
    browser = with_cart(gift)
    page = browser.get(f"/drops/{gift.slug}/checkout/").content.decode()
    priced(4800)
    anew = browser.post(f"/drops/{gift.slug}/checkout/", form_of(page) | CONTACT)
    assert anew.status_code == 409
    assert "Pay $48.00" in anew.content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize(("price", "delivery", "total"), [(49, 0, "$0.49"), (0, 30, "$0.30"), (1, 48, "$0.49")])
def test_a_total_that_no_card_can_pay_is_refused_in_words(gift: Drop, price: int, delivery: int, total: str) -> None:
    priced(price, delivery)
    with pytest.raises(Invalid) as refusal:
        fan.quoted(gift, at=clock())
    told = f"A card can pay $0.50 or more, and this is {total}. Add something to your order."
    assert refusal.value.fields == {"lines": told}
    Drop.objects.update(hold_from="cart")
    page = with_cart(gift).get(f"/drops/{gift.slug}/checkout/")
    assert page.status_code == 409
    assert told in page.content.decode()


def test_what_is_picked_up_may_cost_little(gift: Drop) -> None:
    priced(30, 600)
    gift.pay_at_pickup, gift.pickup_until, gift.pickup_place = True, later(days=3), "Long Street 1"
    gift.save()
    agreed = quote(gift, [Wanted("ROBE-M", 1)], country="US", shipping_option="pickup", now=clock())
    assert agreed.total == Money(30, "USD")


def test_the_merchant_reads_it_before_fans_come(gift: Drop) -> None:
    at = clock()
    assert [check.done for check in checklist(gift, now=at) if "cost nothing" in check.words] == [False]
    assert not [words for words in hurdles(gift, now=at) if "cost nothing" in words], "a gift is no mistake"
    priced(20, 10)
    gift.refresh_from_db()
    told = "Raise what one costs with its delivery to $0.50, or to nothing: no card pays less. Too low: ROBE-M."
    assert told in hurdles(gift, now=at)
    priced(20, 30)
    assert not [words for words in hurdles(gift, now=at) if "no card pays less" in words]


def test_the_checklist_reckons_with_what_delivery_really_costs(gift: Drop) -> None:
    """Zones stand instead of the flat price: free delivery from a subtotal on, and what each weight costs where."""

    def too_low() -> bool:
        tables.forget()
        return any("no card pays less" in words for words in hurdles(gift, now=clock()))

    priced(20, 600)
    assert not too_low()
    germany = ShippingZone.objects.create(title="Germany", countries=["DE"])
    rate = ShippingRate.objects.create(zone=germany, code="standard", title="Standard", price_minor=10)
    assert too_low()
    rate.per_kg_minor = 20
    rate.save()
    Variant.objects.update(weight_grams=1)
    assert not too_low()
    rate.free_from_minor = 20
    rate.save()
    assert too_low()
    ShippingRate.objects.update(free_from_minor=None, up_to_grams=1, from_grams=0)
    Variant.objects.update(weight_grams=2)
    assert not too_low(), "it is not delivered at that price"
    PickupPoint.objects.create(code="shop", title="At the shop", note="Long Street 1", country="US", price_minor=0)
    assert too_low()


@pytest.mark.parametrize(("currency", "least"), [("USD", 50), ("EUR", 50), ("GBP", 30), ("CZK", 1500), ("JPY", 50)])
def test_the_least_that_a_card_pays(currency: str, least: int) -> None:
    amounts = [0, 1, least - 1, least, least + 1]
    assert [is_too_little_to_charge(Money(each, currency)) for each in amounts] == [False, True, True, False, False]


def test_the_same_order_sent_twice_gets_the_same_answer(gift: Drop) -> None:
    agreed = fan.request(fan.quoted(gift, at=clock()), idempotency_key="one")
    first, second = (place_order(gift, agreed, person=fan.PERSON, now=clock()) for _ in range(2))
    assert (first.reply, second.replayed) == (second.reply, True)
    assert fresh(fan.found(first)).state == OrderState.CONFIRMED
    assert Client().get(f"/orders/{first.token}/pay").status_code == 302, "there is nothing to pay"


@pytest.mark.parametrize(("ticked", "left"), [({"restock": "on"}, (0, 0, 3)), ({}, (0, 0, 2))])
def test_staff_take_its_units_back_once(gift: Drop, ticked: dict[str, str], left: tuple[int, int, int]) -> None:
    order = fan.placed(gift, at=clock())
    desk, page = signed_in("Support"), f"/admin/checkout/order/{order.pk}"
    dialog = desk.get(f"{page}/take-back/", headers={"HX-Request": "true"}).content.decode()
    assert f"A Fan does not get what is in {order} (1 in all)." in dialog
    typed = {"_form_submitted": "on", "why": "a double of the same person"} | ticked
    for _ in range(2):
        desk.post(f"{page}/take-back/", typed)
    assert (fresh(order).state, fresh(order).payment.state) == (OrderState.CANCELLED, PaymentState.CLOSED)
    assert fan.counts() == left
    assert states(order)[:3] == ["placed", "confirmed", "cancelled"]
    assert order_view(fresh(order), clock()).explanation.startswith("The shop does not keep it for you any more.")
    assert Message.objects.filter(key=f"order:{order.reference}:expired").count() == 1
    assert fan.placed(gift, at=clock()).state == OrderState.CONFIRMED, "its person may order again"


def test_only_what_cost_nothing_is_taken_back_so(robe: Drop) -> None:
    order = fan.placed(robe, at=clock())
    with pytest.raises(IllegalMove):
        free.cancel(order.pk, restock=True, by="staff:desk", why="", now=clock())
