"""Whatever takes long, a mail that is written above all, is done before the rows are locked that everybody wants."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checkout import gateway, orders, payments, settle
from checkout.models import Order, OrderState
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import quote
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh
from checkout.tests.test_waiting_list import sell
from drops import stock
from drops.errors import SoldOut
from drops.models import Drop, Offer
from merchant import store
from merchant.models import LatePayments, StoreProfile
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
OF_STOCK = ("drops_stockitem", "drops_hold", "SAVEPOINT", "COMMIT")


def after_the_first_lock(
    deed: Callable[[], object], writes: tuple[str, ...] = ("UPDATE drops_stockitem", 'UPDATE "drops_stockitem"')
) -> list[str]:
    """What is asked of the database while the hot rows are locked, the stock's own business left out."""
    with CaptureQueriesContext(connection) as queries:
        deed()
    asked = [query["sql"] for query in queries]
    first = next(number for number, sql in enumerate(asked) if any(write in sql for write in writes))
    return [sql for sql in asked[first:] if not any(name in sql for name in OF_STOCK)]


def test_the_mail_of_an_order_of_nothing_is_written_before(shop: StoreProfile) -> None:
    drop = fan.live_drop(total=3)
    Offer.objects.update(price_minor=0)
    StoreProfile.objects.update(shipping_minor=0)
    store.forget_store()
    wanted = fan.request(fan.quoted(drop, at=clock()))
    assert after_the_first_lock(lambda: place_order(drop, wanted, person=fan.PERSON, now=clock())) == []
    assert (Message.objects.get().kind, fan.counts()) == ("order_confirmed", (0, 1, 2))


def test_no_mail_is_written_for_who_comes_when_all_is_gone(shop: StoreProfile) -> None:
    drop = fan.live_drop(total=3, pay_at_pickup=True, pickup_until=clock() + timedelta(days=3), pickup_place="Here")
    agreed = quote(drop, [Wanted("ROBE-M", 1)], country="US", shipping_option="pickup", now=clock())
    wanted = fan.request(agreed, shipping_option="pickup", payment_method="pickup")
    sell(drop, 3, "others")
    with CaptureQueriesContext(connection) as queries, pytest.raises(SoldOut):
        place_order(drop, wanted, person=fan.PERSON, now=clock())
    assert [query["sql"] for query in queries if "segments_message" in query["sql"]] == []


def test_the_mail_of_an_order_to_pick_up_is_written_before(shop: StoreProfile) -> None:
    drop = fan.live_drop(total=3, pay_at_pickup=True, pickup_until=clock() + timedelta(days=3), pickup_place="Here")
    agreed = quote(drop, [Wanted("ROBE-M", 1)], country="US", shipping_option="pickup", now=clock())
    wanted = fan.request(agreed, shipping_option="pickup", payment_method="pickup")
    assert after_the_first_lock(lambda: place_order(drop, wanted, person=fan.PERSON, now=clock())) == []
    assert (Message.objects.get().kind, fan.counts()) == ("order_pickup", (0, 1, 2))


def comes_too_late(drop: Drop, sandbox: SandboxServer) -> tuple[Order, Callable[[], None]]:
    """An order whose hold has ended, and its money."""
    order = fan.placed(drop, at=clock(), confirmation_token=fan.card(sandbox))
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    stock.release(orders.owner_of(order))
    found = gateway.retrieve_intent(fresh(order).payment.intent_id)
    return order, lambda: settle.settle_intent(order.pk, found, now=clock())


def test_the_mail_of_a_late_payment_that_has_its_units_again_is_written_before(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order, money_comes = comes_too_late(robe, sandbox)
    asked = after_the_first_lock(money_comes)
    assert [sql for sql in asked if "checkout_payment" not in sql] == [], "the caller saves its payment"
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))


def test_a_late_payment_that_finds_nothing_was_never_confirmed(robe: Drop, sandbox: SandboxServer) -> None:
    order, money_comes = comes_too_late(robe, sandbox)
    sell(robe, 5, "others")
    money_comes()
    order = fresh(order)
    assert (order.state, order.confirmed_at) == (OrderState.LATE_PAID, None)
    assert [refund.amount_minor for refund in order.refunds.all()] == [5400]
    assert list(Message.objects.values_list("kind", flat=True)) == ["order_refunding"]


def test_the_mail_of_who_waits_having_paid_is_written_before(robe: Drop, sandbox: SandboxServer) -> None:
    StoreProfile.objects.update(late_payments=LatePayments.WAIT)
    store.forget_store()
    order, money_comes = comes_too_late(robe, sandbox)
    sell(robe, 5, "others")
    asked = after_the_first_lock(money_comes, ("SET awaited = awaited +",))  # nothing was there to lock before that
    assert [sql for sql in asked if "segments_message" in sql or "checkout_waitingplace" in sql] == []
    mail = Message.objects.get()
    assert (fresh(order).state, mail.kind) == (OrderState.LATE_PAID, "order_waiting")
    assert "You are at the head of the waiting list" in mail.text
