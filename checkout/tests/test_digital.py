"""What is digital is never sent: the time to withdraw runs from the contract, and nothing waits for a parcel."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client

from checkout import evidence_packs, fan_requests, parcels, payments
from checkout.after_sale import RequestKind
from checkout.contact import Contact
from checkout.errors import CannotAsk, CannotShip
from checkout.evidence import EvidencePack
from checkout.models import Order
from checkout.place_order import place_order
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_evidence import again, disputed
from checkout.tests.test_fan_requests import BERLIN, LAST_PARCEL, STAFF, ask, page
from checkout.tests.test_payments import clock, fresh
from drops import catalog
from drops.models import Drop, Product, StockItem, Variant
from merchant.money import Money

pytestmark = pytest.mark.django_db(transaction=True)
WEDNESDAY = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)  # the sixteenth is one, too
LAST_MOMENT = datetime(2026, 12, 16, 22, 59, 59, tzinfo=UTC)  # a second before midnight in Berlin
W, C = RequestKind.WITHDRAWAL, RequestKind.CANCELLATION


@pytest.fixture
def film(robe: Drop) -> Drop:
    """The robe's drop sells a film, too."""
    product = Product.objects.create(slug="film", title="Film", tags=["digital"])
    variant = Variant.objects.create(sku="FILM", product=product, title="HD")
    catalog.add_offer(robe, variant, price=Money(900, "USD"), limit=2)
    StockItem.objects.filter(code="FILM").update(total=100)
    return robe


def paid(drop: Drop, sandbox: SandboxServer, *skus: str) -> Order:
    """Confirmed on that Wednesday; it goes to Berlin."""
    agreed = fan.quoted(drop, *((sku, 1) for sku in skus), at=clock(), country="DE")
    contact = Contact("fan@example.com", "A Fan", "", BERLIN)
    wanted = fan.request(agreed, contact=contact, confirmation_token=fan.card(sandbox))
    order = fan.found(place_order(drop, wanted, person=fan.PERSON, now=clock()))
    payments.drain(clock)
    Order.objects.filter(pk=order.pk).update(confirmed_at=WEDNESDAY)
    return fresh(order)


def line(order: Order, sku: str) -> int:
    return order.lines.get(sku=sku).pk


def left_to_withdraw(order: Order, at: datetime) -> dict[str, int]:
    skus = dict(order.lines.values_list("pk", "sku"))
    return {skus[each.line_id]: each.units for each in fan_requests.options(order, at).lines[W]}


def ship(order: Order, sku: str) -> None:
    said = {"carrier": "DHL", "tracking": "00340", "by": STAFF, "now": LAST_PARCEL}
    parcels.ship(order.pk, {line(order, sku): 1}, shipped_at=WEDNESDAY, key=sku, **said)  # type: ignore[arg-type]


def pack_of(order: Order, sandbox: SandboxServer, **details: str) -> EvidencePack:
    pack = disputed(order, sandbox, **details)
    evidence_packs.drain(clock)
    return again(pack)


def test_it_can_be_withdrawn_from_for_fourteen_days_from_the_contract(film: Drop, sandbox: SandboxServer) -> None:
    order = paid(film, sandbox, "FILM")
    assert fan_requests.options(order, WEDNESDAY).period.last_day == date(2026, 12, 16)
    assert left_to_withdraw(order, LAST_MOMENT) == {"FILM": 1}
    assert left_to_withdraw(order, LAST_MOMENT + timedelta(seconds=1)) == {"FILM": 0}
    with pytest.raises(CannotAsk):
        ask(order, W, 1, at=LAST_MOMENT + timedelta(days=400))


def test_beside_something_that_is_sent_each_has_its_own_time(film: Drop, sandbox: SandboxServer) -> None:
    order = paid(film, sandbox, "ROBE-M", "FILM")
    too_late = LAST_MOMENT + timedelta(seconds=1)
    may = fan_requests.options(order, too_late)
    assert left_to_withdraw(order, too_late) == {"ROBE-M": 1, "FILM": 0}
    assert (may.period.last_day, [each.title for each in may.sooner]) == (None, ["Film, HD"])
    shown = " ".join(Client().get(page(order)).content.decode().split())
    assert "You can withdraw without a reason until 14 days after you have received everything." in shown
    assert "Film, HD is digital: its time" in shown
    assert "Wed 16 Dec 2026" in shown
    ship(order, "ROBE-M")
    parcels.deliver(order.shipments.get().pk, delivered_at=LAST_PARCEL + timedelta(days=7), by=STAFF, now=too_late)
    assert fan_requests.options(order, too_late).period.last_day == date(2026, 12, 23), "the film waits for no parcel"


