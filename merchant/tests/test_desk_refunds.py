"""What staff do about an order's money at the desk: refund, cancel, ask again, grant more, and the page of trouble."""

import html
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from checkout import payments, refunds
from checkout.gateway import RefundView
from checkout.models import Allowance, Dispute, Order, OrderState, Payment, Refund, RefundState, WebhookEvent
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh
from drops.models import Drop, DropState
from merchant.models import JournalEntry
from merchant.roles import DROP_MANAGER, OWNER, SUPPORT
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
TROUBLE = "/admin/checkout/order/trouble/"


@pytest.fixture
def paid(robe: Drop, sandbox: SandboxServer) -> Order:
    """Two robes at $48.00 and $6.00 delivery: $102.00."""
    order = fan.placed(robe, ("ROBE-M", 2), at=clock(), confirmation_token=fan.card(sandbox))
    payments.drain(clock)
    return fresh(order)


@pytest.fixture
def open_order(robe: Drop, sandbox: SandboxServer) -> Order:
    token = fan.card(sandbox, "pm_card_chargeDeclined")
    order = fan.placed(robe, at=clock(), confirmation_token=token, contact=fan.somebody("other@example.com"))
    payments.drain(clock)
    return fresh(order)


def page_of(order: Order, deed: str = "change") -> str:
    return f"/admin/checkout/order/{order.pk}/{deed}/"


def form_of(order: Order, units: int, **changes: Any) -> dict[str, Any]:
    line = order.lines.get()
    return {f"line_{line.pk}": units, "restock": "on", "why": "too small", "seen": order.refunds.count()} | changes


def dialog(client: Client, order: Order, deed: str, **values: Any) -> int:
    return client.post(f"/admin/checkout/order/{order.pk}/{deed}/", {"_form_submitted": "on"} | values).status_code


