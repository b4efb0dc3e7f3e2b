"""The limit for a person: across orders and devices, atomic, given back when nothing came of it."""

import threading
from datetime import datetime, timedelta

import pytest

from checkout import allowances, expiry
from checkout.contact import Contact
from checkout.models import Allowance
from checkout.place_order import place_order
from checkout.tests import fan
from checkout.tests.test_place_order_races import together
from drops.errors import LimitReached
from drops.models import Drop, Offer
from merchant import store
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drop(shop: StoreProfile) -> Drop:
    return fan.live_drop(total=50)


def who(email: str = "fan@example.com", phone: str = "") -> Contact:
    return Contact(email, "A Fan", phone, fan.ADDRESS)


def test_the_limit_counts_across_orders(drop: Drop, now: datetime) -> None:
    fan.orders(drop, at=now)
    fan.orders(drop, at=now)
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now)
    assert fan.counts() == (2, 0, 48)


def test_m27_one_mailbox_is_one_person_whatever_its_case(drop: Drop, now: datetime) -> None:
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("Fan@example.com"))
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now, contact=who("fan@example.com"))
    fan.orders(drop, at=now, contact=who("f.an@example.com"))


def test_another_address_with_the_same_phone_is_the_same_person(drop: Drop, now: datetime) -> None:
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("one@example.com", "+4930901820"))
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now, contact=who("two@example.com", "+4930901820"))


def test_a_household_is_limited_only_where_the_shop_says_so(drop: Drop, now: datetime) -> None:
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("one@example.com"))
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("two@example.com"))
    StoreProfile.objects.update(limit_by_address=True)
    store.forget_store()
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("three@example.com"))
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now, contact=who("four@example.com"))


def test_c20_one_over_the_limit_from_many_devices_at_once(drop: Drop, now: datetime) -> None:
    requests = [fan.request(fan.quoted(drop, at=now)) for _ in range(16)]

    def buy(number: int) -> str:
        try:
            place_order(drop, requests[number], person=fan.PERSON, now=now)
        except LimitReached:
            return "limit"
        return "placed"

    assert together(buy) == {"placed": 2, "limit": 14}
    assert fan.counts() == (2, 0, 48)


def test_without_one_statement_devices_pass_the_limit_together(drop: Drop, now: datetime) -> None:
    """The guard taken away: read, decide, write. All have read before one has written."""
    row = Allowance.objects.create(offer=Offer.objects.get(), person_key="k", used=1)
    gate = threading.Barrier(16)

    def naive(_: int) -> str:
        used = Allowance.objects.get(pk=row.pk).used
        gate.wait()
        if used + 1 > 2:
            return "limit"
        Allowance.objects.filter(pk=row.pk).update(used=used + 1)
        return "placed"

    assert together(naive) == {"placed": 16}


def test_an_order_that_expires_gives_its_allowance_back(drop: Drop, now: datetime) -> None:
    fan.orders(drop, ("ROBE-M", 2), at=now)
    expiry.sweep(now + timedelta(minutes=11))
    fan.orders(drop, ("ROBE-M", 2), at=now + timedelta(minutes=12))
    assert Allowance.objects.get().used == 2


def test_a_refused_order_counts_nothing(drop: Drop, now: datetime) -> None:
    scarce = fan.live_drop("scarce", total=1, skus=("SCARCE-M",))
    with pytest.raises(Exception, match="SCARCE-M"):
        fan.orders(scarce, ("SCARCE-M", 2), at=now)
    assert Allowance.objects.count() == 0


def test_staff_grant_more_with_a_reason(drop: Drop, now: datetime) -> None:
    fan.orders(drop, ("ROBE-M", 2), at=now)
    allowances.grant(Offer.objects.get(), who(), 1, actor="staff:owner", why="a present for their twin")
    fan.orders(drop, at=now)
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now)


def test_nobody_can_read_a_person_out_of_a_row(drop: Drop, now: datetime) -> None:
    fan.orders(drop, at=now)
    assert "fan" not in Allowance.objects.get().person_key
