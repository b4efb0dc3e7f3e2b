"""Charging when it is certain: the bank sets the amount aside, and it is taken once the units are the fan's."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checkout import authorisations, expiry, fallback, gateway, orders, payments, puller, refunds, webhooks
from checkout.errors import GatewayRefused
from checkout.gateway import api, intent_view
from checkout.models import Order, OrderState, Payment, PaymentState, WebhookEvent
from checkout.queries import order_view
from checkout.sandbox.errors import Json
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import pay_there
from checkout.tests.test_payments import clock, fresh, later, ordered, states
from checkout.tests.test_place_order_races import together
from checkout.views.checkout import pay_config
from drops import stock
from drops.models import Capture, Drop
from segments.models import Message
from tests.faults.books import Books, unrest

pytestmark = pytest.mark.django_db(transaction=True)
CAPTURE = "payment_intents.capture"


@pytest.fixture
def robe(robe: Drop) -> Drop:
    """Charged when it is certain."""
    Drop.objects.filter(pk=robe.pk).update(capture=Capture.WHEN_CERTAIN)
    return Drop.objects.get(pk=robe.pk)


def authorised(drop: Drop, sandbox: SandboxServer, card: str = "pm_card_visa") -> Order:
    """The bank said yes, and no worker has come to take the amount."""
    order = ordered(drop, sandbox, card)
    payments.drain(clock, limit=1)
    return fresh(order)


def captures(sandbox: SandboxServer, order: Order) -> list[Json]:
    sent = [call for call in sandbox.requests(CAPTURE) if order.reference in (call["idempotency_key"] or "")]
    return [call for call in sent if not call["replayed"]]


def money(sandbox: SandboxServer, order: Order) -> list[tuple[bool, bool]]:
    """(taken, set aside) of each charge that did not fail."""
    charges = sandbox.charges(order.reference)
    return [(charge["paid"], charge["authorised"]) for charge in charges if charge["status"] == "succeeded"]


def told(order: Order) -> list[str]:
    return list(Message.objects.filter(to=order.email).order_by("pk").values_list("kind", flat=True))


def test_a_good_card_is_charged_after_its_units_are_certain(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    assert (order.state, order.captured_minor) == (OrderState.AUTHORISING, 0)
    assert (order.payment.state, order.payment.provider_status) == (PaymentState.DUE, "requires_capture")
    assert order.payment.capture_before is not None
    assert abs(order.payment.capture_before - later(days=7)) < timedelta(minutes=1)
    assert (money(sandbox, order), fan.counts()) == ([(False, True)], (1, 0, 4))
    assert payments.drain(clock) == 1
    order = fresh(order)
    assert (order.state, order.captured_minor, fan.counts()) == (OrderState.CONFIRMED, 5400, (0, 1, 4))
    assert money(sandbox, order) == [(True, False)]
    assert states(order) == ["placed", "authorising", "authorised", "confirmed"]
    key = f"order:{order.reference}:capture:{order.payment.intent_id}:1"
    assert [call["idempotency_key"] for call in captures(sandbox, order)] == [key]
    assert told(order) == ["order_confirmed"]


def test_other_drops_are_charged_with_the_banks_yes(robe: Drop, sandbox: SandboxServer) -> None:
    Drop.objects.update(capture=Capture.AUTOMATIC)
    order = ordered(robe, sandbox)
    assert payments.drain(clock) == 1
    assert (fresh(order).state, captures(sandbox, order)) == (OrderState.CONFIRMED, [])


def test_a_declined_card_is_asked_for_again_and_the_next_one_captured(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox, "pm_card_chargeDeclined")
    assert (order.state, order.payment.capture_before) == (OrderState.ACTION_REQUIRED, None)
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.CONFIRMED, [(True, False)])


def test_3d_secure_sets_aside_and_the_worker_takes_it(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox, "pm_card_threeDSecure2Required")
    assert (order.state, order.payment.error_code) == (OrderState.ACTION_REQUIRED, "action")
    sandbox.authenticate(order.payment.intent_id)
    ring(order, "payment_intent.amount_capturable_updated")
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.AUTHORISING, [(False, True)])
    payments.drain(clock)
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.CONFIRMED, [(True, False)])


def test_a_yes_that_is_heard_of_twice_is_taken_no_later(robe: Drop, sandbox: SandboxServer) -> None:
    """The worker's answer and the doorbell say the same, in either order."""
    order = authorised(robe, sandbox)
    ring(order, "payment_intent.amount_capturable_updated")
    assert payments.drain(clock) == 1
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.CONFIRMED, [(True, False)])


