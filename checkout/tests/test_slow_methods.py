"""Whether the shop takes what needs days to arrive: said to each form, and to the provider with each payment."""

import pytest
from django.test import Client

from checkout import fallback, payments
from checkout.gateway import api
from checkout.gateway.methods import SLOW
from checkout.models import OrderState, Payment
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import pay_there
from checkout.tests.test_payments import clock, fresh, ordered
from checkout.views.checkout import pay_config
from drops.models import Drop
from merchant import store
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _at_once_only(shop: StoreProfile) -> None:
    StoreProfile.objects.update(slow_payments=False)
    store.forget_store()


@pytest.mark.usefixtures("_at_once_only")
def test_what_needs_days_is_refused_and_the_fan_is_asked_for_another_way(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_usBankAccount")
    payments.drain(clock)
    order = fresh(order)
    assert (order.state, order.payment.error_message) == (
        OrderState.ACTION_REQUIRED,
        "This payment could not be started. Try another card.",
    )
    payments.use_card(order.pk, fan.card(sandbox), now=clock())
    payments.drain(clock)
    assert (fresh(order).state, sandbox.charges(order.reference)[0]["amount"]) == (OrderState.CONFIRMED, 5400)


def test_as_long_as_nobody_says_no_a_bank_may_take_its_days(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_usBankAccount")
    payments.drain(clock)
    assert fresh(order).state == OrderState.PROCESSING


@pytest.mark.usefixtures("_at_once_only")
def test_the_providers_page_offers_none_of_it(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox, "pm_card_chargeDeclined")
    payments.drain(clock)
    url = fallback.open_session(order.pk, now=clock())
    raw = api.call("checkout.sessions.retrieve", fresh(order).payment.session_id)
    assert (raw["payment_method_types"], raw["excluded_payment_method_types"]) == (["card"], list(SLOW))
    pay_there(url)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED


@pytest.mark.usefixtures("_at_once_only")
def test_the_form_the_api_and_the_intent_leave_out_the_same(robe: Drop, sandbox: SandboxServer) -> None:
    order = ordered(robe, sandbox)
    payments.drain(clock)
    raw = api.call("payment_intents.retrieve", fresh(order).payment.intent_id)
    said = Client().get("/api/v1/shop").json()["excluded_payment_methods"]
    assert raw["excluded_payment_method_types"] == pay_config(robe, 5400, "USD")["excluded_payment_methods"] == said


def test_nothing_is_left_out_by_itself(robe: Drop, sandbox: SandboxServer) -> None:
    assert pay_config(robe, 5400, "USD")["excluded_payment_methods"] == []
    assert Client().get("/api/v1/shop").json()["excluded_payment_methods"] == []


def test_a_payment_that_was_begun_before_the_switch_and_whose_answer_was_lost_is_found_again(
    robe: Drop, sandbox: SandboxServer
) -> None:
    """Its key was used with other words, so the provider does not repeat its answer: it is looked for."""
    order = ordered(robe, sandbox)
    sandbox.drop_reply("payment_intents.create")
    payments.drain(clock)
    assert fresh(order).state == OrderState.DEFERRED
    StoreProfile.objects.update(slow_payments=False)
    store.forget_store()
    for _ in range(3):
        Payment.objects.filter(order=order).update(due_at=clock())
        payments.drain(clock)
    assert (fresh(order).state, len(sandbox.charges(order.reference))) == (OrderState.CONFIRMED, 1)
    made = [one for one in api.listed("payment_intents.list", {}) if one["metadata"].get("order") == order.reference]
    assert len(made) == 1, "no second one was made"