def test_the_button_says_what_it_will_do_and_then_it_is_done(paid: Order) -> None:
    client = signed_in(SUPPORT)
    assert "Refund…" in client.get(page_of(paid)).content.decode()
    assert client.get(page_of(paid, "refund")).status_code == 200
    review = client.post(page_of(paid, "refund"), form_of(paid, 1))
    assert "Refund $48.00 and put 1 back on sale" in review.content.decode()
    assert Refund.objects.count() == 0, "looking changes nothing"
    form = form_of(paid, 1)
    for _ in range(2):  # pressed twice
        assert client.post(page_of(paid, "refund"), form | {"confirmed": "1"}).status_code == 302
    assert (Refund.objects.get().amount_minor, fan.counts()) == (4800, (0, 1, 4))
    refunds.drain(clock)
    page = client.get(page_of(paid)).content.decode()
    assert "Partly refunded" in page
    assert JournalEntry.objects.get(verb="refund_requested").actor == "staff:the-support"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Refund $96.00 and put 2 back on sale"),
        ({"restock": ""}, "write 2 off the stock"),
        ({"amount": "10.00"}, "Refund $10.00 and put 2"),
    ],
)
def test_words_follow_what_was_chosen(paid: Order, changes: dict[str, str], words: str) -> None:
    Order.objects.filter(pk=paid.pk).update(captured_minor=9600)
    review = signed_in(OWNER).post(page_of(paid, "refund"), form_of(paid, 2, **changes))
    assert words in review.content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"units": 0}, "Choose units to give back"),
        ({"units": 3}, "less than or equal to 2"),
        ({"units": 1, "why": ""}, "required"),
        ({"units": 0, "amount": "102.01"}, "At most $102.00"),
        ({"units": 0, "amount": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_mistake_is_said_at_its_field(paid: Order, changes: dict[str, Any], words: str) -> None:
    answer = signed_in(OWNER).post(page_of(paid, "refund"), form_of(paid, **changes) | {"confirmed": "1"})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Refund.objects.count() == 0


def test_who_may_not_refund_sees_no_button_and_gets_no_page(paid: Order) -> None:
    client = signed_in(DROP_MANAGER)
    assert "Refund…" not in client.get(page_of(paid)).content.decode()
    assert client.get(page_of(paid, "refund")).status_code == 403
    assert client.post(page_of(paid, "refund"), form_of(paid, 1, confirmed="1")).status_code == 403
    assert client.post(f"{TROUBLE}deferred/").status_code == 403
    assert client.get(TROUBLE).status_code == 200


def test_an_open_order_is_cancelled_at_the_provider_first(open_order: Order, sandbox: SandboxServer) -> None:
    client = signed_in(SUPPORT)
    assert "Refund…" not in client.get(page_of(open_order)).content.decode()
    before = len(sandbox.requests("payment_intents.cancel"))
    assert dialog(client, open_order, "cancel", why="asked by mail") == 200
    order = fresh(open_order)
    assert (order.state, fan.counts()) == (OrderState.CANCELLED, (0, 0, 5))
    assert len(sandbox.requests("payment_intents.cancel")) == before + 1
    ended = JournalEntry.objects.get(subject=order.subject, verb="cancelled")
    assert (ended.actor, ended.why) == ("staff:the-support", "asked by mail")


def test_asking_again_makes_the_payment_due(open_order: Order) -> None:
    client = signed_in(SUPPORT)
    assert dialog(client, open_order, "ask") == 200
    assert fresh(open_order).payment.state == "due"
    payments.drain(clock)
    assert fresh(open_order).state == OrderState.ACTION_REQUIRED
    assert Refund.objects.count() == 0


def test_more_than_the_limit_is_granted_with_a_reason_and_once(paid: Order) -> None:
    line, client = paid.lines.get(), signed_in(SUPPORT)
    page = client.get(page_of(paid, "grant")).content.decode()
    assert "limit 2)" in page
    seen = json.dumps({line.pk: [0]})
    assert html.escape(seen) in page
    form = {"line": line.pk, "units": 3, "why": "a gift for the team", "seen": seen}
    for _ in range(2):  # pressed twice
        assert dialog(client, paid, "grant", **form) == 200
    assert client.get(page_of(paid)).content.decode().count("may order 3 more of") == 1
    assert set(Allowance.objects.values_list("granted", flat=True)) == {3}
    assert JournalEntry.objects.get(verb="allowance_granted").why == "a gift for the team"
    assert "limit 2, and 3 more allowed before)" in client.get(page_of(paid, "grant")).content.decode()
    assert dialog(signed_in(OWNER), paid, "grant", **form) == 200  # open beside theirs all the while
    assert set(Allowance.objects.values_list("granted", flat=True)) == {3}


@pytest.mark.parametrize("seen", ["", "{", "[]", '"x"', "{}", "null"])
def test_a_form_that_does_not_say_what_it_showed_grants_nothing(paid: Order, seen: str) -> None:
    line = paid.lines.get()
    assert dialog(signed_in(SUPPORT), paid, "grant", line=line.pk, units=3, why="a gift", seen=seen) == 200
    assert set(Allowance.objects.values_list("granted", flat=True)) == {0}


def test_a_failed_refund_is_shown_and_sent_again_from_the_page_of_trouble(paid: Order) -> None:
    client = signed_in(OWNER)
    client.post(page_of(paid, "refund"), form_of(paid, 1, confirmed="1"))
    refund = Refund.objects.get()
    refunds.settle_refund(refund.pk, RefundView("re_1", "failed", 4800, "", failure="insufficient_funds"), now=clock())
    page = client.get(TROUBLE).content.decode()
    assert "not enough money in the shop&#x27;s balance" in page
    confirm = client.get(f"{TROUBLE}refunds-failed/").content.decode()
    assert "Send them again: 1, $48.00 in all" in confirm
    assert client.post(f"{TROUBLE}refunds-failed/", {"shown": refund.pk}).status_code == 302
    refunds.drain(clock)
    assert Refund.objects.get().state == RefundState.SUCCEEDED
    assert "not enough money" not in client.get(TROUBLE).content.decode()


def test_only_what_can_be_done_is_offered(paid: Order) -> None:
    client = signed_in(OWNER)
    page = client.get(page_of(paid)).content.decode()
    assert "Refund…" in page
    assert "Allow more" in page
    assert "Send the failed refund again" not in page
    client.post(page_of(paid, "refund"), form_of(paid, 2, confirmed="1"))
    assert "Refund…" not in client.get(page_of(paid)).content.decode(), "all of it is on its way back"
    refund = Refund.objects.get()
    refunds.settle_refund(refund.pk, RefundView("re_1", "failed", 10200, "", failure="insufficient_funds"), now=clock())
    page = client.get(page_of(paid)).content.decode()
    assert "Refund…" in page
    assert "Send the failed refund again" in page
    assert "There was not enough money in the shop&#x27;s balance" in page
    client.post(page_of(paid, "refund"), form_of(paid, 0, confirmed="1", amount="60.00"))
    page = client.get(page_of(paid)).content.decode()
    assert "Refund…" in page
    assert "Send the failed refund again" not in page, "its money went back by another way"
    Drop.objects.filter(pk=paid.drop_id).update(state=DropState.CLOSED)
    assert "Allow more" not in client.get(page_of(paid)).content.decode()


def test_the_page_of_trouble_groups_what_needs_a_person(paid: Order, open_order: Order) -> None:
    now = datetime.now(UTC)
    client = signed_in(OWNER)
    assert "Waiting for the fan" in client.get(TROUBLE).content.decode()
    Order.objects.filter(pk=open_order.pk).update(state=OrderState.DEFERRED)
    Payment.objects.filter(order=open_order).update(
        state="due", outcome_unknown=True, confirm_sent=True, due_at=now - timedelta(minutes=6)
    )
    Dispute.objects.create(
        order=paid, provider_id="dp_1", status="needs_response", reason="fraudulent", amount_minor=5400, opened_at=now
    )
    WebhookEvent.objects.create(event_id="e", type="refund.updated", payload={}, due_at=now - timedelta(hours=1))
    groups = {group.kind.slug: group.size for group in client.get(TROUBLE).context["groups"]}
    assert groups == {
        "unknown": "1, $54.00 in all",
        "stuck": "1, $54.00 in all",
        "disputes": "1, $54.00 in all",
        "news": "1",
    }
    assert client.post(f"{TROUBLE}unknown/", {"shown": open_order.pk}).status_code == 302
    assert client.post(f"{TROUBLE}disputes/").status_code == 404, "nothing is done to a dispute from here"
    assert fresh(open_order).payment.due_at > now - timedelta(minutes=1)
    assert client.get("/admin/").content.decode().count(TROUBLE) == 2


@pytest.mark.parametrize(
    ("intent", "told"),
    [
        ("", "Cancelled; its units go to who waits, or are on sale again."),
        (
            "pi_of_another_account",
            "The payment provider did not close it, so it stays as it is: No such payment_intent",
        ),
    ],
)
def test_staff_who_cancel_are_told_what_came_of_it(open_order: Order, intent: str, told: str) -> None:
    if intent:
        Payment.objects.filter(order=open_order).update(intent_id=intent)
    client = signed_in(SUPPORT)
    dialog(client, open_order, "cancel", why="wanted by the fan")
    assert told in client.get(page_of(open_order)).content.decode().replace("&#x27;", "'")
    assert fresh(open_order).state == (OrderState.ACTION_REQUIRED if intent else OrderState.CANCELLED)