def test_a_yes_that_is_heard_of_again_does_not_put_off_a_capture_that_is_tried_again(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = authorised(robe, sandbox)
    sandbox.fail(CAPTURE, 429, times=1)
    payments.drain(clock)
    due_at = fresh(order).payment.due_at
    ring(order, "payment_intent.amount_capturable_updated")
    assert (fresh(order).payment.due_at, fresh(order).payment.capture_sent) == (due_at, True)


def ring(order: Order, kind: str) -> None:
    """The provider's doorbell, worked through."""
    [event] = [one for one in gateway.list_events([kind], later(minutes=-5)) if is_about(one.payload, order)]
    webhooks.store([event], now=clock())
    webhooks.drain(clock)


def is_about(event: dict[str, Any], order: Order) -> bool:
    return bool(event["data"]["object"]["metadata"].get("order") == order.reference)


def test_the_puller_finds_a_yes_that_did_not_ring(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox, "pm_card_threeDSecure2Required")
    sandbox.authenticate(order.payment.intent_id)
    puller.pull(later(minutes=6))
    payments.drain(lambda: later(minutes=6))
    assert fresh(order).state == OrderState.CONFIRMED


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_provider_in_trouble_at_the_capture_defers_and_charges_once(
    robe: Drop, sandbox: SandboxServer, status: int
) -> None:
    order = authorised(robe, sandbox)
    sandbox.fail(CAPTURE, status, times=1)
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.hold_expires_at, fan.counts()) == (
        OrderState.DEFERRED,
        order.deferral_ends_at,
        (1, 0, 4),
    )
    payments.drain(lambda: later(minutes=5))
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.CONFIRMED, [(True, False)])


def test_a_lost_reply_to_the_capture_is_asked_back_by_id(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    sandbox.drop_reply(CAPTURE)
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.outcome_unknown, order.captured_minor) == (OrderState.DEFERRED, True, 0)
    assert "We are checking whether your bank already answered" in order_view(order, clock()).explanation
    payments.drain(lambda: later(minutes=5))
    assert (fresh(order).state, fresh(order).captured_minor) == (OrderState.CONFIRMED, 5400)
    assert len(captures(sandbox, order)) == 1, "asked back, not captured again"


def test_a_500_after_the_provider_captured_is_asked_back_by_id(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    sandbox.fail(CAPTURE, 500, times=1, phase="after")
    payments.drain(clock)
    payments.drain(lambda: later(minutes=5))
    assert (fresh(order).state, len(captures(sandbox, order))) == (OrderState.CONFIRMED, 1)


def test_c25_a_worker_killed_between_capture_and_commit_is_made_good(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    payment_id = payments.claim(clock())
    job = payments._begin(payment_id, clock())  # type: ignore[arg-type]
    assert job is not None
    payments._capture(job)  # taken; and here the worker dies
    assert (fresh(order).captured_minor, money(sandbox, order)) == (0, [(True, False)])
    assert payments.drain(clock) == 0, "the dead worker's lease still runs"
    payments.drain(lambda: later(seconds=61))
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))
    assert len(captures(sandbox, order)) == 1


