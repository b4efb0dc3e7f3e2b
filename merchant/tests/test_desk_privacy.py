"""Erasure and retention at the desk: looked at first, confirmed, by who may."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from checkout import retention_periods as periods
from checkout.after_sale import FanRequest
from checkout.models import Order
from checkout.privacy_models import ErasedOrder, ErasureRequest, RetentionPeriod
from checkout.tests import fan
from checkout.waiting_models import WaitingPlace
from merchant.clock import now
from merchant.models import JournalEntry
from merchant.roles import DOOR_STAFF, DROP_MANAGER, OWNER, POLICY_REVIEWER, SUPPORT
from merchant.tests.staff import signed_in
from segments.fans import find_or_create

pytestmark = pytest.mark.django_db
ASK = reverse("admin:checkout_erasurerequest_add")
TABLE = reverse("admin:checkout_retentionperiod_changelist")


@pytest.fixture
def order(db: None) -> Order:
    """One that nobody paid, and that is over."""
    placed = fan.placed(fan.live_drop(), at=now())
    Order.objects.update(state="expired")
    return placed


@pytest.fixture
def support(order: Order) -> Client:
    return signed_in(SUPPORT)


def test_who_may_not_erase_sees_no_way_to_it_on_a_fans_page(order: Order) -> None:
    fan_page = reverse("admin:segments_fan_change", args=[find_or_create("fan@example.com").pk])
    deed = fan_page.replace("/change/", "/erase/")
    manager, support = signed_in(DROP_MANAGER), signed_in(SUPPORT)
    assert [deed in client.get(fan_page).content.decode() for client in (manager, support)] == [False, True]
    assert manager.get(deed).status_code == 403
    assert support.get(deed)["Location"] == f"{ASK}?who=fan%40example.com"


def test_a_person_is_looked_at_then_confirmed_then_erased(support: Client, order: Order) -> None:
    page = support.get(reverse("admin:checkout_order_change", args=[order.pk])).content.decode()
    assert "Erase the person" in page
    asked = {"who": order.reference, "why": "asked by e-mail"}
    review = support.post(ASK, asked).content.decode()
    assert "Erase fan@example.com: this will happen" in review
    assert order.reference in review
    assert not ErasureRequest.objects.exists()
    wrong = support.post(ASK, asked | {"confirmed": "1", "typed": "other@example.com"})
    assert wrong.status_code == 422
    assert "That is another address." in wrong.content.decode()
    answer = support.post(ASK, asked | {"confirmed": "1", "typed": "FAN@example.com"})
    request = ErasureRequest.objects.get()
    assert answer["Location"] == reverse("admin:checkout_erasurerequest_change", args=[request.pk])
    assert (request.asked_by, request.why, bool(request.done_at)) == ("staff:the-support", "asked by e-mail", True)
    assert ErasedOrder.objects.count() == 1
    page = support.get(answer["Location"]).content.decode()
    assert "Erased (" in page
    page = support.get(reverse("admin:checkout_order_change", args=[order.pk])).content.decode()
    assert "Its person was erased" in page
    assert "Erase the person" not in page
    assert support.get(reverse("admin:checkout_order_changelist")).status_code == 200


def test_what_cannot_go_yet_is_said_before_and_after(support: Client, order: Order) -> None:
    Order.objects.update(state="deferred")
    asked = {"who": "fan@example.com", "why": "asked"}
    assert "It is not over yet." in support.post(ASK, asked).content.decode()
    answer = support.post(ASK, asked | {"confirmed": "1", "typed": "fan@example.com"}, follow=True)
    page = answer.content.decode()
    assert "Erased in part." in page
    assert f"{order.reference}: It is not over yet." in page


def test_places_on_waiting_lists_are_said_and_go(support: Client, order: Order) -> None:
    place: dict[str, Any] = {"drop": order.drop, "offer": order.drop.offers.get(), "email": "fan@example.com"}
    place |= {"quantity": 1, "token_nonce": "n", "person_key": "k"}
    WaitingPlace.objects.create(token_hash="0", state="waiting", **place)
    WaitingPlace.objects.create(token_hash="1", state="lapsed", ended_at=now(), **place)
    asked = {"who": "fan@example.com", "why": "asked"}
    page = support.post(ASK, asked).content.decode()
    assert "They leave the waiting list of Winter Robe" in page
    assert "A place on the waiting list of Winter Robe forgets its address." in page
    support.post(ASK, asked | {"confirmed": "1", "typed": "fan@example.com"})
    assert set(WaitingPlace.objects.values_list("state", "email")) == {("left", ""), ("lapsed", "")}
    listed = support.get(reverse("admin:checkout_waitingplace_changelist") + "?state__exact=left")
    assert "erased" in listed.content.decode()


def test_what_was_asked_about_anothers_order_is_said(support: Client, order: Order) -> None:
    FanRequest.objects.create(
        order=order, kind="return", state="requested", name="J", email="jo@example.com", requested_at=now()
    )
    page = support.post(ASK, {"who": "jo@example.com", "why": "asked"}).content.decode()
    assert f"{order.reference}: What was asked with this address is not done yet." in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"who": "FR-NOTHING"}, "There is no such order"),
        ({"who": ""}, "required"),
        ({"why": "fan@example.com asked"}, "No addresses here"),
        ({"why": "x" * 201}, "at most 200"),
        ({"who": "x\x00@example.com"}, "Null characters"),
        ({"who": "x" * 300}, "at most 254"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(support: Client, wrong: dict[str, str], said: str) -> None:
    answer = support.post(ASK, {"who": "fan@example.com", "why": "asked"} | wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "erases", "sees_table"),
    [
        (OWNER, 200, 200),
        (SUPPORT, 200, 403),
        (DROP_MANAGER, 403, 403),
        (POLICY_REVIEWER, 403, 403),
        (DOOR_STAFF, 403, 403),
    ],
)
def test_who_may(role: str, erases: int, sees_table: int) -> None:
    client = signed_in(role)
    assert client.get(ASK).status_code == erases
    assert client.post(ASK, {"who": "a@example.com", "why": "x"}).status_code == erases
    assert client.get(TABLE).status_code == sees_table


def typed(**changes: Any) -> dict[str, Any]:
    return {what: str(kept.default) for what, kept in periods.TABLE.items()} | changes


def test_the_table_is_changed_within_its_limits_and_the_journal_knows() -> None:
    client = signed_in(OWNER)
    assert "What is kept, and how long" in client.get(TABLE).content.decode()
    assert client.post(TABLE, typed(messages="90")).status_code == 302
    assert [(row.what, row.days) for row in RetentionPeriod.objects.all()] == [("messages", 90)]
    entry = JournalEntry.objects.get(subject="retention", verb="periods_changed")
    assert (entry.actor, entry.data) == ("staff:the-owner", {"messages": [730, 90]})
    for wrong in (
        {"messages": "1"},
        {"paid": "nonsense"},
        {"carts": "999999"},
        {"paid": "100", "paid-at-least": "200"},
    ):
        assert client.post(TABLE, typed(**wrong)).status_code == 422
    assert RetentionPeriod.objects.count() == 1


def test_a_paid_order_shows_until_when_it_is_needed(support: Client, order: Order) -> None:
    at: datetime = now() - timedelta(days=1)
    Order.objects.update(state="confirmed", confirmed_at=at)
    page = support.post(ASK, {"who": order.reference, "why": "asked"}).content.decode()
    assert "It is needed until" in page
    order.disputes.create(provider_id="dp", status="lost", amount_minor=1, opened_at=at, closed_at=at)
    page = support.post(ASK, {"who": order.reference, "why": "asked"}).content.decode()
    assert re.search(r"the answer is kept until \d+ \w+ \d{4}\. It is needed until", page), "two reasons, apart"
