"""Giving money back: by line and in part, never above what came, whoever presses and however many at once."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import stripe
from django.db import connection, transaction
from django.db.models import Sum

from checkout import disputes, gateway, orders, payments, refunds, returns, settle, webhooks
from checkout.errors import CannotRefund
from checkout.evidence import EvidencePack
from checkout.gateway import api
from checkout.models import Allowance, Dispute, MoneyState, Order, OrderState, Refund, RefundState
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered, release, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_waiting_list import books_balance
from checkout.tests.test_webhooks import event, ring
from drops.models import Drop
from merchant import journal, store
from merchant.models import JournalEntry, LatePayments, StoreProfile
from merchant.tests.staff import signed_in
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
STAFF = journal.staff("owner")


def paid(robe: Drop, sandbox: SandboxServer, units: int = 2) -> Order:
    """Two robes at $48.00 and $6.00 delivery: $102.00."""
    order = fan.placed(robe, ("ROBE-M", units), at=clock(), confirmation_token=fan.card(sandbox))
    payments.drain(clock)
    return fresh(order)


def give_back(order: Order, units: int, *, restock: bool = True, seen: int = 0, **changes: Any) -> Refund:
    line = order.lines.get()
    details: dict[str, Any] = {"restock": restock, "seen": seen, "by": STAFF, "why": "too small", "now": clock()}
    return returns.refund_lines(order.pk, {line.pk: units}, **(details | changes))


def provider(sandbox: SandboxServer) -> Any:
    return stripe.StripeClient("sk_test_frontrow", base_addresses={"api": sandbox.base_url}).v1


def refund_event(kind: str, order: Order, refund_id: str) -> bytes:
    return event(kind, {"id": refund_id, "object": "refund", "payment_intent": order.payment.intent_id})


@pytest.mark.parametrize(("restock", "stock"), [(True, (0, 1, 4)), (False, (0, 1, 3))])
def test_one_unit_of_two_goes_back_with_its_money(
    robe: Drop, sandbox: SandboxServer, restock: bool, stock: tuple[int, int, int]
) -> None:
    order = paid(robe, sandbox)
    refund = give_back(order, 1, restock=restock)
    assert fan.counts() == stock
    assert refunds.drain(clock) == 1
    order = fresh(order)
    assert (order.refunded_minor, order.money_state) == (4800, MoneyState.PARTLY_REFUNDED)
    assert (order.state, refund.lines.get().restocked) == (OrderState.CONFIRMED, restock)
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [4800]
    asked = JournalEntry.objects.get(subject=order.subject, verb="refund_requested")
    assert (asked.actor, asked.why) == (STAFF, "too small")


def test_a_refund_that_waits_for_long_says_so_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    give_back(order, 1)
    sandbox.fail("refunds.create", 503, times=3)
    for number in range(3):
        refunds.drain(lambda number=number: later(minutes=number))  # type: ignore[misc]  # bound at once
    assert states(order).count("refund_waits") == 1


@pytest.mark.parametrize(("phase", "sent"), [("before", [1, 2]), ("after", [1])])
def test_a_refund_that_failed_on_their_side_is_looked_for_and_then_sent_under_another_key(
    robe: Drop, sandbox: SandboxServer, phase: str, sent: list[int]
) -> None:
    """Under the same key they would repeat the failure for a day; and it may have been made all the same."""
    order = paid(robe, sandbox)
    give_back(order, 1)
    sandbox.fail("refunds.create", 500, times=1, phase=phase)
    refunds.drain(clock)
    refunds.drain(lambda: later(minutes=1))
    assert (fresh(order).refunded_minor, Refund.objects.get().state) == (4800, RefundState.SUCCEEDED)
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [4800]
    keys = [call["idempotency_key"] or "" for call in sandbox.requests("refunds.create")]
    first = f"refund:{order.reference}:refund:1"
    assert [key for key in keys if key.startswith(first)] == [
        first if each == 1 else f"{first}:{each}" for each in sent
    ]


def test_a_refund_that_waited_for_weeks_is_tried_on_and_keeps_none_from_their_turn(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = paid(robe, sandbox)
    give_back(order, 1)
    Refund.objects.update(tries=32_767)  # as many as the column takes: eleven days of a provider that is away
    assert refunds.drain(clock) == 1
    assert Refund.objects.get().state == RefundState.SUCCEEDED


def test_the_last_units_bring_the_delivery_back_too(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    assert give_back(order, 1).amount_minor == 4800
    assert give_back(order, 1, seen=1).amount_minor == 5400
    refunds.drain(clock)
    order = fresh(order)
    assert (order.refunded_minor, order.money_state) == (10200, MoneyState.REFUNDED)
    assert fan.counts() == (0, 0, 5)
    assert set(Allowance.objects.values_list("used", flat=True)) == {0}


def test_its_fan_is_told_once_a_refund(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    refund = give_back(order, 1)
    refunds.drain(clock)
    ring(refund_event("refund.updated", order, Refund.objects.get().provider_id))
    webhooks.drain(clock)
    message = Message.objects.get(key=f"order:{order.reference}:refunded:{refund.pk}")
    assert "$48.00" in message.subject
    assert "$48.00 of $102.00" in message.text


def test_more_than_came_or_more_units_than_bought_is_refused(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    with pytest.raises(CannotRefund, match="left to refund"):
        returns.refund_amount(order.pk, 10201, seen=0, by=STAFF, why="x", now=clock())
    with pytest.raises(CannotRefund, match="Only 2 units"):
        give_back(order, 3)
    give_back(order, 2)
    with pytest.raises(CannotRefund, match="Only 0 units"):
        give_back(order, 1, seen=1, amount_minor=1)
    with pytest.raises(CannotRefund, match="left to refund"):
        returns.refund_amount(order.pk, 1, seen=1, by=STAFF, why="x", now=clock())
    assert (Refund.objects.count(), fan.counts()) == (1, (0, 0, 5))


def test_what_was_not_paid_cannot_be_refunded(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock())
    with pytest.raises(CannotRefund):
        give_back(order, 1)
    with pytest.raises(CannotRefund):
        returns.refund_amount(order.pk, 100, seen=0, by=STAFF, why="x", now=clock())


def test_goodwill_leaves_the_units(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    returns.refund_amount(order.pk, 1000, seen=0, by=STAFF, why="late parcel", now=clock())
    refunds.drain(clock)
    assert (fresh(order).refunded_minor, fan.counts()) == (1000, (0, 2, 3))


def test_c26_two_people_who_press_at_once_make_one_refund(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    answers = together(lambda _: str(give_back(order, 1).pk), 8)
    assert list(answers.values()) == [8]
    assert (Refund.objects.count(), fan.counts()) == (1, (0, 1, 4))


def test_c26_many_different_refunds_at_once_never_exceed_what_came(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)

    def press(number: int) -> str:
        with transaction.atomic():
            locked = orders.lock(order.pk)
            try:
                refunds.request(locked, 10200, key=f"k{number}", reason="x", now=clock())
            except CannotRefund:
                return "refused"
        return "asked"

    assert together(press, 8) == {"asked": 1, "refused": 7}
    assert Refund.objects.aggregate(sum=Sum("amount_minor"))["sum"] == 10200


def test_without_the_lock_the_same_refunds_exceed_what_came(robe: Drop, sandbox: SandboxServer) -> None:
    """The guard taken away: each looks at what is left before any has asked."""
    order = paid(robe, sandbox)
    all_looked = threading.Barrier(8)

    def press(number: int) -> str:
        with transaction.atomic():
            left = refunds.refundable(Order.objects.get(pk=order.pk))
            all_looked.wait()
            if left >= 10200:
                Refund.objects.create(order=order, amount_minor=10200, key=f"k{number}", reason="x")
        connection.close()
        return "asked"

    assert together(press, 8) == {"asked": 8}
    assert Refund.objects.aggregate(sum=Sum("amount_minor"))["sum"] == 8 * 10200


def test_somebody_who_saw_an_older_page_is_told_so(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    give_back(order, 1)
    with pytest.raises(CannotRefund, match="meanwhile"):
        returns.refund_amount(order.pk, 500, seen=0, by=STAFF, why="x", now=clock())


def test_a_lost_reply_refunds_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    give_back(order, 1)
    sandbox.drop_reply("refunds.create")
    refunds.drain(clock)
    refunds.drain(lambda: later(minutes=2))
    assert fresh(order).refunded_minor == 4800
    assert [charge["refunded"] for charge in sandbox.charges(order.reference)] == [4800]


@pytest.fixture
def own_sandbox(sandbox: SandboxServer, settings: Any) -> Iterator[SandboxServer]:
    """One whose time may be moved: it never goes back."""
    with SandboxServer() as server:
        settings.STRIPE_API_BASE = server.base_url
        api.client.cache_clear()
        yield server


def test_a_lost_reply_refunds_once_even_when_its_key_is_forgotten(robe: Drop, own_sandbox: SandboxServer) -> None:
    """The provider forgets keys after a day; and of a refund in part enough is left for it to be made twice."""
    order = paid(robe, own_sandbox)
    give_back(order, 1)
    own_sandbox.drop_reply("refunds.create")
    refunds.drain(clock)
    own_sandbox.advance(25 * 3600)
    refunds.drain(lambda: later(hours=25))
    assert fresh(order).refunded_minor == 4800
    assert [charge["refunded"] for charge in own_sandbox.charges(order.reference)] == [4800]


def test_a_refund_the_provider_refuses_fails_and_can_be_sent_again(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    refund = give_back(order, 1)
    refused = gateway.RefundView("re_1", "failed", 4800, order.payment.intent_id, failure="insufficient_funds")
    refunds.settle_refund(refund.pk, refused, now=clock())
    refund.refresh_from_db()
    assert (refund.state, refund.failure) == (RefundState.FAILED, "insufficient_funds")
    assert refunds.refundable(fresh(order)) == 10200
    assert order_view(fresh(order), clock()).headline == "A refund did not get through"
    refunds.retry(refund.pk, by=STAFF, now=clock())
    assert order_view(fresh(order), clock()).headline == "Yours."
    refunds.retry(refund.pk, by=STAFF, now=clock())
    refunds.drain(clock)
    refund.refresh_from_db()
    assert (refund.state, refund.attempt, fresh(order).refunded_minor) == (RefundState.SUCCEEDED, 2, 4800)
    keys = [call["idempotency_key"] for call in sandbox.requests("refunds.create")]
    assert keys[-1] == f"refund:{order.reference}:refund:1:2"


def test_a_refund_that_comes_back_is_taken_out_of_the_ledger(robe: Drop, sandbox: SandboxServer) -> None:
    """Stripe: a refund that succeeded can still fail days later, when the account it went to is closed."""
    order = paid(robe, sandbox)
    refund = give_back(order, 1)
    refunds.drain(clock)
    refund.refresh_from_db()
    came_back = gateway.RefundView(refund.provider_id, "failed", 4800, order.payment.intent_id)
    for _ in range(2):
        refunds.take_over(came_back, now=clock())
    refund.refresh_from_db()
    assert (refund.state, fresh(order).refunded_minor) == (RefundState.FAILED, 0)


def test_c26_a_refund_made_at_the_provider_is_taken_over_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    made = provider(sandbox).refunds.create({"payment_intent": order.payment.intent_id, "amount": 2500})
    for kind in ("refund.created", "refund.updated"):
        ring(refund_event(kind, order, made.id))
    charge = {"id": order.payment.charge_id, "object": "charge", "payment_intent": order.payment.intent_id}
    ring(event("charge.refunded", charge))
    webhooks.drain(clock)
    refund = Refund.objects.get()
    assert (refund.provider_id, refund.amount_minor, refund.state) == (made.id, 2500, RefundState.SUCCEEDED)
    order = fresh(order)
    assert (order.refunded_minor, order.money_state) == (2500, MoneyState.PARTLY_REFUNDED)
    assert states(order).count("refunded") == 1
    assert fan.counts() == (0, 2, 3), "money alone came back"


def test_our_own_refund_is_not_taken_over_twice_when_its_webhook_is_faster(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    refund = give_back(order, 1)
    # Its id is not written down yet.
    sent = refunds._ask(Refund.objects.select_related("order__payment").get(), clock())
    refunds.take_over(gateway.retrieve_refund(sent.id), now=clock())
    refunds.settle_refund(refund.pk, sent, now=clock())
    assert (Refund.objects.count(), fresh(order).refunded_minor) == (1, 4800)


def test_news_of_a_payment_that_is_not_ours_waits_and_books_nothing(robe: Drop, sandbox: SandboxServer) -> None:
    ring(event("refund.created", {"id": "re_x", "object": "refund", "payment_intent": "pi_of_a_stranger"}))
    ring(event("charge.dispute.created", {"id": "dp_x", "object": "dispute", "payment_intent": None}))
    webhooks.drain(clock)
    assert (Refund.objects.count(), Dispute.objects.count()) == (0, 0)


def dispute_event(kind: str, order: Order, dispute_id: str) -> bytes:
    thing = {"id": dispute_id, "object": "dispute", "payment_intent": order.payment.intent_id}
    return event(f"charge.dispute.{kind}", thing)


@pytest.mark.parametrize(("won", "status", "money"), [(True, "won", MoneyState.PAID), (False, "lost", "disputed")])
def test_c26_a_dispute_is_noted_and_other_orders_stay_as_they_are(
    robe: Drop, sandbox: SandboxServer, won: bool, status: str, money: str
) -> None:
    order = paid(robe, sandbox, units=1)
    other = ordered(robe, sandbox)
    payments.drain(clock)
    dispute_id = sandbox.dispute(order.payment.intent_id)
    ring(dispute_event("created", order, dispute_id))
    webhooks.drain(clock)
    order = fresh(order)
    dispute = order.disputes.get()
    assert (dispute.status, dispute.reason, dispute.amount_minor) == ("needs_response", "fraudulent", 5400)
    assert (order.money_state, order.disputed_minor) == (MoneyState.DISPUTED, 5400)
    with pytest.raises(CannotRefund, match="dispute"):
        give_back(order, 1, amount_minor=5400)
    sandbox.decide_dispute(dispute_id, won=won)
    for kind in ("closed", "updated", "created"):
        ring(dispute_event(kind, order, dispute_id))
    webhooks.drain(clock)
    order = fresh(order)
    assert (order.disputes.get().status, order.money_state, order.state) == (status, money, OrderState.CONFIRMED)
    assert fresh(other).money_state == MoneyState.PAID
    submitted = [call for call in sandbox.requests("disputes.update") if dispute_id in call["path"]]
    assert submitted == [], "nothing is submitted"


def test_what_a_dispute_said_before_is_not_listened_to(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox, units=1)
    dispute_id = sandbox.dispute(order.payment.intent_id)
    opened = gateway.retrieve_dispute(dispute_id)
    sandbox.decide_dispute(dispute_id, won=False)
    assert disputes.note(gateway.retrieve_dispute(dispute_id), now=clock()) == "noted"
    assert disputes.note(opened, now=clock()) == "known"
    assert fresh(order).disputes.get().status == "lost"


def test_the_fan_reads_that_all_goes_back_while_it_does(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    give_back(order, 1)
    assert order_view(fresh(order), clock()).headline == "Yours."
    give_back(order, 1, seen=1)
    view = order_view(fresh(order), clock())
    assert view.headline == "Your money is on its way back"
    refunds.drain(clock)
    assert order_view(fresh(order), clock()).headline == "Refunded"


@pytest.mark.parametrize("asked", ["warning_needs_response", "warning_under_review"])
def test_a_bank_that_only_asked_and_then_takes_the_money_is_listened_to(
    robe: Drop, sandbox: SandboxServer, asked: str
) -> None:
    order = paid(robe, sandbox, units=1)
    taken = gateway.retrieve_dispute(sandbox.dispute(order.payment.intent_id))
    question = replace(taken, status=asked, due_by=None)
    assert disputes.note(question, now=clock()) == "noted"
    assert refunds.refundable(fresh(order)) == 5400, "nothing is taken yet"
    assert disputes.note(taken, now=clock()) == "noted"
    order = fresh(order)
    assert (order.disputes.get().status, order.disputes.get().due_by) == ("needs_response", taken.due_by)
    assert (order.disputed_minor, refunds.refundable(order)) == (5400, 0), "or it would go back twice"
    assert disputes.note(question, now=clock()) == "known"


def test_news_that_disputed_money_moved_have_the_dispute_read_again(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox, units=1)
    dispute_id = sandbox.dispute(order.payment.intent_id)
    ring(dispute_event("funds_withdrawn", order, dispute_id))
    webhooks.drain(clock)
    assert fresh(order).disputed_minor == 5400


@pytest.mark.parametrize(
    ("setting", "state", "counts"),
    [
        (LatePayments.TAKE_AGAIN, OrderState.CONFIRMED, (0, 1, 4)),
        (LatePayments.REFUND, OrderState.CANCELLED, (0, 0, 5)),
    ],
)
def test_c15_the_shop_says_what_happens_to_money_that_came_too_late(
    robe: Drop, sandbox: SandboxServer, setting: LatePayments, state: OrderState, counts: tuple[int, int, int]
) -> None:
    StoreProfile.objects.update(late_payments=setting)
    store.forget_store()
    order = ordered(robe, sandbox)
    job = payments._begin(payments.claim(clock()), clock())  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    release(order, 5)
    settle.settle_intent(order.pk, gateway.retrieve_intent(fresh(order).payment.intent_id), now=clock())
    refunds.drain(clock)
    assert (fresh(order).state, fan.counts()) == (state, counts)


def test_a_bank_that_takes_less_or_waits_longer_than_it_said_is_listened_to(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox, units=1)
    found = gateway.retrieve_dispute(sandbox.dispute(order.payment.intent_id))
    assert disputes.note(found, now=clock()) == "noted"
    less = replace(found, amount_minor=2000, due_by=later(days=20))
    assert [disputes.note(less, now=clock()) for _ in range(2)] == ["noted", "known"]
    order = fresh(order)
    assert (order.disputed_minor, refunds.refundable(order)) == (2000, 3400)
    assert order.disputes.get().due_by == less.due_by
    assert EvidencePack.objects.count() == 1


def test_a_refund_that_was_refused_and_had_been_made_all_the_same_is_booked(robe: Drop, sandbox: SandboxServer) -> None:
    """Its answer was lost, and what was asked once more was refused: for a key that had been taken away, say."""
    order = paid(robe, sandbox)
    refund = give_back(order, 1)
    key = f"refund:{refund.key}"
    gateway.refund(order.payment.intent_id, 4800, key=key)
    refused = gateway.RefundView("", "failed", 0, "", failure="not allowed")
    refunds.settle_refund(refund.pk, refused, now=clock())
    refund.refresh_from_db()
    assert (refund.state, fresh(order).refunded_minor) == (RefundState.FAILED, 0)
    [made] = gateway.list_refunds(order.payment.intent_id)
    for _ in range(2):
        refunds.take_over(made, now=clock())
    refund.refresh_from_db()
    assert (refund.state, refund.provider_id, fresh(order).refunded_minor) == (RefundState.SUCCEEDED, made.id, 4800)


def went_back_by_hand(order: Order, sandbox: SandboxServer) -> None:
    made = provider(sandbox).refunds.create({"payment_intent": order.payment.intent_id})
    refunds.take_over(gateway.retrieve_refund(made.id), now=clock())


@pytest.mark.parametrize(("ticked", "stock"), [({"restock": "on"}, (0, 0, 5)), ({}, (0, 0, 3))])
def test_units_whose_money_went_back_at_the_provider_are_taken_back_at_the_desk_once(
    robe: Drop, sandbox: SandboxServer, ticked: dict[str, str], stock: tuple[int, int, int]
) -> None:
    """Else they would be sold for ever to somebody who has not paid for them."""
    order, desk = paid(robe, sandbox), signed_in("Support")
    page = f"/admin/checkout/order/{order.pk}/take-back/"
    assert "take-back" not in desk.get(page.replace("take-back", "change")).content.decode()
    went_back_by_hand(order, sandbox)
    assert "take-back" in desk.get(page.replace("take-back", "change")).content.decode()
    dialog = desk.get(page, headers={"HX-Request": "true"}).content.decode()
    assert f"A Fan does not get what is in {order} (2 in all). Its money went back, or a bank has it" in dialog
    for _ in range(2):
        desk.post(page, {"_form_submitted": "on", "why": "refunded by hand"} | ticked)
    assert (fan.counts(), sum(returns.left(order).values())) == (stock, 0)
    assert (fresh(order).state, fresh(order).refunded_minor, order.refunds.count()) == (OrderState.CONFIRMED, 10200, 1)
    assert set(Allowance.objects.values_list("used", flat=True)) == {0}
    verb = "units_back_on_sale" if ticked else "units_written_off"
    assert JournalEntry.objects.get(subject=order.subject, verb=verb).why == "refunded by hand"


def test_units_whose_money_is_here_are_refunded_with_it(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    with pytest.raises(CannotRefund, match="its money is here"):
        returns.take_back(order.pk, restock=True, by=STAFF, why="x", now=clock())
    assert fan.counts() == (0, 2, 3)


def test_units_whose_money_a_bank_took_are_taken_back_once_by_many_at_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    dispute_id = sandbox.dispute(order.payment.intent_id)
    sandbox.decide_dispute(dispute_id, won=False)
    disputes.note(gateway.retrieve_dispute(dispute_id), now=clock())

    def press(_: int) -> str:
        try:
            returns.take_back(order.pk, restock=True, by=STAFF, why="lost", now=clock())
        except CannotRefund:
            return "gone"
        return "taken"

    assert together(press, 4) == {"taken": 1, "gone": 3}
    assert (fan.counts(), books_balance()) == ((0, 0, 5), True)