def test_what_was_given_back_has_no_time_any_more(film: Drop, sandbox: SandboxServer) -> None:
    order = paid(film, sandbox, "ROBE-M", "FILM")
    said = {"name": "A Fan", "email": "fan@example.com", "reason": "", "seen": 0}
    fan_requests.ask(order.pk, W, {line(order, "ROBE-M"): 1}, now=WEDNESDAY, **said)  # type: ignore[arg-type]
    may = fan_requests.options(order, WEDNESDAY)
    assert (may.period.last_day, may.sooner) == (date(2026, 12, 16), ())


def test_it_is_in_no_parcel_and_a_person_may_be_asked_to_cancel_it(film: Drop, sandbox: SandboxServer) -> None:
    order = paid(film, sandbox, "ROBE-M", "FILM")
    assert parcels.waiting(order) == {line(order, "ROBE-M"): 1, line(order, "FILM"): 0}
    with pytest.raises(CannotShip):
        ship(order, "FILM")
    assert [each.units for each in fan_requests.options(order, WEDNESDAY).lines[C]] == [1, 1]


def test_a_later_ship_date_is_about_what_is_sent_and_of_a_digital_order_about_all_of_it(
    film: Drop, sandbox: SandboxServer
) -> None:
    both, only = paid(film, sandbox, "ROBE-M", "FILM"), paid(film, sandbox, "FILM")
    assert fan_requests.unclaimed(both) == {line(both, "ROBE-M"): 1, line(both, "FILM"): 0}
    assert fan_requests.unclaimed(only) == {line(only, "FILM"): 1}


def test_the_bank_is_not_told_that_a_film_has_not_left(film: Drop, sandbox: SandboxServer) -> None:
    pack = pack_of(paid(film, sandbox, "FILM"), sandbox, reason="product_not_received")
    story = pack.texts["uncategorized_text"]
    assert "Nothing has left yet." not in story
    assert "1 × Film, HD: digital, not sent by parcel; the order was confirmed 2026-12-02 09:00 UTC." in story
    assert "shipping_address" not in pack.texts
    asked = dict(pack.checklist)
    assert "A parcel with its tracking number" not in asked
    own = "When and how the digital things were received or used, in your own words"
    assert asked[own] is False
    evidence_packs.add(pack.pk, "Streamed twice on 3 December.", None, by=STAFF, now=clock())
    evidence_packs.drain(clock)
    assert dict(again(pack).checklist)[own] is True


def test_of_a_robe_that_waits_the_bank_is_told_so_beside_the_film(film: Drop, sandbox: SandboxServer) -> None:
    pack = pack_of(paid(film, sandbox, "ROBE-M", "FILM"), sandbox, reason="product_not_received")
    assert "Nothing has left yet." in pack.texts["uncategorized_text"]
    assert "A parcel with its tracking number" in dict(pack.checklist)


def test_a_film_that_is_called_so_no_longer_is_in_no_parcel_all_the_same(film: Drop, sandbox: SandboxServer) -> None:
    order = paid(film, sandbox, "FILM")
    Product.objects.filter(slug="film").update(tags=[])
    assert parcels.waiting(order) == {line(order, "FILM"): 0}
    with pytest.raises(CannotShip):
        ship(order, "FILM")


def test_the_bank_is_told_what_was_sold(film: Drop, sandbox: SandboxServer) -> None:
    order = paid(film, sandbox, "FILM")
    Product.objects.filter(slug="film").update(tags=[])
    story = pack_of(order, sandbox, reason="product_not_received").texts["uncategorized_text"]
    assert "1 × Film, HD: digital, not sent by parcel" in story
    assert "Nothing has left yet." not in story
