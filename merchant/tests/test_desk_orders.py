"""An order at the desk: everything about it on one page, and nothing that could be changed by typing."""

import tempfile
from typing import Any
from unittest import mock

from django.test import Client, TestCase, override_settings

from checkout.models import Order, OrderState, WebhookEvent
from merchant.demo.seed import seed
from merchant.roles import OWNER, POLICY_REVIEWER
from merchant.store import forget_store
from merchant.tests.staff import signed_in
from merchant.tests.test_seed_demo import NOW
from policies.queries import forget


@override_settings(MEDIA_ROOT=tempfile.mkdtemp())
@mock.patch("merchant.store.FRESH_SECONDS", 600.0)  # while queries are counted, a slow machine must not let it run out
class TestOrders(TestCase):
    """On the demo's data, seeded once."""

    client: Client

    @classmethod
    def setUpTestData(cls) -> None:
        forget_store()
        forget()
        seed(fans=300, password="a password for the demo", now=NOW, say=lambda _: None)

    def setUp(self) -> None:
        forget_store()
        self.client = signed_in(OWNER)

    def page(self, state: OrderState, **filters: Any) -> str:
        order = Order.objects.filter(state=state, drop__slug="winter-robe", **filters).first()
        assert order is not None
        return self.client.get(f"/admin/checkout/order/{order.pk}/change/").content.decode()

    def test_every_state_has_its_page(self) -> None:
        for state in OrderState:
            assert state.label in self.page(state)

    def test_tells_the_whole_story_of_a_payment_that_came_too_late(self) -> None:
        page = self.page(OrderState.LATE_PAID)
        for words in (
            "money came after the hold had ended",
            "Asked for a refund",
            "The money came",
            '<code class="desk-code">pi_demo_',
            '<code class="desk-code">payment_intent.succeeded</code>',
        ):
            assert words in page

    def test_says_why_a_card_was_refused_with_the_code_beside_it(self) -> None:
        order = Order.objects.filter(payment__error_code="card_declined").first()
        assert order is not None
        page = self.client.get(f"/admin/checkout/order/{order.pk}/change/").content.decode()
        assert "The bank declined the card." in page
        assert '<code class="desk-code">card_declined</code>' in page
        assert "Waits for a card" in page

    def test_cites_what_was_promised_with_its_hash(self) -> None:
        page = self.page(OrderState.CONFIRMED)
        assert "/policies/returns/v3/" in page
        assert "/policies/verify/" in page
        assert "shown and ticked" in page

    def test_the_reviewer_sees_the_promise_but_neither_mails_nor_the_fans_page(self) -> None:
        self.client = signed_in(POLICY_REVIEWER)
        page = self.page(OrderState.CONFIRMED)
        assert "/policies/returns/v3/" in page
        assert "/admin/segments/" not in page
        assert "/admin/checkout/webhookevent/" not in page

    def test_nothing_of_it_can_be_typed(self) -> None:
        order = Order.objects.filter(state=OrderState.DEFERRED).first()
        assert order is not None
        answer = self.client.post(
            f"/admin/checkout/order/{order.pk}/change/", {"state": "confirmed", "captured_minor": "1"}
        )
        assert answer.status_code == 403
        event = WebhookEvent.objects.first()
        assert event is not None
        assert self.client.post(f"/admin/checkout/webhookevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_is_found_by_reference_address_and_provider_id(self) -> None:
        order = Order.objects.filter(state=OrderState.LATE_PAID).select_related("payment").get()
        for term in (order.reference, order.email, order.payment.intent_id):
            found = self.client.get("/admin/checkout/order/", {"q": term}).context["cl"]
            assert list(found.result_list) == [order]

    def test_a_list_of_fifty_costs_as_much_as_one_of_two(self) -> None:
        lists = "/admin/checkout/order/"
        self.client.get(lists)
        with self.assertNumQueries(9):
            self.client.get(lists, {"state__exact": OrderState.DEFERRED})
        with self.assertNumQueries(9):
            self.client.get(lists, {"state__exact": OrderState.CONFIRMED})

    def test_its_page_costs_a_known_number_of_queries(self) -> None:
        order = Order.objects.filter(state=OrderState.CONFIRMED).last()
        assert order is not None
        self.client.get(f"/admin/checkout/order/{order.pk}/change/")
        with self.assertNumQueries(33):
            self.client.get(f"/admin/checkout/order/{order.pk}/change/")
