"""A drop at the desk: written, stocked, scheduled, run and closed in the browser, through the verbs alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from checkout.tests.test_place_order_races import meanwhile
from drops import stock
from drops.models import Drop, DropState, Offer, Product, SaleWindow, StockItem, Variant
from drops.readiness import hurdles
from drops.tests import factories
from merchant.models import JournalEntry, StoreProfile
from merchant.roles import DROP_MANAGER, SUPPORT
from merchant.store import forget_store
from merchant.tests.staff import signed_in
from policies.models import Kind, Policy
from policies.publishing import new_draft, publish

pytestmark = pytest.mark.django_db
QUERIES_OF_A_LIST = 8


@pytest.fixture(autouse=True)
def _shop() -> None:
    forget_store()
    StoreProfile.objects.create(pk=1, name="Shop", currency="USD", timezone="Europe/Berlin", ships_to=["US"])


@pytest.fixture
def manager() -> Client:
    return signed_in(DROP_MANAGER)


@pytest.fixture
def variant() -> Variant:
    return factories.variant()


@pytest.fixture
def _returns() -> None:
    policy = Policy.objects.create(slug="returns", kind=Kind.RETURNS, title="Returns")
    draft = new_draft(policy, "staff:editor")
    draft.summary, draft.source = "14 days.", "You have 14 days."
    draft.save()
    publish(draft, by="staff:reviewer", now=datetime.now(UTC))


def typed(**changes: Any) -> dict[str, Any]:
    """The drop form as a browser sends it."""
    return {
        "title": "Robe", "slug": "robe", "kind": "timed", "hold_from": "cart",
        "hold_minutes": "10", "hard_cap_minutes": "25", "deferral_minutes": "120",
        "waiting_list": "on", "waiting_minutes": "20", "capture": "automatic",
        "starts_at_0": "2027-01-15", "starts_at_1": "19:00", "ends_at_0": "2027-01-15", "ends_at_1": "21:00",
        "offers-TOTAL_FORMS": "0", "offers-INITIAL_FORMS": "0",
    } | changes  # fmt: skip


def offered(number: int, **fields: Any) -> dict[str, Any]:
    row = {"price_minor": "48.00", "per_person_limit": "2", "position": "0"} | fields
    return {f"offers-{number}-{name}": value for name, value in row.items()}


def one_offer(variant: Variant, **fields: Any) -> dict[str, Any]:
    return {"offers-TOTAL_FORMS": "1", "offers-INITIAL_FORMS": "0"} | offered(0, variant=variant.pk, **fields)


def existing(offer: Offer, **fields: Any) -> dict[str, Any]:
    row = offered(0, id=offer.pk, drop=offer.drop_id, price_minor=str(offer.price.as_decimal()), **fields)
    return {"offers-TOTAL_FORMS": "1", "offers-INITIAL_FORMS": "1"} | row


def draft(**fields: Any) -> Drop:
    starts = datetime.now(UTC) + timedelta(hours=5)
    values = {"starts_at": starts, "ends_at": starts + timedelta(hours=2)} | fields
    return factories.drop("robe", DropState.DRAFT, **values)


def press(client: Client, drop: Drop, button: str) -> Any:
    """Press a button of the drop's page and say yes in its dialog."""
    return client.post(f"/admin/drops/drop/{drop.pk}/{button}/", {"_form_submitted": "on"})


# --- writing a drop --------------------------------------------------------------------------------------------------


def test_a_drop_is_written_with_price_and_stock_in_one_go(manager: Client, variant: Variant) -> None:
    answer = manager.post("/admin/drops/drop/add/", typed() | one_offer(variant, units="12"))
    assert answer.status_code == 302, answer.context["errors"]
    drop = Drop.objects.get()
    offer = drop.offers.get()
    assert (drop.state, offer.price_minor, offer.currency, offer.per_person_limit) == (DropState.DRAFT, 4800, "USD", 2)
    assert StockItem.objects.values_list("code", "total", "available").get() == ("ROBE-M", 12, 12)


