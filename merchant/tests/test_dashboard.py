"""Today: three questions answered at a glance, each number a door, for those who may open it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from checkout import breaker
from checkout.models import Order, OrderState, Payment, PaymentState
from drops.models import Drop, DropState
from drops.tally import Tally, tallies
from drops.tests import factories
from merchant.models import StoreProfile
from merchant.roles import DOOR_STAFF, OWNER, POLICY_EDITOR
from merchant.store import forget_store
from merchant.tests.staff import signed_in
from segments.models import Message, MessageState

pytestmark = pytest.mark.django_db
QUERIES_OF_TODAY = 30


@pytest.fixture(autouse=True)
def _shop() -> None:
    forget_store()
    StoreProfile.objects.create(pk=1, name="Shop", currency="USD")


def live(slug: str = "robe", sku: str = "ROBE-M") -> Drop:
    now = datetime.now(UTC)
    drop = factories.drop(slug, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1))
    factories.offer(drop, sku, total=10)
    return drop


def order(drop: Drop, reference: str, state: OrderState, *, paid: bool = False, due: bool = False) -> Order:
    now = datetime.now(UTC)
    times = ("placed_at", "hold_expires_at", "hard_cap_at", "deferral_ends_at", "state_since")
    made = Order.objects.create(
        reference=reference, token_hash=reference, token_nonce=reference, drop=drop, state=state, email="f@example.com",
        name="A fan", subtotal_minor=4800, total_minor=4800, captured_minor=4800 if paid else 0, currency="USD",
        **dict.fromkeys(times, now),
    )  # fmt: skip
    Payment.objects.create(
        order=made, state=PaymentState.DUE if due else PaymentState.CLOSED, due_at=now - timedelta(minutes=5)
    )
    return made


def today(client: Client) -> str:
    return client.get("/admin/").content.decode()


def test_says_how_the_live_drop_is_going() -> None:
    drop = live()
    order(drop, "FR-1", OrderState.CONFIRMED, paid=True)
    order(drop, "FR-2", OrderState.CONFIRMED, paid=True)
    context = signed_in(OWNER).get("/admin/").context
    (row,) = context["on_sale"]
    assert (row.drop, row.tally, row.orders, str(row.revenue)) == (drop, Tally(total=10), 2, "$96.00")
    assert {figure.label: figure.value for figure in context["figures"]}["Paid today"] == "$96.00"
    assert [(state.label, state.count, str(state.total)) for state in context["states"]] == [("Confirmed", 2, "$96.00")]
    assert sum(count for _, count in context["hours"]) == 2


def test_every_state_leads_to_its_orders() -> None:
    drop = live()
    order(drop, "FR-1", OrderState.CONFIRMED, paid=True)
    order(drop, "FR-2", OrderState.DEFERRED)
    client = signed_in(OWNER)
    page = client.get("/admin/")
    for row in page.context["states"]:
        found = client.get(row.url).context["cl"]
        assert found.result_count == row.count == 1
    for figure in page.context["figures"]:
        assert client.get(figure.url).status_code == 200


def test_names_what_is_wrong_the_grave_things_first() -> None:
    drop = live()
    order(drop, "FR-1", OrderState.DEFERRED)
    order(drop, "FR-2", OrderState.LATE_PAID, paid=True)
    order(drop, "FR-3", OrderState.PLACED, due=True)
    Message.objects.create(key="k", kind="x", to="f@example.com", subject="s", text="t", state=MessageState.FAILED)
    client = signed_in(OWNER)
    found = client.get("/admin/").context["troubles"]
    words = [trouble.words for trouble in found if "worker" not in trouble.words]
    assert words == [
        "1 order paid too late, after the units were free again",
        "1 payment due for longer than a minute",
        "1 order held while the payment provider is in trouble",
        "1 message could not be delivered",
    ]
    for trouble in found:
        if trouble.url.startswith("/admin/"):
            assert client.get(trouble.url).context["cl"].result_count == 1


def test_names_a_drop_that_starts_soon_and_is_not_ready() -> None:
    soon = datetime.now(UTC) + timedelta(hours=3)
    factories.drop("pyjama", DropState.SCHEDULED, title="Pyjama", starts_at=soon, ends_at=soon + timedelta(hours=2))
    page = today(signed_in(OWNER))
    assert "Pyjama is not ready. Put at least one thing on offer." in page


@pytest.mark.parametrize("role", [DOOR_STAFF, POLICY_EDITOR])
def test_shows_no_money_to_who_may_not_see_orders(role: str) -> None:
    order(live(), "FR-1", OrderState.CONFIRMED, paid=True)
    page = today(signed_in(role))
    assert "Robe" in page
    assert "$48.00" not in page
    assert "/admin/checkout/" not in page


def test_costs_the_same_however_much_there_is(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = signed_in(OWNER)
    for number in range(3):
        drop = live(f"robe-{number}", f"ROBE-{number}")
        order(drop, f"FR-{number}", OrderState.CONFIRMED, paid=True)
    today(client)
    with django_assert_num_queries(QUERIES_OF_TODAY):
        today(client)


def test_an_allocation_counts_instead_of_what_it_limits() -> None:
    drop = live()
    offer = drop.offers.get()
    share = factories.item(f"offer:{offer.pk}", 4)
    offer.components.create(stock_item=share)
    assert tallies([drop.pk])[drop.pk] == Tally(total=4)


def provider_note(client: Client) -> str:
    figures = client.get("/admin/").context["figures"]
    return str({figure.label: figure.note for figure in figures}["Payment provider"])


def test_says_how_the_payment_provider_does() -> None:
    client, now = signed_in(OWNER), datetime.now(UTC)
    breaker.forget()
    breaker.record(well=True, now=now)
    assert provider_note(client) == "last time it rang; calls in a minute: 1, failed: 0"
    for _ in range(breaker.LEAST_CALLS):
        breaker.record(well=False, now=now)
    assert provider_note(client).endswith(", payments pause")
    breaker.forget()
