"""The groups of what needs a person: shown whole, page by page, and a deed is done to what was shown alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from checkout.desk.trouble import A_PAGE, SHOWN
from checkout.models import Order, OrderState, WebhookEvent
from checkout.sandbox.testing import SandboxServer
from checkout.tests.test_payments import clock, fresh
from checkout.tests.test_sweep import of_another_account
from drops.models import Drop, StockItem
from merchant.models import StoreProfile
from merchant.roles import DROP_MANAGER, OWNER
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
TROUBLE = "/admin/checkout/order/trouble/"
NEWS, LATE = f"{TROUBLE}news/", timedelta(hours=1)


@pytest.fixture
def shop() -> StoreProfile:
    return StoreProfile.objects.create(pk=1, name="Shop", currency="USD")


def overdue(count: int = 1) -> list[WebhookEvent]:
    at, first = clock() - LATE, WebhookEvent.objects.count()
    return [
        WebhookEvent.objects.create(event_id=f"evt_{n}", type="refund.updated", payload={}, due_at=at)
        for n in range(first, first + count)
    ]


def worked_through() -> list[int]:
    done = WebhookEvent.objects.filter(due_at__gt=clock() - LATE / 2)
    return list(done.order_by("pk").values_list("pk", flat=True))


def not_closed(robe: Drop) -> Order:
    order = of_another_account(robe)
    Order.objects.filter(pk=order.pk).update(hold_expires_at=clock() - LATE)
    return order


def shown_on(client: Client, page: str) -> str:
    """What the page's own form sends."""
    shown: str = client.get(page).context["group"].shown
    return shown


def told(answer: Any) -> list[str]:
    return [str(each) for each in get_messages(answer.wsgi_request)]


def test_who_came_after_the_page_was_shown_is_not_let_go_with_the_others(robe: Drop, sandbox: SandboxServer) -> None:
    client, seen, page = signed_in(OWNER), not_closed(robe), f"{TROUBLE}not-closed/"
    shown = shown_on(client, page)
    came_later = not_closed(robe)
    assert told(client.post(page, {"shown": shown})) == ["Let go of them: 1 done."]
    assert (fresh(seen).state, fresh(came_later).state) == (OrderState.EXPIRED, OrderState.ACTION_REQUIRED)


def test_staff_are_told_what_became_of_how_many(robe: Drop, sandbox: SandboxServer) -> None:
    client, page = signed_in(OWNER), f"{TROUBLE}not-closed/"
    over, silent = not_closed(robe), not_closed(robe)
    shown = shown_on(client, page)
    assert shown == f"{over.pk},{silent.pk}"
    Order.objects.filter(pk=over.pk).update(hold_expires_at=clock() + LATE)
    sandbox.fail("payment_intents.*", 503)
    (words,) = told(client.post(page, {"shown": shown}))
    assert words.startswith("Let go of them: 0 done, 1 no longer in this group, 1 left as before")
    assert (fresh(over).state, fresh(silent).state) == (OrderState.ACTION_REQUIRED, OrderState.ACTION_REQUIRED)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"shown": ""},
        {"shown": "all"},
        {"shown": "1,"},
        {"shown": "-1"},
        {"shown": "9" * 19},
        {"shown": "\0"},
        {"shown": ",".join("1" * (A_PAGE + 1))},
    ],
)
def test_a_form_that_does_not_say_what_it_showed_does_nothing(shop: StoreProfile, form: dict[str, str]) -> None:
    overdue(2)
    answer = signed_in(OWNER).post(NEWS, form)
    assert (answer.status_code, answer["Location"]) == (302, NEWS)
    assert told(answer) == ["The form did not say which of them you saw, so nothing was done. Look again, please."]
    assert worked_through() == []


def test_all_of_a_long_group_can_be_seen_and_a_page_is_worked_through_alone(shop: StoreProfile) -> None:
    events, client = overdue(A_PAGE + 2), signed_in(OWNER)
    overview = client.get(TROUBLE)
    assert len(overview.context["groups"][0].rows) == SHOWN
    assert f'<a href="{NEWS}">See all {A_PAGE + 2}</a>' in overview.content.decode()
    first, second = client.get(NEWS).content.decode(), client.get(f"{NEWS}?page=2").content.decode()
    assert f"1 to {A_PAGE} of {A_PAGE + 2}" in first
    assert f"Work through them now: {A_PAGE}<" in "".join(first.split("\n")).replace("  ", "")
    assert '<a href="?page=2">Next</a>' in first
    assert '<a href="?page=1">Previous</a>' in second
    client.post(f"{NEWS}?page=2", {"shown": shown_on(client, f"{NEWS}?page=2")})
    assert worked_through() == [each.pk for each in events[A_PAGE:]]


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "99", "9" * 5000])
def test_a_page_that_is_none_shows_one_that_is(shop: StoreProfile, page: str) -> None:
    overdue()
    assert len(signed_in(OWNER).get(NEWS, {"page": page}).context["group"].rows) == 1


def test_what_has_no_deed_is_shown_and_not_asked_about(shop: StoreProfile) -> None:
    StockItem.objects.create(code="ROBE", total=0, missing=1)
    client = signed_in(OWNER)
    shown = client.get(f"{TROUBLE}missing/").content.decode()
    assert "Fewer units are there than are sold and held" in shown
    assert 'type="submit"' not in shown.split('name="shown"')[1].split("</form>")[0]
    assert client.post(f"{TROUBLE}missing/", {"shown": "1"}).status_code == 404


def test_who_may_not_give_money_back_sees_the_group_and_does_nothing(shop: StoreProfile) -> None:
    (event,) = overdue()
    client = signed_in(DROP_MANAGER)
    assert "Work through them now" not in client.get(NEWS).content.decode()
    assert client.post(NEWS, {"shown": event.pk}).status_code == 403
    assert worked_through() == []
