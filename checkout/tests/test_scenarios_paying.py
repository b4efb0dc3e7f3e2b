"""Scenarios of a drop that are about paying, each from its beginning to what its fan reads in the end."""

import pytest
from django.core import mail

from checkout import carts, expiry, payments, webhooks
from checkout.models import Order, OrderState, Payment
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_leases import begun
from checkout.tests.test_payments import clock, fresh, later, ordered, states
from checkout.tests.test_place_order_races import together
from checkout.tests.test_webhooks import intent_event, ring
from drops.models import Drop, Hold
from merchant.models import StoreProfile
from segments import delivery
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def told_once(order: Order, sandbox: SandboxServer) -> None:
    """One confirmation, one e-mail, one charge, however often it was heard of."""
    order = fresh(order)
    assert (order.state, order.captured_minor, fan.counts()) == (OrderState.CONFIRMED, 5400, (0, 1, 4))
    assert states(order).count("confirmed") == 1
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]
    assert [message.key for message in Message.objects.all()] == [f"order:{order.reference}:confirmed"]
    delivery.drain(clock())
    delivery.drain(later(minutes=10))
    assert [len(mail.outbox), mail.outbox[0].to] == [1, ["fan@example.com"]]


def test_c8_a_webhook_before_the_worker_knows_confirms_once(robe: Drop, sandbox: SandboxServer) -> None:
    """The worker died after it had confirmed, so the doorbell is the first to say it; then the next worker comes."""
    order = ordered(robe, sandbox)
    payments._pay_intent(begun(clock()))
    ring(intent_event("succeeded", fresh(order)))
    webhooks.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    payments.drain(lambda: later(minutes=5))
    told_once(order, sandbox)


def test_c8_a_webhook_while_the_worker_is_asking_confirms_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    job = begun(clock())
    answer = payments._pay_intent(job)
    ring(intent_event("succeeded", fresh(order)))

    def settled(by: int) -> str:
        if by == 0:
            payments._settle(job, answer, clock())
        else:
            webhooks.drain(clock)
        return "settled"

    assert together(settled, 2) == {"settled": 2}
    told_once(order, sandbox)


def test_c8_a_webhook_after_the_worker_and_the_fans_return_confirms_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    payments.look_again(order.pk, now=clock())
    for _ in range(2):
        ring(intent_event("succeeded", fresh(order)))
        webhooks.drain(clock)
    payments.drain(later)
    told_once(order, sandbox)


def test_c12_another_card_confirms_the_same_intent_as_a_new_attempt_in_the_same_hold(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    order = fresh(order)
    hold = Hold.objects.get()
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    confirmed = fresh(order)
    assert (confirmed.state, confirmed.payment.intent_id) == (OrderState.CONFIRMED, order.payment.intent_id)
    assert confirmed.hold_expires_at == order.hold_expires_at
    assert list(Hold.objects.values_list("pk", "expires_at", "state")) == [(hold.pk, hold.expires_at, "committed")]
    sent = [call["idempotency_key"] for call in sandbox.requests("payment_intents.confirm")]
    assert [key for key in sent if order.reference in key] == [f"order:{order.reference}:confirm:{n}" for n in (1, 2)]
    made = [call["idempotency_key"] for call in sandbox.requests("payment_intents.create")]
    assert [key for key in made if order.reference in key] == [f"order:{order.reference}:create:1"]


LIMITED = "You have not been charged."
UNKNOWN = "We are checking whether your bank already answered; you are never charged twice."


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("429", LIMITED), ("503", UNKNOWN), ("no reply", UNKNOWN), ("no request", UNKNOWN)],
)
def test_c16_a_provider_in_trouble_keeps_the_order_says_so_and_charges_once(
    robe: Drop, sandbox: SandboxServer, trouble: str, words: str
) -> None:
    order = ordered(robe, sandbox)
    if trouble.isdigit():
        sandbox.fail("payment_intents.confirm", int(trouble), times=1)
    elif trouble == "no reply":
        sandbox.drop_reply("payment_intents.confirm")
    else:
        sandbox.drop_request("payment_intents.confirm")
    payments.drain(clock)
    kept = fresh(order)
    assert (kept.state, kept.hold_expires_at, fan.counts()) == (
        OrderState.DEFERRED,
        order.deferral_ends_at,
        (1, 0, 4),
    )
    view = order_view(kept, clock())
    assert view.headline.startswith("Held for you until")
    assert view.explanation == (
        f"Our payment provider is slow right now, so we keep your order and keep trying. {words}"
    )
    [message] = Message.objects.all()
    assert (message.key, words in message.text) == (f"order:{order.reference}:deferred", True)
    payments.drain(lambda: later(minutes=5))
    payments.drain(lambda: later(minutes=10))
    assert fresh(order).state == OrderState.CONFIRMED
    assert [charge["paid"] for charge in sandbox.charges(order.reference)] == [True]


def test_c34_497_of_500_abandon_and_every_unit_is_sellable_again_within_the_hard_cap(
    shop: StoreProfile, sandbox: SandboxServer
) -> None:
    """Half of them left a cart, the others an order: most without a card, some with one that was refused."""
    in_cart = fan.live_drop("carts", total=250, skus=("CART-M",), hold_from="cart")
    ordering = fan.live_drop("orders", total=250, skus=("ORDER-M",))
    for _ in range(250):
        carts.add(in_cart, "CART-M", 1, token="", now=clock())
    kinds = ["pm_card_visa"] * 3 + ["pm_card_chargeDeclined"] * 10
    for number in range(250):
        token = fan.card(sandbox, kinds[number]) if number < len(kinds) else ""
        who = fan.somebody(f"{number}@example.com")
        fan.placed(ordering, ("ORDER-M", 1), at=clock(), confirmation_token=token, contact=who)
    assert payments.drain(clock, limit=500) == 250
    assert (fan.counts("CART-M"), fan.counts("ORDER-M")) == ((250, 0, 0), (247, 3, 0))
    capped = Order.objects.latest("hard_cap_at").hard_cap_at
    freed = 0
    while count := expiry.sweep(capped):
        freed += count
    assert freed == 497
    assert (fan.counts("CART-M"), fan.counts("ORDER-M")) == ((0, 0, 250), (0, 3, 247))
    assert not Payment.objects.filter(state__in=["due", "awaiting_fan"]).exists()
    assert Order.objects.filter(state=OrderState.EXPIRED).count() == 247
