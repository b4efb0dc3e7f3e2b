"""Money that came for an order a second time goes back by itself, once, and the order's own ledger does not know it."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from checkout import disputes, gateway, payments, refunds, returns, settle, trouble, webhooks
from checkout.errors import CannotRefund
from checkout.gateway import IntentView, RefundView
from checkout.models import MoneyState, Order, OrderState, Refund, RefundState, Surplus
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, ordered, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_refunds import STAFF, provider
from checkout.tests.test_webhooks import event, ring
from drops.models import Drop
from merchant.money import Money
from merchant.tests.staff import signed_in
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def paid_again(order: Order, sandbox: SandboxServer) -> IntentView:
    """Another intent of the same order, paid behind our back: a robe and its delivery, $54.00."""
    second = gateway.create_intent(order.reference, Money(5400, "USD"), email=order.email, key=f"again:{order}")
    return gateway.confirm_intent(
        second.id, fan.card(sandbox), return_url="http://127.0.0.1/", key=f"again:{order}:confirm"
    )


@pytest.fixture
def order(robe: Drop, sandbox: SandboxServer) -> Order:
    placed = ordered(robe, sandbox)
    payments.drain(clock)
    return fresh(placed)


@pytest.fixture
def second(order: Order, sandbox: SandboxServer) -> IntentView:
    return paid_again(order, sandbox)


def given_back(sandbox: SandboxServer, order: Order) -> dict[str, int]:
    return {charge["payment_intent"]: charge["refunded"] for charge in sandbox.charges(order.reference)}


def test_what_came_second_goes_back_once_and_the_order_stays_as_it_is(
    order: Order, second: IntentView, sandbox: SandboxServer
) -> None:
    for _ in range(2):
        settle.settle_intent(order.pk, second, now=clock())
    assert refunds.drain(clock) == 1
    assert given_back(sandbox, order) == {order.payment.intent_id: 0, second.id: 5400}
    surplus, refund = Surplus.objects.get(), Refund.objects.get()
    assert (surplus.intent_id, surplus.captured_minor, surplus.refunded_minor) == (second.id, 5400, 5400)
    assert (refund.surplus, refund.key, refund.state) == (surplus, f"surplus:{second.id}", RefundState.SUCCEEDED)
    after = fresh(order)
    assert (after.state, after.captured_minor, after.refunded_minor) == (OrderState.CONFIRMED, 5400, 0)
    assert (after.money_state, refunds.refundable(after), fan.counts()) == (MoneyState.PAID, 5400, (0, 1, 4))
    assert states(order) == ["placed", "authorising", "confirmed", "paid_twice", "surplus_refunded"]


def test_its_fan_is_told_in_words_once(order: Order, second: IntentView) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    refunds.drain(clock)
    message = Message.objects.get(key=f"order:{order.reference}:paid_twice:{Surplus.objects.get().pk}")
    assert message.subject.startswith(f"You paid twice, one payment is on its way back: {order.reference}")
    assert "We keep the first payment, and send $54.00 back" in message.text
    assert not Message.objects.filter(key__contains="refunded").exists()


def test_the_doorbell_of_the_second_payment_is_enough(order: Order, second: IntentView, sandbox: SandboxServer) -> None:
    ring(event("payment_intent.succeeded", {"id": second.id, "metadata": {"order": order.reference}}))
    webhooks.drain(clock)
    refunds.drain(clock)
    assert given_back(sandbox, order)[second.id] == 5400


def test_news_of_its_refund_are_booked_to_it_alone(order: Order, second: IntentView) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    refunds.drain(clock)
    made = Refund.objects.get().provider_id
    ring(event("refund.updated", {"id": made, "object": "refund", "payment_intent": second.id}))
    ring(event("charge.refunded", {"id": second.charge_id, "object": "charge", "payment_intent": second.id}))
    assert webhooks.drain(clock) == 2
    assert (Refund.objects.count(), Surplus.objects.get().refunded_minor) == (1, 5400)
    assert fresh(order).refunded_minor == 0


def test_staff_who_were_faster_at_the_provider_gave_it_back_already(
    order: Order, second: IntentView, sandbox: SandboxServer
) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    made = provider(sandbox).refunds.create({"payment_intent": second.id})
    refunds.take_over(gateway.retrieve_refund(made.id), now=clock())
    refunds.drain(clock)
    assert given_back(sandbox, order)[second.id] == 5400
    assert dict(Refund.objects.values_list("state", "amount_minor")) == {"succeeded": 5400, "failed": 5400}
    assert (Surplus.objects.get().refunded_minor, fresh(order).refunded_minor) == (5400, 0)
    assert not refunds.failed().exists(), "its money is back: nobody has to see to it"


def test_a_surplus_refund_that_failed_can_be_sent_again_and_no_other_way(order: Order, second: IntentView) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    refund = Refund.objects.get()
    refunds.settle_refund(refund.pk, RefundView("re_1", "failed", 5400, second.id, failure="lost"), now=clock())
    assert [kind.slug for kind in trouble.KINDS if kind.rows(clock()).exists()] == ["refunds-failed", "paid-twice"]
    refunds.retry(refund.pk, by=STAFF, now=clock())
    refunds.drain(clock)
    assert [kind.slug for kind in trouble.KINDS if kind.rows(clock()).exists()] == []
    Refund.objects.filter(pk=refund.pk).update(state=RefundState.FAILED)
    Refund.objects.create(order=order, surplus=refund.surplus, amount_minor=1, key="a cent", reason="x")
    with pytest.raises(CannotRefund, match=r"\$53\.99 of the second payment"):
        refunds.retry(refund.pk, by=STAFF, now=clock())


def test_one_that_comes_back_is_taken_out_of_its_own_ledger(order: Order, second: IntentView) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    refunds.drain(clock)
    made = Refund.objects.get()
    refunds.take_over(RefundView(made.provider_id, "failed", 5400, second.id), now=clock())
    assert (Surplus.objects.get().refunded_minor, fresh(order).refunded_minor) == (0, 0)


def test_the_order_itself_can_still_be_refunded_whole(order: Order, second: IntentView, sandbox: SandboxServer) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    line = order.lines.get()
    asked = returns.refund_lines(order.pk, {line.pk: 1}, restock=True, seen=1, by=STAFF, why="x", now=clock())
    assert asked.amount_minor == 5400
    refunds.drain(clock)
    assert given_back(sandbox, order) == {order.payment.intent_id: 5400, second.id: 5400}
    assert fresh(order).money_state == MoneyState.REFUNDED


def test_a_dispute_of_the_second_payment_holds_nothing_of_the_first(
    order: Order, second: IntentView, sandbox: SandboxServer
) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    dispute = gateway.retrieve_dispute(sandbox.dispute(second.id))
    assert disputes.note(dispute, now=clock()) == "noted"
    assert (order.disputes.get().surplus, fresh(order).disputed_minor) == (Surplus.objects.get(), 0)


def test_staff_see_it_until_the_money_is_back(order: Order, second: IntentView) -> None:
    client = signed_in("Support")
    settle.settle_intent(order.pk, second, now=clock())
    groups = client.get("/admin/checkout/order/trouble/").context["groups"]
    assert [(group.kind.slug, group.size) for group in groups] == [("paid-twice", "1, $54.00 in all")]
    assert "1 payment came a second time: on the way back" in client.get("/admin/").content.decode()
    refunds.drain(clock)
    assert client.get("/admin/checkout/order/trouble/").context["groups"] == []
    page = " ".join(client.get(f"/admin/checkout/order/{order.pk}/change/").content.decode().split())
    assert "$54.00 came again, $54.00 of it went back" in page
    assert list(client.get("/admin/checkout/order/", {"q": second.id}).context["cl"].result_list) == [order]


def test_many_who_see_the_second_payment_at_once_give_it_back_once(order: Order, second: IntentView) -> None:
    def look(_: int) -> str:
        settle.settle_intent(order.pk, second, now=clock())
        return "looked"

    assert together(look, 8) == {"looked": 8}
    assert (Surplus.objects.count(), Refund.objects.count()) == (1, 1)
    assert states(order).count("paid_twice") == 1


def test_without_its_ledger_those_who_look_first_give_it_back_eight_times(order: Order, second: IntentView) -> None:
    """The guard taken away: each looks whether somebody has asked before anybody has."""
    all_looked = threading.Barrier(8)

    def look(number: int) -> str:
        with transaction.atomic():
            known = Refund.objects.filter(reason="paid twice").exists()
            all_looked.wait()
            if not known:
                Refund.objects.create(order=order, amount_minor=5400, key=f"again:{number}", reason="paid twice")
        connection.close()
        return "asked"

    assert together(look, 8) == {"asked": 8}
    assert Refund.objects.count() == 8


def test_more_than_came_is_never_booked_as_given_back(order: Order, second: IntentView) -> None:
    settle.settle_intent(order.pk, second, now=clock())
    with pytest.raises(IntegrityError, match="surplus_refund_within"):
        Surplus.objects.update(refunded_minor=5401)


@pytest.mark.parametrize(("by_hand", "rest"), [(2500, [2500, 2900]), (5400, [5400])])
def test_what_went_back_of_it_by_hand_before_we_knew_of_it_does_not_go_back_once_more(
    order: Order, second: IntentView, sandbox: SandboxServer, by_hand: int, rest: list[int]
) -> None:
    provider(sandbox).refunds.create({"payment_intent": second.id, "amount": by_hand})
    settle.settle_intent(order.pk, gateway.retrieve_intent(second.id), now=clock())
    for _ in range(2):
        refunds.drain(clock)
        webhooks.drain(clock)
    surplus = Surplus.objects.get()
    assert (surplus.captured_minor, surplus.refunded_minor) == (5400, 5400)
    assert sorted(Refund.objects.values_list("amount_minor", flat=True)) == rest
    assert set(Refund.objects.values_list("state", flat=True)) == {RefundState.SUCCEEDED}
    assert given_back(sandbox, order)[second.id] == 5400
