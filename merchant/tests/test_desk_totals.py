"""Delivery, tax and discounts are filled in at the desk, and what cannot be meant is told beside its field."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from checkout.models import Discount, DiscountCount, PickupPoint, ShippingRate, ShippingZone, TaxRate
from checkout.totals import tables
from merchant.models import JournalEntry, StoreProfile
from merchant.roles import DOOR_STAFF, DROP_MANAGER, OWNER, SUPPORT
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db
NO_SCOPE = {"scope-TOTAL_FORMS": "0", "scope-INITIAL_FORMS": "0"}


@pytest.fixture
def owner(shop: StoreProfile) -> Client:
    return signed_in(OWNER)


def rows(*rates: dict[str, Any]) -> dict[str, Any]:
    """The delivery options of a zone's form."""
    typed = {"rates-TOTAL_FORMS": len(rates), "rates-INITIAL_FORMS": 0}
    plain = {"code": "standard", "title": "Standard", "price_minor": "6.00", "from_grams": "0", "position": "0"}
    fields = {f"rates-{at}-{name}": value for at, rate in enumerate(rates) for name, value in (plain | rate).items()}
    return typed | fields


def mistakes(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return {name: list(words) for name, words in answer.context["adminform"].form.errors.items()}


def test_a_zone_with_its_options(owner: Client) -> None:
    typed = {"title": "Near", "countries": ["DE", "AT"], "regions": ""}
    rates = rows({"per_kg_minor": "1.50", "free_from_minor": "80"}, {"code": "express", "price_minor": "12.90"})
    before = tables.known().version
    assert owner.post("/admin/checkout/shippingzone/add/", typed | rates).status_code == 302
    zone = ShippingZone.objects.get()
    assert zone.countries == ["DE", "AT"]
    assert list(zone.rates.values_list("code", "price_minor", "per_kg_minor", "free_from_minor")) == [
        ("standard", 600, 150, 8000),
        ("express", 1290, 0, None),
    ]
    tables.forget()
    assert tables.known().version > before
    entry = JournalEntry.objects.get(subject=f"shippingzone:{zone.pk}")
    assert (entry.verb, entry.actor) == ("added", "staff:the-owner")
    assert "Austria" in owner.get("/admin/checkout/shippingzone/").content.decode()


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"countries": ["XX"]}, "countries", "There is no such country. Choose from the list."),
        (
            {"countries": ["US", "CA"], "regions": "NY"},
            "regions",
            "Regions are parts of one country: name that one above, alone.",
        ),
        ({"countries": ["FR", "DE"]}, "countries", "“Germany” has Germany already."),
        ({"countries": []}, "countries", "“World” is for the rest of the world already. Name countries here."),
    ],
)
def test_a_zone_that_cannot_be_meant(owner: Client, typed: dict[str, Any], field: str, words: str) -> None:
    ShippingZone.objects.create(title="Germany", countries=["DE"])
    ShippingZone.objects.create(title="World")
    answer = owner.post("/admin/checkout/shippingzone/add/", {"title": "New", "regions": ""} | typed | rows())
    assert mistakes(answer) == {field: [words]}


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        (({"up_to_grams": "2000"}, {"from_grams": "1000"}), "Two options “standard” are for the same weight."),
        (({"from_grams": "10", "up_to_grams": "10"},), "must be more than"),
        (({"code": "pickup"},), "Small letters, digits and dashes; not"),
        (({"code": "shop"},), "A pick-up point has this code"),
        (({"price_minor": "-1"},), "greater than or equal to 0"),
        (({"price_minor": "1.005"},), "USD has 2 digits after the point."),
        (({"price_minor": "99999999"},), "less than or equal to 99999999"),
    ],
)
def test_an_option_that_cannot_be_meant(owner: Client, rates: tuple[dict[str, str], ...], words: str) -> None:
    PickupPoint.objects.create(code="shop", title="Shop", note="Here", country="US")
    answer = owner.post("/admin/checkout/shippingzone/add/", {"title": "New", "countries": ["DE"]} | rows(*rates))
    assert answer.status_code == 200
    assert words in answer.content.decode().replace("&quot;", '"')
    assert not ShippingRate.objects.exists()


def test_weights_that_follow_each_other_are_fine(owner: Client) -> None:
    rates = rows({"up_to_grams": "1000"}, {"from_grams": "1000"})
    assert owner.post("/admin/checkout/shippingzone/add/", {"title": "W", "countries": []} | rates).status_code == 302


