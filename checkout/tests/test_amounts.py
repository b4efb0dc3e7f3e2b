"""Another amount came than was agreed: staff are told on the page of trouble, and nothing moves by itself."""

import threading
from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client

from checkout import amounts, payments, refunds, returns, settle
from checkout.amount_models import AmountDiffers
from checkout.errors import CannotRefund
from checkout.models import Order, OrderState, Refund
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_refunds import STAFF
from drops.models import Drop
from merchant import journal
from merchant.models import JournalEntry
from merchant.money import Money
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
TROUBLE = "/admin/checkout/order/trouble/"
TODAY = "paid with another amount than agreed"


def paid(robe: Drop, sandbox: SandboxServer, minor: int = 6000, currency: str = "USD") -> AmountDiffers:
    """An order of $54.00 of which ``minor`` came, as the provider says."""
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox))
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    intent = payments._pay_intent(job)
    assert intent is not None
    came = replace(intent, received_minor=minor, amount=Money(minor, currency))
    settle.settle_intent(order.pk, came, now=clock())
    return AmountDiffers.objects.select_related("order").get(order=order)


def words(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def page_of(row: AmountDiffers) -> str:
    return f"{TROUBLE}amount/{row.pk}/"


def test_the_agreed_amount_is_nobodys_trouble(robe: Drop, sandbox: SandboxServer) -> None:
    fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox))
    payments.drain(clock)
    assert not AmountDiffers.objects.exists()


@pytest.mark.parametrize(
    ("came", "told"),
    [
        ((6000, "USD"), ("$6.00 more than agreed: $60.00 came for $54.00", "paid more than they agreed to", "$6.00")),
        ((5000, "USD"), ("$4.00 less than agreed: $50.00 came for $54.00", "paid less than they agreed to", "")),
        ((5400, "EUR"), ("Another currency: €54.00 came for $54.00", "came in another currency", "")),
    ],
)
def test_both_amounts_and_what_they_mean_are_shown(
    robe: Drop, sandbox: SandboxServer, came: tuple[int, str], told: tuple[str, str, str]
) -> None:
    row, (said, means, button) = paid(robe, sandbox, *came), told
    assert fresh(row.order).state == OrderState.CONFIRMED, "the units are the fan's"
    support = signed_in("Support")
    trouble = words(support, TROUBLE)
    assert ("Another amount than agreed" in trouble, said in trouble, page_of(row) in trouble) == (True, True, True)
    assert f"1 order {TODAY}" in words(support, "/admin/")
    page = words(support, page_of(row))
    assert (said in page, means in page) == (True, True)
    assert (f"Refund the difference: {button}" in page) is bool(button)
    order_page = f"/admin/checkout/order/{row.order_id}/change/"
    assert order_page in page
    assert page_of(row) in words(support, order_page)
    assert JournalEntry.objects.get(verb="amount_differs").why == said


def test_the_difference_goes_back_once_and_the_order_leaves_the_list(robe: Drop, sandbox: SandboxServer) -> None:
    row, support = paid(robe, sandbox), signed_in("Support")
    for _ in range(2):
        assert support.post(page_of(row), {"refund": "1"}).status_code == 302
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.reason) == (600, "paid more than agreed")
    assert refunds.drain(clock) == 1
    assert [charge["refunded"] for charge in sandbox.charges(row.order.reference)] == [600]
    assert fresh(row.order).refunded_minor == 600
    assert states(row.order)[-3:] == ["refund_requested", "amount_settled", "refunded"]
    assert "Another amount than agreed</h2>" not in support.get(TROUBLE).content.decode()
    assert not amounts.unsettled().exists()
    assert "the-support: what came above the total goes back" in words(support, page_of(row))
    assert TODAY not in words(support, "/admin/")


def test_staff_say_with_a_reason_that_it_is_settled(robe: Drop, sandbox: SandboxServer) -> None:
    row, support = paid(robe, sandbox, 5000), signed_in("Support")
    refused = support.post(page_of(row), {"why": " "})
    assert (refused.status_code, "This field is required" in refused.content.decode()) == (422, True)
    assert support.post(page_of(row), {"why": "x" * 201}).status_code == 422
    assert support.post(page_of(row), {"why": "paid at the counter"}).status_code == 302
    assert not amounts.unsettled().exists()
    said = JournalEntry.objects.get(verb="amount_settled")
    assert (said.subject, said.actor, said.why) == (row.order.subject, "staff:the-support", "paid at the counter")
    assert amounts.settled(row.pk, by=STAFF, why="again", now=clock()) is False
    assert "the-support: paid at the counter" in words(support, page_of(row))
    assert not Refund.objects.exists()


