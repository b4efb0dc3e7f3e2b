"""Paying, over real HTTP to the provider's sandbox: success, refusal, 3-D Secure, silence, and workers that die."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from checkout import expiry, gateway, orders, payments, refunds, settle
from checkout.errors import GatewayUnavailable, NothingToPay
from checkout.gateway import IntentView, api, intents
from checkout.models import Order, OrderState, Payment, PaymentState, Refund
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_place_order_races import together
from drops import stock
from drops.models import Drop, StockItem
from merchant.models import JournalEntry
from merchant.money import Money
from segments import delivery
from segments.models import Footprint, Message
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def clock() -> datetime:
    return datetime.now(UTC)


def later(**ahead: float) -> datetime:
    return clock() + timedelta(**ahead)


def fresh(order: Order) -> Order:
    return Order.objects.select_related("payment", "drop").get(pk=order.pk)


def states(order: Order) -> list[str]:
    return list(JournalEntry.objects.filter(subject=order.subject).order_by("id").values_list("verb", flat=True))


def ordered(robe: Drop, sandbox: SandboxServer, card: str = "pm_card_visa") -> Order:
    return fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox, card))


def test_a_good_card_confirms_the_order(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    assert payments.drain(clock) == 1
    order = fresh(order)
    assert (order.state, order.captured_minor) == (OrderState.CONFIRMED, 5400)
    assert fan.counts() == (0, 1, 4)
    assert states(order) == ["placed", "authorising", "confirmed"]
    [charge] = sandbox.charges(order.reference)
    assert (charge["amount"], charge["paid"]) == (5400, True)
    keys = [
        call["idempotency_key"] for call in sandbox.requests() if order.reference in (call["idempotency_key"] or "")
    ]
    assert keys == [f"order:{order.reference}:create:1", f"order:{order.reference}:confirm:1"]


def test_a_confirmed_order_leaves_a_footprint_and_one_message(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    assert Footprint.objects.get().key == f"order:{order.reference}:purchased"
    message = Message.objects.get(key=f"order:{order.reference}:confirmed")
    assert message.to == "fan@example.com"
    assert delivery.drain(clock()) == 1
    assert re.search(r"/orders/[\w-]{32}/", str(mail.outbox[0].body))


def test_a_declined_card_asks_for_another_on_the_same_intent(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.ACTION_REQUIRED, PaymentState.AWAITING_FAN)
    assert "declined" in order.payment.error_message
    assert fan.counts() == (1, 0, 4)
    intent = order.payment.intent_id
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.intent_id, order.payment.attempt) == (OrderState.CONFIRMED, intent, 2)
    assert [charge["paid"] for charge in sandbox.charges(order.reference)].count(True) == 1


def test_an_address_that_the_provider_does_not_take_pays_all_the_same(robe: Drop, sandbox: SandboxServer) -> None:
    who = fan.somebody("jörg@example.com")
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox), contact=who)
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    assert [(charge["amount"], charge["paid"]) for charge in sandbox.charges(order.reference)] == [(5400, True)]
    tried = [call for call in sandbox.requests("payment_intents.create") if order.reference in call["idempotency_key"]]
    key = f"order:{order.reference}:create:1"
    assert [(call["idempotency_key"], call["status"]) for call in tried] == [(key, 400), (f"{key}:without-mail", 200)]


def test_a_key_that_the_provider_does_not_know_has_charged_nobody(
    robe: Drop, sandbox: SandboxServer, settings: Any
) -> None:
    order = ordered(robe, sandbox)
    right, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "pk_test_the_wrong_one"
    api.client.cache_clear()
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.outcome_unknown, order.payment.create_number) == (OrderState.DEFERRED, False, 1)
    assert "You have not been charged." in order_view(order, clock()).explanation
    settings.STRIPE_SECRET_KEY = right
    api.client.cache_clear()
    payments.drain(lambda: later(minutes=2))
    assert fresh(order).state == OrderState.CONFIRMED


def test_3d_secure_waits_for_the_fan_and_then_confirms(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.error_code) == (OrderState.ACTION_REQUIRED, "action")
    assert order.payment.client_secret.startswith(order.payment.intent_id)
    sandbox.authenticate(order.payment.intent_id)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_failed_3d_secure_asks_for_another_card(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id, passed=False)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.ACTION_REQUIRED, PaymentState.AWAITING_FAN)
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_without_a_token_the_fan_is_asked_for_a_card_and_nothing_is_created(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock())
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.error_code) == (OrderState.ACTION_REQUIRED, "card_wanted")
    assert order.payment.intent_id == ""
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_a_spent_token_asks_for_the_card_again(robe: Drop, sandbox: SandboxServer) -> None:
    token = fan.card(sandbox)
    first = fan.placed(robe, at=clock(), confirmation_token=token)
    payments.drain(clock)
    second = fan.placed(robe, at=clock(), confirmation_token=token)
    payments.drain(clock)
    assert (fresh(first).state, fresh(second).state) == (OrderState.CONFIRMED, OrderState.ACTION_REQUIRED)
    assert fresh(second).payment.error_code == "token_unusable"


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize("operation", ["payment_intents.create", "payment_intents.confirm"])
def test_c16_a_provider_in_trouble_defers_and_charges_once(
    robe: Drop, sandbox: SandboxServer, operation: str, status: int
) -> None:
    order = ordered(robe, sandbox)
    sandbox.fail(operation, status, times=1)
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.hold_expires_at) == (OrderState.DEFERRED, order.deferral_ends_at)
    assert fan.counts() == (1, 0, 4)
    payments.drain(lambda: later(minutes=5))
    assert fresh(order).state == OrderState.CONFIRMED
    assert [charge["amount"] for charge in sandbox.charges(order.reference)] == [5400]


@pytest.mark.parametrize("operation", ["payment_intents.create", "payment_intents.confirm"])
def test_a_lost_reply_is_asked_back_and_charges_once(robe: Drop, sandbox: SandboxServer, operation: str) -> None:
    order = ordered(robe, sandbox)
    sandbox.drop_reply(operation)
    payments.drain(clock)
    assert fresh(order).state == OrderState.DEFERRED
    assert fresh(order).payment.outcome_unknown
    payments.drain(lambda: later(minutes=5))
    assert fresh(order).state == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_a_500_after_the_provider_acted_charges_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    sandbox.fail("payment_intents.confirm", 500, times=1, phase="after")
    payments.drain(clock)
    payments.drain(lambda: later(minutes=5))
    assert fresh(order).state == OrderState.CONFIRMED
    assert len(sandbox.charges(order.reference)) == 1


def test_c25_a_worker_that_died_between_charge_and_commit_is_made_good(robe: Drop, sandbox: SandboxServer) -> None:
    """The lease of the dead worker ends; the next one asks what became of the intent before doing anything."""
    order = ordered(robe, sandbox)
    payment_id = payments.claim(clock())
    job = payments._begin(payment_id, clock())  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)  # charged; and here the worker dies
    assert payments.drain(clock) == 0, "the dead worker's lease still runs"
    payments.drain(lambda: later(seconds=61))
    assert fresh(order).state == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_c12_a_second_card_needs_the_first_to_be_answered(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    with pytest.raises(NothingToPay):
        payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    with pytest.raises(NothingToPay):
        payments.use_card(order.pk, fan.card(sandbox), now=clock())


def test_c17_a_deferred_payment_that_misses_its_deadline_frees_its_units(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    sandbox.fail("payment_intents.confirm", 500)
    payments.drain(clock)
    assert expiry.sweep(later(minutes=119)) == 0
    assert expiry.sweep(later(minutes=121)) == 1
    order = fresh(order)
    assert (order.state, order.payment.state) == (OrderState.EXPIRED, PaymentState.CLOSED)
    assert fan.counts() == (0, 0, 5)
    assert gateway.retrieve_intent(order.payment.intent_id).status == "canceled"
    assert Message.objects.filter(key=f"order:{order.reference}:expired").count() == 1


def test_units_stay_while_the_provider_cannot_confirm_the_closing(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    sandbox.fail("payment_intents.cancel", 500, times=1)
    assert expiry.sweep(later(minutes=26)) == 0
    assert (fresh(order).state, fan.counts()) == (OrderState.ACTION_REQUIRED, (1, 0, 4))
    assert expiry.sweep(later(minutes=26)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))


def test_what_was_paid_in_the_last_second_is_confirmed_not_freed(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id)
    assert expiry.sweep(later(minutes=26)) == 0
    assert (fresh(order).state, fan.counts()) == (OrderState.CONFIRMED, (0, 1, 4))


def test_an_order_nobody_paid_expires_with_the_sweep(robe: Drop, sandbox: SandboxServer) -> None:
    order = fan.placed(robe, at=clock())
    assert expiry.sweep(later(minutes=9)) == 0
    assert expiry.sweep(later(minutes=11)) == 1
    assert (fresh(order).state, fan.counts()) == (OrderState.EXPIRED, (0, 0, 5))
    with pytest.raises(NothingToPay):
        payments.use_card(order.pk, "ctoken_x", now=later(minutes=12))


@pytest.mark.parametrize(
    ("left", "state", "refunded"), [(1, OrderState.CONFIRMED, []), (0, OrderState.CANCELLED, [5400])]
)
def test_c15_paid_after_expiry(
    robe: Drop, sandbox: SandboxServer, left: int, state: OrderState, refunded: list[int]
) -> None:
    """Money that came too late buys the units if there are any, else it goes back once."""
    order = ordered(robe, sandbox)
    payment_id = payments.claim(clock())
    job = payments._begin(payment_id, clock())  # type: ignore[arg-type]
    assert job is not None
    payments._pay_intent(job)
    # The worst case, made by hand: freed although the provider had the money.
    Order.objects.filter(pk=order.pk).update(state=OrderState.EXPIRED)
    release(order, left)
    settle.settle_intent(order.pk, gateway.retrieve_intent(fresh(order).payment.intent_id), now=clock())
    refunds.drain(clock)
    refunds.drain(clock)
    order = fresh(order)
    assert order.state == state
    assert [refund.amount_minor for refund in Refund.objects.filter(state="succeeded")] == refunded
    assert sum(charge["refunded"] for charge in sandbox.charges(order.reference)) == sum(refunded)
    assert order.refunded_minor == sum(refunded)


def release(order: Order, left: int) -> None:
    with transaction.atomic():
        stock.release(orders.owner_of(order))
    item = StockItem.objects.get(code="ROBE-M")
    stock.restock(item.pk, left - item.available, actor="test", why="to this many")


def test_a_network_call_inside_a_transaction_is_refused(robe: Drop, sandbox: SandboxServer) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        gateway.retrieve_intent("pi_x")


def test_many_workers_pay_each_order_once(robe: Drop, sandbox: SandboxServer) -> None:
    for number in range(5):
        fan.placed(
            robe, at=clock(), confirmation_token=fan.card(sandbox), contact=fan.somebody(f"{number}@example.com")
        )
    assert sum(int(count) * number for count, number in together(lambda _: str(payments.drain(clock)), 8).items()) == 5
    assert Payment.objects.filter(state=PaymentState.PAID).count() == 5
    references = set(Order.objects.values_list("reference", flat=True))
    paid = [charge["order"] for charge in sandbox.charges() if charge["paid"] and charge["order"] in references]
    assert sorted(paid) == sorted(references)


def test_a_key_in_use_is_asked_again_under_the_same_key(robe: Drop, sandbox: SandboxServer, settings: Any) -> None:
    """Another worker's call with our key still runs: a new key would make a second intent beside it."""
    settings.STRIPE_TIMEOUT_SECONDS = 120
    order = ordered(robe, sandbox)
    sandbox.slow("payment_intents.create", 600, times=1)
    key = f"order:{order.reference}:create:1"

    def create() -> IntentView:
        return gateway.create_intent(order.reference, order.total, email=order.email, key=key)

    def first_has_arrived() -> bool:
        return key in [call["idempotency_key"] for call in sandbox.requests("payment_intents.create") if call["fault"]]

    with ThreadPoolExecutor(1) as another:
        first = another.submit(create)
        until(first_has_arrived)
        with pytest.raises(GatewayUnavailable) as caught:
            create()
        sandbox.clear()
        assert first.result().order_ref == order.reference
    assert caught.value.replayable