def test_times_are_the_shops_and_the_window_follows_them(manager: Client) -> None:
    manager.post("/admin/drops/drop/add/", typed())
    opens, closes = SaleWindow.objects.values_list("opens_at", "closes_at").get()
    assert (opens, closes) == (datetime(2027, 1, 15, 18, tzinfo=UTC), datetime(2027, 1, 15, 20, tzinfo=UTC))


@pytest.mark.parametrize("start", ["2027-03-28 02:30", "2026-10-25 02:30"], ids=["skipped", "twice"])
def test_c30_an_hour_that_the_clocks_skip_or_repeat_is_no_start(manager: Client, start: str) -> None:
    day, hour = start.split()
    answer = manager.post("/admin/drops/drop/add/", typed(starts_at_0=day, starts_at_1=hour, ends_at_0="2027-04-01"))
    (said,) = answer.context["adminform"].form.errors["starts_at"]
    assert "Europe/Berlin; it may be ambiguous or it may not exist." in said
    assert not Drop.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends_at_1": "18:00"}, "The end lies before the start."),
        ({"kind": "standing"}, "What is always on sale has no end."),
        ({"hard_cap_minutes": "5"}, "Not shorter than the hold itself."),
        ({"deferral_minutes": "24"}, "Not shorter than the longest hold."),
    ],
)
def test_what_cannot_be_is_said_at_its_field(manager: Client, changes: dict[str, str], words: str) -> None:
    answer = manager.post("/admin/drops/drop/add/", typed(**changes))
    assert words in answer.content.decode()
    assert not Drop.objects.exists()


def test_units_are_added_and_taken_in_the_offers_row_and_journalled(manager: Client) -> None:
    drop = draft()
    offer = factories.offer(drop, total=5)
    page = f"/admin/drops/drop/{drop.pk}/change/"
    manager.post(page, typed() | existing(offer, units="7"))
    assert StockItem.objects.get().total == 12
    manager.post(page, typed() | existing(offer, units="-2"))
    assert StockItem.objects.get().total == 10
    lines = JournalEntry.objects.filter(subject="stock:ROBE-M").order_by("id").values_list("actor", "data")
    assert list(lines) == [("staff:the-drop-manager", {"units": 7}), ("staff:the-drop-manager", {"units": -2})]


def test_units_that_are_held_cannot_be_taken(manager: Client) -> None:
    drop = draft()
    offer = factories.offer(drop, total=5)
    factories.hold(StockItem.objects.get(), 3, owner=factories.order())
    answer = manager.post(f"/admin/drops/drop/{drop.pk}/change/", typed() | existing(offer, units="-3"))
    assert "Only 2 units are free." in answer.content.decode()
    assert StockItem.objects.get().total == 5


def test_units_that_are_saved_twice_come_once_and_a_colleague_is_told(manager: Client) -> None:
    drop = draft()
    offer = factories.offer(drop, total=5)
    page = f"/admin/drops/drop/{drop.pk}/change/"
    assert '<input type="hidden" name="offers-0-seen" value="5"' in manager.get(page).content.decode()
    for _ in range(2):  # pressed twice
        manager.post(page, typed() | existing(offer, units="3", seen="5"))
    assert StockItem.objects.get().total == 8
    told = manager.post(page, typed() | existing(offer, units="2", seen="5"), follow=True).content.decode()
    assert "The offers were not changed." in told
    assert "changed it by +3 meanwhile: 8 units are there now." in told
    assert StockItem.objects.get().total == 8


