"""A set may consist of something else by the time that it comes back: what was sold comes back, nothing else."""

from importlib import import_module

import pytest
from django.db import connection

from checkout import allowances, gateway, orders, payments, returns, settle, waiting_list, waiting_offers
from checkout.models import Order, OrderLine, OrderState
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh
from checkout.tests.test_waiting_list import books_balance
from drops import catalog, stock
from drops.models import Drop, OfferComponent, Product, StockItem, Variant
from merchant import journal, store
from merchant.models import LatePayments, StoreProfile
from merchant.money import Money

pytestmark = pytest.mark.django_db(transaction=True)
STAFF = journal.staff("owner")


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    """Ten robes, ten slippers, ten caps; and a set of a robe with two slippers."""
    drop = fan.live_drop(total=10, skus=("ROBE-M", "SLIPPER", "CAP"))
    of_robe = Variant.objects.create(product=Product.objects.get(), sku="SET", title="Set")
    parts = [(Variant.objects.get(sku="ROBE-M"), 1), (Variant.objects.get(sku="SLIPPER"), 2)]
    catalog.add_bundle(drop, of_robe, parts, price=Money(9000, "USD"), limit=2)
    return drop


def change_the_set() -> None:
    """A cap instead of the slippers, from now on."""
    slippers = OfferComponent.objects.filter(offer__variant__sku="SET", stock_item__code="SLIPPER")
    assert slippers.update(stock_item_id=StockItem.objects.get(code="CAP").pk, quantity=1) == 1


def paid(drop: Drop, sandbox: SandboxServer, *lines: tuple[str, int]) -> Order:
    order = fan.placed(drop, *lines, at=clock(), confirmation_token=fan.card(sandbox))
    payments.drain(clock)
    return fresh(order)


def give_back(order: Order, sku: str, units: int, *, restock: bool = True) -> None:
    line, seen = order.lines.get(sku=sku), order.refunds.count()
    returns.refund_lines(order.pk, {line.pk: units}, restock=restock, seen=seen, by=STAFF, why="back", now=clock())


def sold() -> dict[str, int]:
    return dict(StockItem.objects.values_list("code", "sold"))


def test_the_pieces_that_were_sold_come_back(drop: Drop, sandbox: SandboxServer) -> None:
    order = paid(drop, sandbox, ("SET", 2))
    change_the_set()
    give_back(order, "SET", 1)
    assert (sold(), books_balance()) == ({"ROBE-M": 1, "SLIPPER": 2, "CAP": 0}, True)
    give_back(order, "SET", 1, restock=False)
    assert (sold(), books_balance()) == ({"ROBE-M": 0, "SLIPPER": 0, "CAP": 0}, True)
    assert dict(StockItem.objects.values_list("code", "total")) == {"ROBE-M": 9, "SLIPPER": 8, "CAP": 10}


def test_of_an_order_with_a_cap_of_its_own_the_set_does_not_bring_the_cap_back(
    drop: Drop, sandbox: SandboxServer
) -> None:
    """The wrong pieces were sold to it too, so nothing refused them."""
    order = paid(drop, sandbox, ("SET", 1), ("CAP", 1))
    change_the_set()
    give_back(order, "SET", 1)
    assert (sold(), books_balance()) == ({"ROBE-M": 0, "SLIPPER": 0, "CAP": 1}, True)
    give_back(order, "CAP", 1)
    assert (set(sold().values()), books_balance()) == ({0}, True)


def paid_too_late(drop: Drop, sandbox: SandboxServer, *, slippers_left: int) -> Order:
    """Its hold had ended, the set was changed, then its money came."""
    order = fan.placed(drop, ("SET", 1), at=clock(), confirmation_token=fan.card(sandbox))
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    allowances.give_back(fresh(order))
    stock.release(orders.owner_of(order))
    change_the_set()
    slippers = StockItem.objects.get(code="SLIPPER").pk
    stock.restock(slippers, slippers_left - 10, actor=STAFF, why="counted")
    settle.settle_intent(order.pk, gateway.retrieve_intent(fresh(order).payment.intent_id), now=clock())
    return fresh(order)


def test_c15_money_that_came_late_has_again_what_it_was_agreed_for(drop: Drop, sandbox: SandboxServer) -> None:
    order = paid_too_late(drop, sandbox, slippers_left=2)
    assert (order.state, sold()) == (OrderState.CONFIRMED, {"ROBE-M": 1, "SLIPPER": 2, "CAP": 0})
    give_back(order, "SET", 1)
    assert (set(sold().values()), books_balance()) == ({0}, True)


def test_c15_who_has_paid_waits_for_what_they_had_ordered(drop: Drop, sandbox: SandboxServer) -> None:
    StoreProfile.objects.update(late_payments=LatePayments.WAIT)
    store.forget_store()
    order = paid_too_late(drop, sandbox, slippers_left=1)
    assert order.state == OrderState.LATE_PAID
    stock.restock(StockItem.objects.get(code="SLIPPER").pk, 1, actor=STAFF, why="found one")
    assert waiting_offers.sweep(clock()) == 1
    assert (fresh(order).state, sold()) == (OrderState.CONFIRMED, {"ROBE-M": 1, "SLIPPER": 2, "CAP": 0})
    assert books_balance()


def test_what_was_sold_before_lines_kept_their_parts_has_those_of_the_update(drop: Drop) -> None:
    order = fan.placed(drop, ("SET", 1), at=clock())
    kept = order.lines.get().parts
    assert kept == [[StockItem.objects.get(code=code).pk, each] for code, each in (("ROBE-M", 1), ("SLIPPER", 2))]
    OrderLine.objects.update(parts=[])
    with connection.cursor() as cursor:
        cursor.execute(import_module("checkout.migrations.0026_lines_keep_their_parts").AS_COMPOSED_TODAY)
    assert order.lines.get().parts == kept


def test_a_line_that_an_older_release_writes_meanwhile_brings_back_todays_parts(
    drop: Drop, sandbox: SandboxServer
) -> None:
    order = paid(drop, sandbox, ("SET", 1))
    OrderLine.objects.update(parts=[])
    give_back(order, "SET", 1)
    assert (set(sold().values()), books_balance()) == ({0}, True)


def all_are_sold(drop: Drop) -> None:
    for code in ("ROBE-M", "SLIPPER"):
        item = StockItem.objects.get(code=code)
        stock.restock(item.pk, -item.free, actor=STAFF, why="counted")


@pytest.mark.parametrize("slippers", [0, 1])
def test_who_waited_for_a_set_keeps_nothing_back_of_what_it_had_been(drop: Drop, slippers: int) -> None:
    """Of what they claimed, nobody else could buy any until the end of the list."""
    all_are_sold(drop)
    place = waiting_list.join(drop, "SET", 1, "first@example.com", now=clock()).place
    assert place
    assert dict(StockItem.objects.values_list("code", "awaited")) == {"ROBE-M": 1, "SLIPPER": 2, "CAP": 0}
    if slippers:
        OfferComponent.objects.filter(stock_item__code="SLIPPER", quantity=2).update(quantity=1)
    else:
        change_the_set()
    for code, units in (("ROBE-M", 1), ("SLIPPER", 2)):
        stock.restock(StockItem.objects.get(code=code).pk, units, actor=STAFF, why="came in")
    assert waiting_offers.sweep(clock()) == 1
    assert set(StockItem.objects.values_list("awaited", flat=True)) == {0}
    assert StockItem.objects.get(code="SLIPPER").available == 2 - slippers
    assert books_balance()