def test_a_pick_up_point(owner: Client) -> None:
    typed = {"title": "Shop", "note": "Here", "code": "shop", "country": "US", "price_minor": "0", "is_open": "on"}
    assert owner.post("/admin/checkout/pickuppoint/add/", typed).status_code == 302
    assert PickupPoint.objects.get().price_minor == 0
    ShippingRate.objects.create(zone=ShippingZone.objects.create(title="Z"), code="van", title="Van", price_minor=1)
    answer = owner.post("/admin/checkout/pickuppoint/add/", typed | {"code": "van"})
    assert mistakes(answer) == {"code": ["A delivery option has this code: choose another one."]}


def test_a_tax_rate_once_a_place(owner: Client) -> None:
    typed = {"title": "VAT", "country": "DE", "region": "", "basis_points": "19", "on_shipping": "on"}
    assert owner.post("/admin/checkout/taxrate/add/", typed).status_code == 302
    assert TaxRate.objects.get().basis_points == 1900
    twice = owner.post("/admin/checkout/taxrate/add/", typed)
    assert mistakes(twice) == {"__all__": ["There is a rate for this place already."]}
    much = owner.post("/admin/checkout/taxrate/add/", typed | {"country": "FR", "basis_points": "101"})
    assert list(mistakes(much)) == ["basis_points"]


def discount(**typed: str) -> dict[str, str]:
    return (
        {"title": "Opening", "code": "save10", "kind": "percentage", "basis_points": "10", "is_on": "on"}
        | typed
        | NO_SCOPE
    )


def test_a_discount_by_code(owner: Client) -> None:
    assert owner.post("/admin/checkout/discount/add/", discount()).status_code == 302
    made = Discount.objects.get()
    assert (made.code, made.basis_points, made.amount_minor, made.currency) == ("SAVE10", 1000, 0, "USD")
    page = owner.get("/admin/checkout/discount/").content.decode()
    assert "SAVE10" in page
    assert "10 %" in page


TIMES = {
    "starts_at_0": "2026-11-21",
    "starts_at_1": "10:00:00",
    "ends_at_0": "2026-11-21",
    "ends_at_1": "10:00:00",
}


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"basis_points": "0.5"}, "basis_points", "A percentage is between 1 and 100."),
        ({"basis_points": ""}, "basis_points", "A percentage is between 1 and 100."),
        ({"kind": "amount", "basis_points": ""}, "amount_minor", "Type what it takes off."),
        (TIMES, "ends_at", "It must end after it starts."),
        ({"code": "TWICE"}, "code", "Another discount has this code."),
        ({"code": "a b"}, "code", "Letters, digits, dashes and underscores: SAVE10."),
    ],
)
def test_a_discount_that_cannot_be_meant(owner: Client, typed: dict[str, str], field: str, words: str) -> None:
    Discount.objects.create(title="Another", code="TWICE", basis_points=1000)
    told = mistakes(owner.post("/admin/checkout/discount/add/", discount(**typed)))
    assert words in [each for several in told.values() for each in several]
    assert field in told or "__all__" in told


def test_a_limit_that_is_set_later_counts_what_was_used(owner: Client) -> None:
    made = Discount.objects.create(title="Opening", code="SAVE10", basis_points=1000, currency="USD")
    DiscountCount.objects.create(discount=made, person_key="a", used=2)
    page = f"/admin/checkout/discount/{made.pk}/change/"
    assert owner.post(page, discount(limit_in_all="2")).status_code == 302
    assert DiscountCount.objects.get(person_key="").used == 2


@pytest.mark.parametrize(
    ("role", "may_see", "may_write"), [(DROP_MANAGER, True, True), (SUPPORT, True, False), (DOOR_STAFF, False, False)]
)
def test_who_may_see_and_write_discounts(shop: StoreProfile, role: str, may_see: bool, may_write: bool) -> None:
    client = signed_in(role)
    assert (client.get("/admin/checkout/discount/").status_code == 200) is may_see
    assert (client.get("/admin/checkout/discount/add/").status_code == 200) is may_write
    assert (client.get("/admin/checkout/taxrate/add/").status_code == 200) is False


def test_when_a_discount_is_valid_reads_as_a_sentence(owner: Client) -> None:
    Discount.objects.create(title="Once", basis_points=1000, ends_at=datetime(2027, 1, 1, tzinfo=UTC))
    page = owner.get("/admin/checkout/discount/").content.decode()
    assert "Until Fri 1 Jan" in page
    assert "By itself" in page