@pytest.mark.django_db(transaction=True)
def test_units_of_two_sizes_and_an_order_of_both_do_not_deadlock(manager: Client) -> None:
    drop = draft()
    low, high = (factories.offer(drop, sku) for sku in ("ROBE-M", "ROBE-S"))
    rows = {"offers-TOTAL_FORMS": "2", "offers-INITIAL_FORMS": "2"}
    for number, offer in enumerate((high, low)):  # in the page as staff have put them
        rows |= offered(number, id=offer.pk, drop=drop.pk, units="3", position=str(number))
    items = {item.code: item.pk for item in StockItem.objects.all()}
    later = datetime.now(UTC) + timedelta(hours=1)

    def hold(sku: str) -> None:
        stock.hold([stock.Need(items[sku], 1)], owner=factories.order(), expires_at=later, hard_cap_at=later)

    with transaction.atomic():
        hold("ROBE-M")
        saving = meanwhile(lambda: manager.post(f"/admin/drops/drop/{drop.pk}/change/", typed() | rows))
        hold("ROBE-S")
    saving.join()
    assert set(StockItem.objects.values_list("total", "held")) == {(8, 1)}


def test_a_price_is_changed_as_money(manager: Client) -> None:
    drop = draft()
    offer = factories.offer(drop)
    answer = manager.post(
        f"/admin/drops/drop/{drop.pk}/change/", typed() | existing(offer) | {"offers-0-price_minor": "52.50"}
    )
    assert answer.status_code == 302
    assert Offer.objects.get().price_minor == 5250


def test_the_address_and_the_start_of_a_live_drop_stay(manager: Client) -> None:
    drop = factories.drop("robe", starts_at=datetime.now(UTC) - timedelta(hours=1))
    before = drop.starts_at
    manager.post(f"/admin/drops/drop/{drop.pk}/change/", typed(slug="other", ends_at_0="2028-01-01"))
    drop.refresh_from_db()
    assert (drop.slug, drop.starts_at, drop.title) == ("robe", before, "Robe")


# --- its life --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_returns")
def test_a_drop_lives_through_its_buttons(manager: Client) -> None:
    drop = draft()
    factories.offer(drop)
    for button, state in [
        ("schedule", DropState.SCHEDULED),
        ("open-now", DropState.LIVE),
        ("pause", DropState.PAUSED),
        ("resume", DropState.LIVE),
        ("close", DropState.CLOSED),
    ]:
        answer = press(manager, drop, button)
        assert answer["HX-Redirect"] == f"/admin/drops/drop/{drop.pk}/change/"
        drop.refresh_from_db()
        assert drop.state == state
    verbs = JournalEntry.objects.filter(subject=f"drop:{drop.pk}").order_by("id").values_list("verb", "actor")
    assert [verb for verb, _ in verbs] == ["scheduled", "opened", "paused", "resumed", "closed"]
    assert {actor for _, actor in verbs} == {"staff:the-drop-manager"}


@pytest.mark.usefixtures("_returns")
def test_looking_at_a_button_does_nothing(manager: Client) -> None:
    drop = draft()
    factories.offer(drop)
    assert manager.get(f"/admin/drops/drop/{drop.pk}/schedule/").status_code == 200
    drop.refresh_from_db()
    assert drop.state == DropState.DRAFT


def test_a_drop_that_is_not_ready_is_not_scheduled_and_says_why(manager: Client) -> None:
    drop = draft()
    page = press(manager, drop, "schedule").content.decode()
    assert "Put at least one thing on offer." in page
    assert "Publish a returns policy: a buyer must be able to read it." in page
    drop.refresh_from_db()
    assert drop.state == DropState.DRAFT


def test_a_state_shows_its_own_buttons_only(manager: Client) -> None:
    drop = factories.drop("robe", starts_at=datetime.now(UTC))
    page = manager.get(f"/admin/drops/drop/{drop.pk}/change/").content.decode()
    assert [
        name for name in ("schedule", "open-now", "pause", "resume", "unschedule", "close") if f"/{name}/" in page
    ] == [
        "pause",
        "close",
    ]


def test_support_looks_and_presses_nothing() -> None:
    drop = factories.drop("robe", starts_at=datetime.now(UTC))
    client = signed_in(SUPPORT)
    page = client.get(f"/admin/drops/drop/{drop.pk}/change/").content.decode()
    assert "/pause/" not in page
    assert press(client, drop, "pause").status_code == 403


