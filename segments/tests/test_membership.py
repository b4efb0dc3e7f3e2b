from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.apps import apps
from pytest_django import DjangoAssertNumQueries

from merchant.models import JournalEntry
from segments.fans import find_or_create
from segments.footprints import leave
from segments.membership import built_in, count, freeze, preview
from segments.models import FootprintKind, Segment

pytestmark = pytest.mark.django_db
NOW = datetime(2100, 1, 1, tzinfo=UTC)


def buyer(email: str) -> None:
    leave(find_or_create(email), FootprintKind.PURCHASED, "drop:robe", key=f"order:{email}")


def test_past_buyers_ship_with_the_shop() -> None:
    migration = import_module("segments.migrations.0003_past_buyers")
    migration.ship(apps, None)  # as every shop's database was made; another test may have emptied this one since
    buyer("one@example.com")
    find_or_create("stranger@example.com")
    past_buyers = Segment.objects.get(slug="past_buyers")

    assert past_buyers == built_in("past_buyers")
    assert past_buyers.builtin
    assert count(past_buyers, now=NOW) == 1
    assert [fan.email for fan in preview(past_buyers, now=NOW)] == ["one@example.com"]


def test_a_frozen_list_keeps_who_matched_then() -> None:
    buyer("one@example.com")
    buyer("two@example.com")
    segment = built_in("past_buyers")

    snapshot = freeze(segment, "drop:robe", now=NOW, actor="staff:owner")
    buyer("three@example.com")

    assert snapshot.size == 2
    assert {fan.email for fan in snapshot.fans.all()} == {"one@example.com", "two@example.com"}
    assert JournalEntry.objects.get(subject="segment:past_buyers").data == {"for": "drop:robe", "size": 2}


def test_freezing_costs_the_same_however_many_match(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(30):
        buyer(f"fan{number}@example.com")
    segment = built_in("past_buyers")

    with django_assert_num_queries(6):  # savepoint, snapshot, members, size, journal, release
        assert freeze(segment, "drop:robe", now=NOW, actor="staff:owner").size == 30
