"""PaymentIntents from creation to the money, through the unmodified SDK."""

import pytest
import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.receiver import Receiver
from checkout.sandbox.tests.steps import RETURN_URL, confirm, paid, token, unpaid


def test_pays_with_a_good_card(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.confirm(
        unpaid(client),
        {
            "confirmation_token": token(client),
            "return_url": RETURN_URL,
            "expand": ["latest_charge.balance_transaction"],
        },
    )

    assert (intent.status, intent.amount_received) == ("succeeded", 4800)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.paid, charge.captured, charge.metadata["order"]) == (True, True, "A1")
    booking = charge.balance_transaction
    assert isinstance(booking, stripe.BalanceTransaction)
    assert (booking.amount, booking.fee, booking.net) == (4800, 169, 4631)


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
def test_a_declined_card_says_why_and_the_next_card_pays(
    client: stripe.StripeClient, sandbox: SandboxServer, card: str, code: str, decline_code: str
) -> None:
    intent = unpaid(client)

    with pytest.raises(stripe.CardError) as refused:
        confirm(client, intent, card)

    assert refused.value.http_status == 402
    assert refused.value.code == code
    error = refused.value.error
    assert error is not None
    assert error.decline_code == decline_code
    assert error.payment_intent is not None
    assert (error.payment_intent.id, error.payment_intent.status) == (intent, "requires_payment_method")
    assert confirm(client, intent).status == "succeeded"
    assert [charge["paid"] for charge in sandbox.charges("A1")] == [False, True]


def test_three_d_secure_waits_for_the_fan_and_then_takes_the_money(
    client: stripe.StripeClient, sandbox: SandboxServer
) -> None:
    intent = confirm(client, unpaid(client), "pm_card_authenticationRequired")
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type == "redirect_to_url"
    assert sandbox.charges() == []

    sandbox.authenticate(intent.id)

    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_three_d_secure_refused_by_the_fan_leaves_the_intent_payable(
    client: stripe.StripeClient, sandbox: SandboxServer
) -> None:
    intent = confirm(client, unpaid(client), "pm_card_threeDSecure2Required")

    sandbox.authenticate(intent.id, passed=False)

    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert confirm(client, intent.id).status == "succeeded"


def test_three_d_secure_passed_and_the_card_declined_after_it(
    client: stripe.StripeClient, sandbox: SandboxServer
) -> None:
    intent = confirm(client, unpaid(client), "pm_card_threeDSecureRequiredChargeDeclined")

    sandbox.authenticate(intent.id)

    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.code == "card_declined"


def test_captures_a_part_of_what_was_authorised(client: stripe.StripeClient) -> None:
    intent = confirm(client, unpaid(client, manual=True))
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 4800)

    captured = client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 3000})

    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 3000, 0)


def test_cancels_once_and_then_cannot_be_paid(client: stripe.StripeClient) -> None:
    intent = unpaid(client)

    assert client.v1.payment_intents.cancel(intent).status == "canceled"

    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.payment_intents.cancel(intent)
    assert again.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError) as paying:
        confirm(client, intent)
    assert paying.value.code == "payment_intent_unexpected_state"