def test_the_list_costs_the_same_for_one_and_for_three(
    manager: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        factories.offer(factories.drop(f"robe-{number}"), f"ROBE-{number}")
    manager.get("/admin/drops/drop/")
    with django_assert_num_queries(QUERIES_OF_A_LIST):
        manager.get("/admin/drops/drop/")


# --- stock and products ----------------------------------------------------------------------------------------------


def test_stock_has_one_door_and_it_asks_why(manager: Client) -> None:
    item = factories.item(total=5)
    door = f"/admin/drops/stockitem/{item.pk}/units/"
    typed = {"_form_submitted": "on", "delta": "3", "why": "delivery", "seen": "5"}
    assert 'name="seen" value="5"' in manager.get(door).content.decode()
    for _ in range(2):  # pressed twice
        assert manager.post(door, typed)["HX-Redirect"]
    assert "This field is required" in manager.post(door, typed | {"seen": "8", "why": ""}).content.decode()
    assert "This form is not whole." in manager.post(door, typed | {"seen": ""}).content.decode()
    assert (
        "Only 8 units are there."
        in manager.post(door, typed | {"delta": "-9", "why": "count", "seen": "8"}).content.decode()
    )
    item.refresh_from_db()
    assert item.total == 8


def test_c27_a_count_below_what_was_promised_is_confirmed_and_alerts(manager: Client) -> None:
    item = factories.item(total=5)
    factories.hold(item, 4, owner=factories.order())
    page = f"/admin/drops/stockitem/{item.pk}/"
    typed = {"_form_submitted": "on", "delta": "-3", "why": "water damage", "seen": "5"}
    assert (
        "Only 1 units are free; the others are held or sold." in manager.post(f"{page}units/", typed).content.decode()
    )
    assert manager.post(f"{page}units/", typed | {"counted": "on"})["HX-Redirect"]
    item.refresh_from_db()
    assert (item.total, item.missing, item.available) == (4, 2, 0)
    today = manager.get("/admin/").content.decode()
    assert "2 units of ROBE-M promised and not there: its sale has stopped" in today
    assert "2 of 4 promised units are not there" in " ".join(manager.get(f"{page}change/").content.decode().split())
    groups = manager.get("/admin/checkout/order/trouble/").context["groups"]
    assert [(group.kind.slug, group.count, group.rows[0].note) for group in groups] == [
        ("missing", 1, "2 of 4 promised units are not there")
    ]
    assert manager.post(f"{page}units/", typed | {"delta": "2", "why": "found", "seen": "2"})["HX-Redirect"]
    assert "not there" not in manager.get("/admin/").content.decode()


def test_stock_counters_are_in_no_form(manager: Client) -> None:
    item = factories.item(total=5)
    page = f"/admin/drops/stockitem/{item.pk}/change/"
    assert manager.get(page).status_code == 200
    assert manager.post(page, {"total": "500"}).status_code == 403


def test_a_product_is_written_with_its_variants(manager: Client) -> None:
    answer = manager.post(
        "/admin/drops/product/add/",
        {
            "title": "Robe", "slug": "robe", "tags": "sleepwear, robe",
            "variants-TOTAL_FORMS": "1", "variants-INITIAL_FORMS": "0",
            "variants-0-sku": "ROBE-M", "variants-0-title": "M", "variants-0-weight_grams": "900",
            "variants-0-position": "0",
            "pictures-TOTAL_FORMS": "0", "pictures-INITIAL_FORMS": "0",
        },
    )  # fmt: skip
    assert answer.status_code == 302
    product = Product.objects.get()
    assert (product.tags, product.variants.get().sku) == (["sleepwear", "robe"], "ROBE-M")


def test_readiness_names_each_hurdle_once() -> None:
    drop = draft(ship_date=datetime.now(UTC).date() - timedelta(days=3))
    factories.offer(drop, total=0, price_minor=0)
    assert hurdles(drop, now=datetime.now(UTC)) == [
        "The ship date lies before the start.",
        "Put units into stock for every offer. Missing: ROBE-M.",
        "Publish a returns policy: a buyer must be able to read it.",
        "Publish a pre-order policy: this drop ships later.",
    ]
