"""The payment provider's codes are read in words; every piece of news that is worked through has some."""

import pytest
from django.test import Client

from checkout import provider_words
from checkout.models import WebhookEvent
from checkout.webhook_handlers import HANDLERS


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (provider_words.status, "requires_payment_method", "Waits for a card"),
        (provider_words.status, "session open", "Its page is open, the fan has not paid yet"),
        (provider_words.status, "paid at pick-up", "Paid at pick-up"),
        (provider_words.status, "", "Nothing yet"),
        (provider_words.problem, "card_declined", "The bank declined the card"),
        (provider_words.problem, "a_new_reason", "A new reason"),
        (provider_words.problem, "insufficient_funds", "There was not enough money on the card"),
        (provider_words.refund_problem, "insufficient_funds", "There was not enough money in the shop's balance"),
        (provider_words.path, "On our page (PaymentIntent)", "On our page"),
        (provider_words.event, "charge.dispute.closed", "A dispute is decided"),
        (provider_words.event, "payout.paid", "Payout paid"),
        (provider_words.dispute_status, "needs_response", "Waits for your answer"),
        (provider_words.dispute_reason, "product_not_received", "The fan says it did not arrive"),
        (provider_words.dispute_reason, "a_new_reason", "A new reason"),
        (provider_words.dispute_reason, "", "The bank gives no reason"),
    ],
)
def test_a_code_is_said_in_words(words: object, code: str, said: str) -> None:
    assert callable(words)
    assert words(code) == said


def test_all_news_that_is_worked_through_has_words() -> None:
    assert set(HANDLERS) - set(provider_words.EVENTS) == set()


@pytest.mark.django_db
def test_lists_are_filtered_by_words(admin_client: Client) -> None:
    WebhookEvent.objects.create(event_id="evt_1", type="refund.failed", payload={})
    WebhookEvent.objects.create(event_id="evt_2", type="refund.created", payload={})
    desk = "/admin/checkout/webhookevent/"
    page = " ".join(admin_client.get(desk, {"type": "refund.failed"}).content.decode().split())
    assert "A refund did not get through" in page
    assert "A refund was made" in page, "offered, though not in the list"
    assert "refund.created" not in page.replace("type=refund.created", "")
