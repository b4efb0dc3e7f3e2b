"""The doorbell: signed with the provider's real algorithm, stored once, acted on in any order."""

import json
import time
import uuid
from typing import Any

import pytest
import stripe
from django.test import Client

from checkout import breaker, payments, webhooks
from checkout.models import OrderState, Payment, PaymentState, WebhookEvent
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, ordered
from drops.models import Drop
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/webhooks/stripe/"


def event(kind: str, thing: dict[str, Any], event_id: str = "") -> bytes:
    return json.dumps(
        {
            "id": event_id or f"evt_{uuid.uuid4().hex}",
            "object": "event",
            "type": kind,
            "created": int(time.time()),
            "api_version": "2026-10-28.endive",
            "data": {"object": thing},
        }
    ).encode()


def signed(payload: bytes, secret: str = "whsec_sandbox", at: float = 0) -> str:  # the sandbox's
    stamp = int(at or time.time())
    return f"t={stamp},v1={stripe.WebhookSignature._compute_signature(f'{stamp}.{payload.decode()}', secret)}"


def ring(payload: bytes, signature: str | None = None) -> int:
    header = signed(payload) if signature is None else signature
    return (
        Client()
        .post(ADDRESS, payload, content_type="application/json", headers={"stripe-signature": header})
        .status_code
    )


def intent_event(kind: str, order: Any, event_id: str = "") -> bytes:
    thing = {"id": order.payment.intent_id, "object": "payment_intent", "metadata": {"order": order.reference}}
    return event(f"payment_intent.{kind}", thing, event_id)


@pytest.mark.parametrize(
    "signature",
    ["", "t=1,v1=00", "nonsense", "t=9999999999999999999999,v1=0"],
)
def test_what_nobody_of_ours_signed_is_refused(sandbox: SandboxServer, signature: str) -> None:
    assert ring(event("payment_intent.succeeded", {"id": "pi_1"}), signature) == 400
    assert WebhookEvent.objects.count() == 0


def test_another_secret_an_old_signature_and_an_altered_body_are_refused(sandbox: SandboxServer) -> None:
    payload = event("payment_intent.succeeded", {"id": "pi_1"})
    assert ring(payload, signed(payload, "whsec_of_a_stranger")) == 400
    assert ring(payload, signed(payload, at=time.time() - 301)) == 400
    assert ring(payload + b" ", signed(payload)) == 400
    assert WebhookEvent.objects.count() == 0


def test_both_secrets_work_while_one_is_rotated_out(sandbox: SandboxServer, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", "whsec_old"]
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        payload = event("payment_intent.succeeded", {"id": "pi_1"})
        assert ring(payload, signed(payload, secret)) == 200


def test_c9_an_event_five_times_is_stored_and_acted_on_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    payload = intent_event("succeeded", fresh(order), "evt_same")
    assert [ring(payload) for _ in range(5)] == [200] * 5
    assert WebhookEvent.objects.count() == 1
    webhooks.drain(clock)
    assert webhooks.drain(clock) == 0
    assert fan.counts() == (0, 1, 4)
    assert Message.objects.filter(key=f"order:{order.reference}:confirmed").count() == 1


def test_signs_that_the_database_does_not_take_are_left_out_of_an_event(robe: Drop, sandbox: SandboxServer) -> None:
    """A name is typed by a stranger. What could not be stored would ring in vain for days, and stop the puller too."""
    order = ordered(robe, sandbox)
    payments.drain(clock)
    thing = {"id": fresh(order).payment.intent_id, "metadata": {"order": order.reference}}
    named = thing | {"billing_details": {"name": "A\0 Fan\ud800", "lines": ["\0\\u0000"]}}
    assert ring(event("payment_intent.succeeded", named)) == 200
    kept = WebhookEvent.objects.get().payload["data"]["object"]
    assert kept == thing | {"billing_details": {"name": "A Fan?", "lines": ["\\u0000"]}}


def test_c8_the_webhook_alone_confirms(robe: Drop, sandbox: SandboxServer) -> None:
    """The fan answered the bank and never came back: nobody but the provider tells us."""
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id)
    assert ring(intent_event("succeeded", fresh(order))) == 200
    webhooks.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