def test_c25_a_worker_killed_before_the_capture_leaves_it_to_the_next(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    assert payments.claim(clock()) is not None  # and here the worker dies
    payments.drain(lambda: later(seconds=61))
    assert (fresh(order).state, len(captures(sandbox, order))) == (OrderState.CONFIRMED, 1)


def test_many_workers_capture_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    together(lambda _: str(payments.drain(clock)), 8)
    assert (fresh(order).state, len(captures(sandbox, order))) == (OrderState.CONFIRMED, 1)


def test_a_worker_that_lost_its_lease_does_not_capture(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    jobs = []
    for at in (clock(), later(seconds=61)):  # the second came when the first had been silent for a minute
        payment_id = payments.claim(at)
        jobs.append(payments._begin(payment_id, at))  # type: ignore[arg-type]
    slow, quick = jobs
    assert slow is not None
    assert quick is not None
    assert payments._capture(slow) is None
    assert captures(sandbox, order) == []
    assert payments._capture(quick) is not None


def test_without_the_lease_two_workers_both_send_a_capture(robe: Drop, sandbox: SandboxServer) -> None:
    """The provider captures an intent once; but it is asked twice, and one of them hears that it must not."""
    order = authorised(robe, sandbox)
    all_looked = threading.Barrier(2)

    def naive(number: int) -> str:
        waits = gateway.retrieve_intent(order.payment.intent_id).status == gateway.AUTHORISED
        all_looked.wait()
        assert waits
        try:
            return gateway.capture_intent(order.payment.intent_id, key=f"{order.reference}:naive:{number}").status
        except GatewayRefused:
            return "refused"

    assert together(naive, fans=2) == {"succeeded": 1, "refused": 1}
    assert len(captures(sandbox, order)) == 2


def test_units_that_are_not_held_are_not_charged(robe: Drop, sandbox: SandboxServer) -> None:
    """It cannot be; if it is all the same, nothing is taken, and the sweep ends it."""
    order = authorised(robe, sandbox)
    stock.release(orders.owner_of(order))
    payments.drain(clock)
    assert (captures(sandbox, order), fresh(order).captured_minor) == ([], 0)


def test_authorised_and_the_deadline_missed_is_let_go_and_not_charged(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    sandbox.fail(CAPTURE, 503)
    payments.drain(clock)
    assert expiry.sweep(later(minutes=119)) == 0, "the provider's delay is not the fan's"
    assert (expiry.sweep(later(minutes=121)), expiry.sweep(later(minutes=122))) == (1, 0)
    order = fresh(order)
    assert (order.state, order.payment.state, fan.counts()) == (
        OrderState.EXPIRED,
        PaymentState.CLOSED,
        (0, 0, 5),
    )
    assert money(sandbox, order) == [(False, False)]
    said = "You have not been charged; your bank releases the amount that it had set aside."
    assert said in order_view(order, clock()).explanation
    assert said in " ".join(Message.objects.get(kind="order_expired").text.split())


def test_a_yes_that_no_worker_came_to_take_outlives_its_hold(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    assert expiry.sweep(later(minutes=30)) == 0
    payments.drain(lambda: later(minutes=30))
    assert fresh(order).state == OrderState.CONFIRMED


def test_units_stay_while_the_provider_does_not_confirm_the_letting_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    sandbox.fail("payment_intents.cancel", 500, times=1)
    assert (expiry.sweep(later(minutes=121)), fan.counts()) == (0, (1, 0, 4))
    assert (expiry.sweep(later(minutes=121)), fan.counts()) == (1, (0, 0, 5))
    assert fresh(order).state == OrderState.EXPIRED


def test_what_was_captured_in_the_last_second_is_confirmed_not_freed(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    gateway.capture_intent(order.payment.intent_id, key="by another")
    assert expiry.sweep(later(minutes=121)) == 0
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))


def test_staff_cancel_twice_and_the_amount_is_let_go_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    assert expiry.close(order.pk, OrderState.CANCELLED, why="a test", actor="staff:x", now=clock())
    gateway.cancel_intent(order.payment.intent_id)
    ring(order, "payment_intent.canceled")
    order = fresh(order)
    assert (order.state, order.payment.state, fan.counts()) == (OrderState.CANCELLED, PaymentState.CLOSED, (0, 0, 5))
    assert (money(sandbox, order), told(order)) == ([(False, False)], ["order_expired"])
    assert "your bank releases the amount" in order_view(order, clock()).explanation


def test_an_authorisation_that_was_cancelled_at_the_provider_asks_for_a_card(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = authorised(robe, sandbox)
    gateway.cancel_intent(order.payment.intent_id)
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.error_code) == (OrderState.ACTION_REQUIRED, "card_wanted")
    assert (order.payment.capture_before, order.payment.capture_sent) == (None, False)
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.CONFIRMED, [(False, False), (True, False)])


def test_the_providers_page_sets_aside_too(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox, "pm_card_chargeDeclined")
    pay_there(fallback.open_session(order.pk, now=clock()))
    payments.look_again(order.pk, now=clock())
    payments.drain(clock, limit=1)
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.AUTHORISING, [(False, True)])
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.captured_minor, money(sandbox, order)) == (OrderState.CONFIRMED, 5400, [(True, False)])


def test_what_the_providers_page_set_aside_outlives_its_hold_too(robe: Drop, sandbox: SandboxServer) -> None:
    """There is no card of ours that waits, only a bank's yes."""
    order = authorised(robe, sandbox, "pm_card_chargeDeclined")
    pay_there(fallback.open_session(order.pk, now=clock()))
    payments.look_again(order.pk, now=clock())
    payments.drain(clock, limit=1)
    assert fresh(order).payment.confirmation_token == ""
    assert expiry.sweep(later(minutes=60)) == 0
    payments.drain(lambda: later(minutes=60))
    assert fresh(order).state == OrderState.CONFIRMED