def test_a_key_used_for_something_else_wants_a_new_key(robe: Drop, sandbox: SandboxServer) -> None:
    gateway.create_intent("FR-1", Money(100, "USD"), email="fan@example.com", key="a key")
    with pytest.raises(GatewayUnavailable) as caught:
        gateway.create_intent("FR-1", Money(200, "USD"), email="fan@example.com", key="a key")
    assert not caught.value.replayable


def test_an_unreachable_provider_is_said_to_be_unavailable(robe: Drop, sandbox: SandboxServer) -> None:
    sandbox.drop_request("payment_intents.retrieve")
    with pytest.raises(GatewayUnavailable):
        gateway.retrieve_intent("pi_x")


def test_a_lost_intent_is_looked_for_page_by_page_and_not_for_ever(
    robe: Drop, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PAGE", 2)
    monkeypatch.setattr(intents, "MOST_PAGES", 3)
    since = later(minutes=-5)
    made = [
        gateway.create_intent(ref, Money(5400, "USD"), email="fan@example.com", key=f"{ref}:{since}").id
        for ref in ("FR-FAR", "FR-NEAR", *(f"FR-{number}" for number in range(5)))
    ]

    def asked(ref: str) -> tuple[str, int]:
        before = len(sandbox.requests("payment_intents.list"))
        found = gateway.find_intent(ref, since)
        return found.id if found else "", len(sandbox.requests("payment_intents.list")) - before

    assert asked("FR-4") == (made[-1], 1), "the newest page is enough"
    assert asked("FR-NEAR") == (made[1], 3)
    assert asked("FR-FAR") == ("", 3), "another is made: nobody can pay on the lost one"
    gateway.cancel_intent(made[-1])
    assert asked("FR-4") == ("", 3), "a closed one is no use"
