"""Waiting lists at the desk: the list in its order, an offer out of turn, and taking somebody off it."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from checkout import waiting_list
from checkout.tests import fan
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import stock
from drops.models import Drop, StockItem
from merchant.models import JournalEntry, StoreProfile
from merchant.roles import DROP_MANAGER, OWNER, POLICY_REVIEWER
from merchant.tests.staff import signed_in
from merchant.tests.test_metrics import figures

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/checkout/waitingplace/"
OTHERS = stock.Owner(stock.OwnerKind.ORDER, "FR-others")


@pytest.fixture
def places() -> list[WaitingPlace]:
    """Two who wait for a robe, of which there is one, in somebody else's hands."""
    StoreProfile.objects.create(pk=1, name="Shop", currency="USD")
    drop = fan.live_drop(total=1)
    at = datetime.now(UTC)
    stock.hold([stock.Need(StockItem.objects.get().pk, 1)], owner=OTHERS, expires_at=at, hard_cap_at=at)
    joined = [waiting_list.join(drop, "ROBE-M", 1, f"{name}@example.com", now=at) for name in ("first", "second")]
    return [each.place for each in joined if each.place is not None]


def page(client: Client, place: WaitingPlace) -> str:
    return client.get(f"{LIST}{place.pk}/change/").content.decode()


def press(client: Client, place: WaitingPlace, deed: str, **typed: str) -> int:
    return client.post(f"{LIST}{place.pk}/{deed}/", {"_form_submitted": "on"} | typed).status_code


def test_shows_who_waits_in_turn_with_few_queries(
    places: list[WaitingPlace], django_assert_max_num_queries: object
) -> None:
    client = signed_in(DROP_MANAGER)
    client.get(LIST)
    with django_assert_max_num_queries(14):  # type: ignore[operator]  # pytest-django's own
        listed = client.get(LIST).content.decode()
    assert listed.index("first@example.com") < listed.index("second@example.com")
    assert "number 2 in line" in page(client, places[1])
    assert "joined" in page(client, places[1]).lower()


def test_counts_places_and_not_lists(places: list[WaitingPlace]) -> None:
    listed = " ".join(signed_in(DROP_MANAGER).get(LIST).content.decode().split())
    assert "2 places on waiting lists" in listed
    assert "2 waiting lists" not in listed


def test_takes_off_the_list_with_a_reason(places: list[WaitingPlace]) -> None:
    client = signed_in(DROP_MANAGER)
    dialog = client.get(f"{LIST}{places[0].pk}/remove/", headers={"HX-Request": "true"}).content.decode()
    assert "does not wait for 1 × Robe · M any more" in dialog
    press(client, places[0], "remove")
    assert WaitingPlace.objects.get(pk=places[0].pk).state == PlaceState.WAITING  # a reason is wanted
    press(client, places[0], "remove", why="a made-up address")
    assert WaitingPlace.objects.get(pk=places[0].pk).state == PlaceState.REMOVED
    entry = JournalEntry.objects.get(subject=places[0].subject, verb="removed")
    assert (entry.actor, entry.why) == ("staff:the-drop-manager", "a made-up address")
    assert "Take off the list" not in page(client, places[0])


def test_offers_out_of_turn_only_what_is_there(places: list[WaitingPlace]) -> None:
    client = signed_in(OWNER)
    press(client, places[1], "offer")
    assert WaitingPlace.objects.get(pk=places[1].pk).state == PlaceState.WAITING
    assert "Not enough of it is there right now" in page(client, places[1])
    stock.release(OTHERS)
    press(client, places[1], "offer")
    assert WaitingPlace.objects.get(pk=places[1].pk).state == PlaceState.OFFERED
    assert "Has an offer" in page(client, places[1])


def test_a_reviewer_looks_and_touches_nothing(places: list[WaitingPlace]) -> None:
    client = signed_in(POLICY_REVIEWER)
    assert "first@example.com" in client.get(LIST).content.decode()
    assert "Take off the list" not in page(client, places[0])
    assert press(client, places[0], "remove", why="x") == 403
    assert WaitingPlace.objects.get(pk=places[0].pk).state == PlaceState.WAITING


def test_the_drop_the_dashboard_the_stock_and_the_metrics_count_them(places: list[WaitingPlace]) -> None:
    client, drop = signed_in(OWNER), Drop.objects.get()
    for path in (f"drops/drop/{drop.pk}/change/", "", f"drops/stockitem/{StockItem.objects.get().pk}/change/"):
        assert "<strong>2</strong> waited for" in client.get(f"/admin/{path}").content.decode()
    found = figures(client)
    assert (found["frontrow_waiting_places waiting"], found["frontrow_units_awaited"]) == (2, 2)
    assert found["frontrow_waiting_places offered"] == 0


def test_the_drops_page_has_the_lists_settings_with_their_limits() -> None:
    StoreProfile.objects.create(pk=1, name="Shop", currency="USD")
    drop, client = fan.live_drop(total=1), signed_in(DROP_MANAGER)
    page = client.get(f"/admin/drops/drop/{drop.pk}/change/").content.decode()
    assert 'name="waiting_list"' in page
    assert 'name="waiting_minutes"' in page
    drop.waiting_minutes = 4
    with pytest.raises(ValidationError, match="greater than or equal to 5"):
        drop.full_clean()


@pytest.mark.parametrize("typed", ["3000000000", "9" * 30])
def test_a_count_that_no_shelf_holds_is_refused_and_changes_nothing(places: list[WaitingPlace], typed: str) -> None:
    """It once made the stock zero: a slip of the keyboard ended a sale."""
    stock.release(OTHERS)
    item = StockItem.objects.get()
    client = signed_in(DROP_MANAGER)
    form = {"_form_submitted": "on", "delta": typed, "why": "new", "seen": item.there}
    client.post(f"/admin/drops/stockitem/{item.pk}/units/", form)
    assert StockItem.objects.get().total == 1