def test_who_may_not_refund_may_look_and_not_say(robe: Drop, sandbox: SandboxServer) -> None:
    row, manager = paid(robe, sandbox), signed_in("Drop manager")
    page = words(manager, page_of(row))
    assert ("Refund the difference" in page, "It is settled" in page) == (False, False)
    for press in ({"refund": "1"}, {"why": "x"}):
        assert manager.post(page_of(row), press).status_code == 403
    assert signed_in("Policy editor").get(page_of(row)).status_code == 403
    assert manager.get(f"{TROUBLE}amount/999999/").status_code == 404


@pytest.mark.parametrize(("minor", "why"), [(5000, "Nothing came above the total."), (5400, "Nothing came above")])
def test_nothing_goes_back_where_nothing_came_above(robe: Drop, sandbox: SandboxServer, minor: int, why: str) -> None:
    row = paid(robe, sandbox, minor, "USD" if minor == 5000 else "EUR")
    with pytest.raises(CannotRefund, match=why):
        amounts.refund_difference(row.pk, by=STAFF, now=clock())
    answer = signed_in("Support").post(page_of(row), {"refund": "1"}, follow=True)
    assert why in answer.content.decode()
    assert (Refund.objects.count(), amounts.unsettled().count()) == (0, 1)


def test_an_order_whose_money_went_back_whole_has_nothing_to_settle(robe: Drop, sandbox: SandboxServer) -> None:
    row = paid(robe, sandbox, 5000)
    line = row.order.lines.get()
    returns.refund_lines(
        row.order_id, {line.pk: 1}, amount_minor=5000, restock=True, seen=0, by=STAFF, why="off", now=clock()
    )
    assert amounts.unsettled().count() == 1, "it is on its way, and not back"
    assert refunds.drain(clock) == 1
    assert not amounts.unsettled().exists()


def test_what_went_back_already_does_not_go_back_again(robe: Drop, sandbox: SandboxServer) -> None:
    row = paid(robe, sandbox)
    line = row.order.lines.get()
    returns.refund_lines(
        row.order_id, {line.pk: 1}, amount_minor=5700, restock=True, seen=0, by=STAFF, why="all", now=clock()
    )
    page = words(signed_in("Support"), page_of(row))
    assert ("Refund the difference" in page, "is not all here any more" in page) == (False, True)
    with pytest.raises(CannotRefund, match=r"\$3.00 of this order is left"):
        amounts.refund_difference(row.pk, by=STAFF, now=clock())


def test_four_who_press_at_once_give_it_back_once(robe: Drop, sandbox: SandboxServer) -> None:
    row = paid(robe, sandbox)

    def press(number: int) -> str:
        refund = amounts.refund_difference(row.pk, by=journal.staff(f"s{number}"), now=clock())
        return "refunded" if refund else "settled before"

    assert together(press, 4) == {"refunded": 1, "settled before": 3}
    assert [states(row.order).count(verb) for verb in ("refund_requested", "amount_settled")] == [1, 1]


def test_without_the_orders_lock_each_says_that_it_is_settled(robe: Drop, sandbox: SandboxServer) -> None:
    """The guard taken away: all have looked before any of them has said so."""
    row = paid(robe, sandbox)
    all_looked = threading.Barrier(4)

    def say(number: int) -> str:
        mine = AmountDiffers.objects.select_related("order").get(pk=row.pk)
        was_open = mine.settled_at is None
        all_looked.wait()
        if was_open:
            amounts._settle(mine, by=journal.staff(f"s{number}"), why="mine", now=clock())
        connection.close()
        return "settled" if was_open else "settled before"

    assert together(say, 4) == {"settled": 4}
    assert states(row.order).count("amount_settled") == 4


def test_hearing_of_it_again_changes_nothing(robe: Drop, sandbox: SandboxServer) -> None:
    row = paid(robe, sandbox)
    amounts.settled(row.pk, by=STAFF, why="fine", now=clock())
    amounts.note(Order.objects.get(pk=row.order_id), Money(7000, "USD"), now=clock())
    row.refresh_from_db()
    assert (row.received_minor, row.settled_at is None) == (6000, False)