def test_what_the_providers_page_set_aside_is_let_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox, "pm_card_chargeDeclined")
    pay_there(fallback.open_session(order.pk, now=clock()))
    assert expiry.sweep(later(minutes=40)) == 1
    assert (fresh(order).state, money(sandbox, order)) == (OrderState.EXPIRED, [(False, False)])


def test_the_page_cancelled_at_the_provider_asks_for_another_card(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox, "pm_card_chargeDeclined")
    pay_there(fallback.open_session(order.pk, now=clock()))
    payments.look_again(order.pk, now=clock())
    payments.drain(clock, limit=1)
    gateway.cancel_intent(fresh(order).payment.intent_id)
    assert payments.drain(clock) == 1, "looked at once, and not in circles"
    assert fresh(order).payment.error_code == "card_wanted"
    pay_there(fallback.open_session(order.pk, now=clock()))
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_second_authorisation_of_a_paid_order_is_let_go(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    payments.drain(clock)
    stray = gateway.create_intent(
        order.reference, order.total, email=order.email, key=f"{order.reference} by hand", manual=True
    )
    gateway.confirm_intent(
        stray.id, fan.card(sandbox), return_url="http://127.0.0.1/", key=f"{order.reference} by hand, confirm"
    )
    [event] = [
        one
        for one in gateway.list_events(["payment_intent.amount_capturable_updated"], later(minutes=-5))
        if one.object_id == stray.id
    ]
    webhooks.store([event], now=clock())
    webhooks.drain(clock)
    assert gateway.retrieve_intent(stray.id).status == "canceled"
    assert (fresh(order).state, fresh(order).captured_minor) == (OrderState.CONFIRMED, 5400)
    [released] = [
        one
        for one in gateway.list_events(["charge.refunded"], later(minutes=-5))
        if one.payload["data"]["object"]["payment_intent"] == stray.id
    ]
    webhooks.store([released], now=clock())
    webhooks.drain(clock)
    heard = WebhookEvent.objects.get(event_id=released.id)
    assert (heard.outcome, heard.processed_at is not None) == (refunds.NOT_TAKEN, True), "heard once, not for hours"


def test_the_fans_page_says_that_nothing_is_charged_yet(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    view = order_view(order, clock())
    assert view.headline == "Your bank said yes; one moment"
    assert "It has set $54.00 aside and nothing of it is taken yet." in view.explanation
    assert view.timeline[-1][1] == "Your bank said yes and set the amount aside"
    assert (view.poll, view.pay_url, view.can_cancel) == (True, None, False)
    sandbox.fail(CAPTURE, 429, times=1)
    payments.drain(clock)
    assert "keeps the amount aside; you have not been charged yet" in order_view(fresh(order), clock()).explanation


def test_the_card_form_and_the_intent_agree_on_the_capture(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    raw = api.call("payment_intents.retrieve", order.payment.intent_id)
    assert raw["capture_method"] == pay_config(robe, 5400, "USD")["capture_method"] == "manual"


def test_a_method_that_names_no_end_is_kept_for_less_than_any_bank_does() -> None:
    raw = {"status": "requires_capture", "created": 1_800_000_000, "latest_charge": "ch_1"}
    assert intent_view._capture_before(raw) == datetime.fromtimestamp(1_800_000_000, tz=UTC) + timedelta(days=4)


def test_what_is_soon_lost_is_shown_to_staff(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)
    assert list(authorisations.near_their_end(clock())) == []
    assert [one.order_id for one in authorisations.near_their_end(later(days=6))] == [order.pk]
    assert Payment.objects.get(order=order).is_authorised


def test_the_books_of_a_fault_run_know_what_is_no_money(robe: Drop, sandbox: SandboxServer) -> None:
    order = authorised(robe, sandbox)

    def faults() -> list[str]:
        return [fault for fault in Books(robe, 5, sandbox.charges(order.reference)).faults() if "54" in fault]

    assert faults() == [f"{order.reference}: 5400 is still set aside at a bank"]
    assert unrest(robe)["payments"] == 1
    payments.drain(clock)
    assert (faults(), unrest(robe)) == ([], {})
