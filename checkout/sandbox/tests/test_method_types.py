"""Which kinds of methods a payment is made with: those switched on, less what the shop leaves out."""

from typing import get_args

import pytest
import stripe
from stripe.params import PaymentIntentCreateParams

from checkout.sandbox import method_types
from checkout.sandbox.tests.steps import RETURN_URL, confirm, unpaid

SLOW = ["us_bank_account", "sepa_debit"]


def without(client: stripe.StripeClient, *names: str) -> stripe.PaymentIntent:
    params = {"amount": 4800, "currency": "usd", "excluded_payment_method_types": list(names)}
    return client.v1.payment_intents.create(params)  # type: ignore[arg-type]  # names that Stripe does not know, too


def test_what_is_left_out_cannot_be_paid_with_and_a_card_can(client: stripe.StripeClient) -> None:
    intent = without(client, *SLOW)
    assert (intent.payment_method_types, intent.excluded_payment_method_types) == (["card"], SLOW)
    with pytest.raises(stripe.InvalidRequestError, match=r"\(us_bank_account\) is not allowed for this PaymentIntent"):
        confirm(client, intent.id, "pm_usBankAccount_success")
    assert confirm(client, intent.id).status == "succeeded"


def test_left_out_later_counts_from_then_on(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.retrieve(unpaid(client))
    assert intent.payment_method_types == ["card", "us_bank_account"]
    client.v1.payment_intents.update(intent.id, {"excluded_payment_method_types": ["us_bank_account"]})
    with pytest.raises(stripe.InvalidRequestError, match="is not allowed"):
        confirm(client, intent.id, "pm_usBankAccount_success")


def test_a_name_that_stripe_does_not_know_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="must be one of acss_debit, affirm"):
        without(client, "sepa")


def test_nothing_left_to_pay_with_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No valid payment method types"):
        without(client, "card", "us_bank_account")


def test_the_names_are_those_of_the_sdk() -> None:
    names = PaymentIntentCreateParams.__annotations__["excluded_payment_method_types"]  # not required, a list, a union
    literal, _ = get_args(get_args(get_args(names)[0])[0])
    assert sorted(get_args(literal)) == sorted(method_types.KNOWN)


def test_a_list_of_methods_is_no_longer_taken_in_this_version(client: stripe.StripeClient) -> None:
    params = {"amount": 4800, "currency": "usd", "payment_method_types": ["card"]}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.create(params)  # type: ignore[arg-type]  # the SDK knows it is gone
    assert refusal.value.code == "payment_method_types_no_longer_supported"
    older = client.v1.payment_intents.create(params, {"stripe_version": "2025-09-30.clover"})  # type: ignore[arg-type]
    assert older.payment_method_types == ["card"]


def test_a_checkout_session_hands_on_what_is_left_out(client: stripe.StripeClient) -> None:
    price = {"currency": "usd", "unit_amount": 4800, "product_data": {"name": "Robe"}}
    params = {"mode": "payment", "line_items": [{"quantity": 1, "price_data": price}], "success_url": RETURN_URL}
    session = client.v1.checkout.sessions.create({**params, "excluded_payment_method_types": SLOW})  # type: ignore[arg-type]
    assert session.payment_method_types == ["card"]
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create({**params, "payment_method_types": ["card"]})  # type: ignore[arg-type]
    assert refusal.value.code == "payment_method_types_no_longer_supported"