def test_c9_failed_after_succeeded_changes_nothing(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    ring(intent_event("payment_failed", fresh(order)))
    webhooks.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    assert WebhookEvent.objects.get().outcome == "paid before"


def test_an_event_is_a_doorbell_what_it_claims_is_not_believed(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    ring(intent_event("succeeded", fresh(order)))
    webhooks.drain(clock)
    assert fresh(order).state == OrderState.ACTION_REQUIRED


def test_c10_an_event_before_its_order_waits_and_is_applied(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    order = fresh(order)
    real, stand_in = order.reference, "FR-NOTYETTHERE"
    type(order).objects.filter(pk=order.pk).update(reference=stand_in)
    ring(intent_event("succeeded", order))
    webhooks.drain(clock)
    waiting = WebhookEvent.objects.get()
    assert (waiting.processed_at, waiting.outcome) == (None, "no order of ours yet")
    type(order).objects.filter(pk=order.pk).update(reference=real)
    webhooks.drain(lambda: later(minutes=2))
    assert WebhookEvent.objects.get().outcome == "paid before"


def test_events_that_do_not_concern_us_are_kept_and_left_alone(sandbox: SandboxServer) -> None:
    assert ring(event("customer.created", {"id": "cus_1"})) == 200
    assert WebhookEvent.objects.get().outcome == "not ours to act on"
    assert webhooks.drain(clock) == 0


def test_what_only_another_release_can_act_on_waits_for_it_and_holds_up_nobody(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    ring(event("charge.of_another_release", {"id": "ch_1", "object": "charge"}))
    WebhookEvent.objects.update(processed_at=None, outcome="")
    ring(intent_event("succeeded", fresh(order)))
    assert webhooks.drain(clock) == 1
    assert list(WebhookEvent.objects.order_by("pk").values_list("outcome", flat=True)) == ["", "paid before"]


def test_an_unreachable_provider_leaves_the_event_for_later(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id)
    ring(intent_event("succeeded", fresh(order)))
    sandbox.fail("payment_intents.retrieve", 500, times=1)
    webhooks.drain(clock)
    assert fresh(order).state == OrderState.ACTION_REQUIRED
    webhooks.drain(lambda: later(minutes=2))
    assert fresh(order).state == OrderState.CONFIRMED


def test_an_event_the_provider_refuses_to_explain_is_given_up_and_holds_up_nobody(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    foreign = {"id": "pi_of_another_account", "object": "payment_intent", "metadata": {"order": order.reference}}
    ring(event("payment_intent.succeeded", foreign, "evt_foreign"))
    sandbox.authenticate(fresh(order).payment.intent_id)
    ring(intent_event("succeeded", fresh(order)))
    assert webhooks.drain(clock) == 2
    assert fresh(order).state == OrderState.CONFIRMED
    Payment.objects.update(state=PaymentState.AWAITING_FAN)  # so that the event is looked into again
    webhooks.drain(lambda: later(hours=1))
    assert WebhookEvent.objects.get(event_id="evt_foreign").processed_at is None
    webhooks.drain(lambda: later(hours=4))
    assert WebhookEvent.objects.get(event_id="evt_foreign").processed_at is not None


def test_c11_news_is_never_given_up_while_the_provider_is_away(robe: Drop, sandbox: SandboxServer) -> None:
    """The order is over and paid all the same: of its money nobody else would ever hear."""
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id)
    ring(intent_event("succeeded", fresh(order)))
    sandbox.fail("payment_intents.retrieve", 503)
    for hours in (0, 1, 2, 6, 12, 48):
        breaker.forget()
        assert webhooks.drain(lambda hours=hours: later(hours=hours)) == 1  # type: ignore[misc]
        assert WebhookEvent.objects.get().processed_at is None
    sandbox.clear()
    breaker.forget()
    webhooks.drain(lambda: later(hours=48, minutes=6))
    assert fresh(order).state == OrderState.CONFIRMED


def test_what_rings_often_about_one_object_is_read_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_threeDSecure2Required")
    payments.drain(clock)
    sandbox.authenticate(fresh(order).payment.intent_id)
    for kind in ("requires_action", "requires_action", "processing", "succeeded"):
        ring(intent_event(kind, fresh(order)))
    ring(event("payment_intent.succeeded", {"id": "pi_other", "metadata": {"order": order.reference}}))
    before = len(sandbox.requests("payment_intents.retrieve"))
    assert webhooks.drain(clock) == 5
    assert len(sandbox.requests("payment_intents.retrieve")) - before == 2
    told = WebhookEvent.objects.filter(object_id=fresh(order).payment.intent_id).values_list("outcome", flat=True)
    assert (fresh(order).state, list(told)) == (OrderState.CONFIRMED, ["settled"] * 4)


def test_only_post_is_answered(sandbox: SandboxServer) -> None:
    assert Client().get(ADDRESS).status_code == 405
