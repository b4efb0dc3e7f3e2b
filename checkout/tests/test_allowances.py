"""The limit for a person: across orders and devices, atomic, given back when nothing came of it."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db.models import F

from checkout import allowances, expiry
from checkout.contact import Contact
from checkout.errors import CannotGrant
from checkout.models import Allowance, Order, OrderLine, OrderState
from checkout.place_order import place_order
from checkout.tests import fan
from checkout.tests.test_place_order_races import together
from drops.errors import LimitReached
from drops.models import Drop, Offer
from merchant import journal, store
from merchant.models import JournalEntry, StoreProfile

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
    household(counts=True)
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("three@example.com"))
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now, contact=who("four@example.com"))


def household(*, counts: bool) -> None:
    StoreProfile.objects.update(limit_by_address=counts)
    store.forget_store()


def used() -> list[int]:
    return sorted(Allowance.objects.values_list("used", flat=True))


def cancel(order: Order, now: datetime) -> None:
    expiry.close(order.pk, OrderState.CANCELLED, why="by the fan", actor="fan", now=now)


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ({}, {"line1": "LONG street  1", "line2": "back door", "city": "Spring field"}, True),
        ({}, {"line1": "Long Street 11"}, False),
        ({"country": "IE", "postal_code": ""}, {"country": "IE", "postal_code": "", "city": "Cork"}, False),
        ({"country": "IE", "postal_code": ""}, {"country": "IE", "postal_code": "", "city": "springfield"}, True),
    ],
)
def test_a_household_is_a_street_in_a_place(
    drop: Drop, one: dict[str, str], other: dict[str, str], is_one: bool
) -> None:
    household(counts=True)
    keys = [
        allowances.person_keys(Contact(f"{number}@example.com", "A Fan", "", replace(fan.ADDRESS, **changes)))
        for number, changes in enumerate((one, other))
    ]
    assert bool(set(keys[0]) & set(keys[1])) is is_one


def test_an_order_from_before_households_were_limited_takes_nothing_from_its_household(
    drop: Drop, now: datetime
) -> None:
    before = fan.placed(drop, ("ROBE-M", 2), at=now, contact=who("one@example.com"))
    household(counts=True)
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("two@example.com"))
    cancel(before, now)
    assert used() == [0, 2, 2], "of one, of two, and of the household that two of them are counted in"
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now, contact=who("three@example.com"))


def test_an_order_from_when_households_were_limited_gives_back_to_its_household(drop: Drop, now: datetime) -> None:
    household(counts=True)
    during = fan.placed(drop, ("ROBE-M", 2), at=now, contact=who("one@example.com"))
    household(counts=False)
    cancel(during, now)
    assert used() == [0, 0]
    household(counts=True)
    fan.orders(drop, ("ROBE-M", 2), at=now, contact=who("two@example.com"))


def test_what_is_counted_again_after_all_is_counted_where_it_was_before(drop: Drop, now: datetime) -> None:
    order = fan.placed(drop, ("ROBE-M", 2), at=now, contact=who("one@example.com"))
    household(counts=True)
    fan.orders(drop, ("ROBE-M", 1), at=now, contact=who("two@example.com"))
    for count in (allowances.give_back, allowances.take_again):
        count(order)
    assert used() == [1, 1, 2]


def test_an_order_of_a_release_before_its_marks_were_kept_is_found_by_its_contact(drop: Drop, now: datetime) -> None:
    order = fan.placed(drop, ("ROBE-M", 2), at=now)
    Order.objects.update(person_keys=None)
    cancel(order, now)
    assert used() == [0]


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


def line_of(drop: Drop, now: datetime, units: int = 2, contact: Contact | None = None) -> OrderLine:
    return fan.placed(drop, ("ROBE-M", units), at=now, contact=contact or who()).lines.get()


def grant(line: OrderLine, units: int = 1, *, seen: list[int], by: str = "owner", why: str = "for a twin") -> str:
    try:
        new = allowances.grant(line, units, seen=seen, actor=journal.staff(by), why=why)
    except CannotGrant as refusal:
        return str(refusal)
    return "granted" if new else "heard before"


def granted() -> list[int]:
    return list(Allowance.objects.order_by("person_key").values_list("granted", flat=True))


def test_staff_grant_more_with_a_reason(drop: Drop, now: datetime) -> None:
    line = line_of(drop, now)
    grant(line, seen=[0])
    fan.orders(drop, at=now)
    with pytest.raises(LimitReached):
        fan.orders(drop, at=now)
    entry = JournalEntry.objects.get(verb=allowances.GRANTED)
    assert (entry.subject, entry.why) == (line.order.subject, "for a twin")


def test_a_form_that_is_sent_twice_grants_once(drop: Drop, now: datetime) -> None:
    line = line_of(drop, now)
    assert [grant(line, seen=[0]) for _ in range(2)] == ["granted", "heard before"]
    assert granted() == [1]
    assert JournalEntry.objects.filter(verb=allowances.GRANTED).count() == 1
    assert grant(line, seen=allowances.granted(line)) == "granted"
    assert granted() == [2], "who looks again may allow the same again"


def test_a_second_member_of_staff_reads_what_the_first_one_did(drop: Drop, now: datetime) -> None:
    line = line_of(drop, now)
    grant(line, 2, seen=[0], by="maya", why="a present")
    told = grant(line, 2, seen=[0], by="owner", why="they wrote to us")
    assert told == "maya has allowed 2 more meanwhile: “a present” Look again before you allow more."
    assert granted() == [2]


def test_what_was_granted_on_another_order_of_the_person_is_seen_too(drop: Drop, now: datetime) -> None:
    first = line_of(drop, now, 1, who("one@example.com", "+4930901820"))
    other = line_of(drop, now, 1, who("two@example.com", "+4930901820"))
    seen = allowances.granted(other)
    grant(first, seen=[0, 0])
    assert grant(other, seen=seen).startswith("What this person may have has changed meanwhile.")
    assert sorted(granted()) == [0, 1, 1]


def test_many_who_press_at_once_grant_once(drop: Drop, now: datetime) -> None:
    line = line_of(drop, now)
    answers = together(lambda number: grant(line, seen=[0], by=f"staff{number}")[:7])
    assert sum(answers.values()) == 16
    assert answers["granted"] == 1
    assert granted() == [1]


def test_without_the_lock_each_of_them_grants(drop: Drop, now: datetime) -> None:
    """The guard taken away: look, then add. All have looked before one has added."""
    line = line_of(drop, now)
    all_looked = threading.Barrier(16)

    def naive(_: int) -> str:
        seen = allowances.granted(line)
        all_looked.wait()
        if seen != [0]:
            return "told"
        Allowance.objects.update(granted=F("granted") + 1)
        return "granted"

    assert together(naive) == {"granted": 16}
    assert granted() == [16]


def test_nothing_is_granted_to_who_was_erased(drop: Drop, now: datetime) -> None:
    line = line_of(drop, now)
    Order.objects.update(email="", person_keys=[])
    line.order.refresh_from_db()
    assert grant(line, seen=[0]).startswith("Who ordered this was erased")
    assert granted() == [0]


def test_nobody_can_read_a_person_out_of_a_row(drop: Drop, now: datetime) -> None:
    fan.orders(drop, at=now)
    assert "fan" not in Allowance.objects.get().person_key