def test_a_paid_intent_can_be_neither_cancelled_nor_paid_again(
    client: stripe.StripeClient, sandbox: SandboxServer
) -> None:
    intent = paid(client)

    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        client.v1.payment_intents.cancel(intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded") as again:
        confirm(client, intent.id)
    assert again.value.error is not None
    assert again.value.error.payment_intent is not None
    assert again.value.error.payment_intent.status == "succeeded"
    assert len(sandbox.charges()) == 1


def test_a_slow_method_processes_until_it_settles(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    good, bad = unpaid(client), unpaid(client)
    assert confirm(client, good, "pm_usBankAccount_success").status == "processing"
    confirm(client, bad, "pm_usBankAccount_success")

    sandbox.settle(good)
    sandbox.settle(bad, succeeded=False)

    assert client.v1.payment_intents.retrieve(good).status == "succeeded"
    assert client.v1.payment_intents.retrieve(bad).status == "requires_payment_method"


def test_a_slow_method_settles_by_itself_in_time(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = confirm(client, unpaid(client), "pm_usBankAccount_success")

    sandbox.advance(61)

    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_token_pays_once(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    used = token(client)
    first, second = unpaid(client), unpaid(client)
    client.v1.payment_intents.confirm(first, {"confirmation_token": used, "return_url": RETURN_URL})

    with pytest.raises(stripe.InvalidRequestError, match="already been used") as refused:
        client.v1.payment_intents.confirm(second, {"confirmation_token": used, "return_url": RETURN_URL})

    assert refused.value.param == "confirmation_token"
    assert client.v1.confirmation_tokens.retrieve(used).payment_intent == first
    assert len(sandbox.charges()) == 1


def test_a_token_expires_after_twelve_hours(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    late = client.v1.test_helpers.confirmation_tokens.create({"payment_method": "pm_card_visa"})
    assert late.expires_at is not None
    assert late.expires_at - late.created == 12 * 3600

    sandbox.advance(12 * 3600)

    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        client.v1.payment_intents.confirm(unpaid(client), {"confirmation_token": late.id, "return_url": RETURN_URL})
    assert sandbox.charges() == []


def test_confirming_without_a_return_url_is_refused_as_stripe_does(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.v1.payment_intents.confirm(unpaid(client), {"confirmation_token": token(client)})


def test_confirming_without_a_method_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(unpaid(client), {"return_url": RETURN_URL})


def test_creates_and_confirms_in_one_call(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "eur",
            "confirm": True,
            "confirmation_token": token(client),
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert (intent.status, intent.currency) == ("succeeded", "eur")


def test_update_merges_metadata_and_freezes_a_paid_amount(client: stripe.StripeClient) -> None:
    intent = unpaid(client)
    changed = client.v1.payment_intents.update(intent, {"amount": 5000, "metadata": {"gift": "yes"}})
    assert (changed.amount, changed.metadata.to_dict()) == (5000, {"order": "A1", "gift": "yes"})
    confirm(client, intent)

    with pytest.raises(stripe.InvalidRequestError, match="cannot update"):
        client.v1.payment_intents.update(intent, {"amount": 6000})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"amount": "lots", "currency": "usd"}, "parameter_invalid_integer"),
        ({"amount": 10, "currency": "usd"}, "amount_too_small"),
        ({"currency": "usd"}, "parameter_missing"),
        ({"amount": 900, "currency": "usd", "colour": "red"}, "parameter_unknown"),
    ],
)
def test_names_the_parameter_that_is_wrong(client: stripe.StripeClient, wrong: dict[str, object], code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create(wrong)  # type: ignore[arg-type]  # wrong on purpose
    assert (refused.value.http_status, refused.value.code) == (400, code)


def test_refuses_an_unknown_key_and_an_unknown_object(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    stranger = stripe.StripeClient("sk_live_x", base_addresses={"api": sandbox.base_url}, max_network_retries=0)
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.payment_intents.list()
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_nowhere")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


def test_an_authorisation_says_until_when_and_is_no_money(
    client: stripe.StripeClient, sandbox: SandboxServer, receiver: Receiver
) -> None:
    intent = confirm(client, unpaid(client, manual=True))
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert charge.payment_method_details is not None
    card = charge.payment_method_details.card
    assert card is not None
    assert (charge.captured, charge.amount_captured) == (False, 0)
    assert (card.capture_before or 0) - charge.created == 7 * 24 * 3600
    [row] = sandbox.charges()
    assert (row["paid"], row["authorised"]) == (False, True)
    receiver.wait_for(lambda types: "payment_intent.amount_capturable_updated" in types)

    client.v1.payment_intents.cancel(intent.id)

    [row] = sandbox.charges()
    assert (row["paid"], row["authorised"], row["refunded"]) == (False, False, 0)


def test_what_is_charged_at_once_names_no_such_time(client: stripe.StripeClient) -> None:
    charge = client.v1.charges.retrieve(str(paid(client).latest_charge))
    assert "capture_before" not in charge.to_dict()["payment_method_details"]["card"]


def test_an_authorisation_that_nobody_captures_lapses(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    intent = confirm(client, unpaid(client, manual=True))
    sandbox.advance(7 * 24 * 3600 + 1)
    found = client.v1.payment_intents.retrieve(intent.id)
    assert (found.status, found.cancellation_reason) == ("canceled", "automatic")
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        client.v1.payment_intents.capture(intent.id)
    kinds = [event.type for event in client.v1.events.list({"limit": 20}).data]
    assert {"charge.expired", "payment_intent.canceled"} <= set(kinds)
