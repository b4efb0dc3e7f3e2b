from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segments import consent
from segments.errors import BadRule
from segments.fans import find_or_create
from segments.models import Channel, Fan, Footprint
from segments.rules import fans, in_words, parse

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def did(fan: Fan, kind: str, *, days_ago: int = 0, subject: str = "drop:robe") -> None:
    number = Footprint.objects.count()
    Footprint.objects.create(
        fan=fan, kind=kind, subject=subject, key=f"deed {number}", at=NOW - timedelta(days=days_ago)
    )


@pytest.fixture
def crowd(db: None) -> None:
    for name, country in [("once", "US"), ("twice", "DE"), ("never", "US"), ("long-ago", "CA")]:
        find_or_create(f"{name}@example.com", country=country)
    once, twice, _, long_ago = Fan.objects.order_by("id")
    did(once, "purchased")
    did(twice, "purchased", subject="drop:candle")
    did(twice, "purchased", days_ago=10)
    did(long_ago, "purchased", days_ago=400)
    did(long_ago, "abandoned")
    consent.record(once, Channel.EMAIL, True, source="checkout", wording="yes")
    consent.record(twice, Channel.EMAIL, True, source="checkout", wording="yes")
    consent.record(twice, Channel.EMAIL, False, source="preferences", wording="no")


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("rule", "matching"),
    [
        ({"did": "purchased"}, {"once", "twice", "long-ago"}),
        ({"did": "purchased", "at_least": 2}, {"twice"}),
        ({"did": "purchased", "within_days": 365}, {"once", "twice"}),
        ({"did": "purchased", "subject": "drop:candle"}, {"twice"}),
        ({"did": "purchased", "subject": "drop:candle", "at_least": 2}, set()),
        ({"country": "us"}, {"once", "never"}),
        ({"country": ["DE", "CA"]}, {"twice", "long-ago"}),
        ({"agreed": "email"}, {"once"}),
        ({"not": {"agreed": "email"}}, {"twice", "never", "long-ago"}),
        ({"not": {"did": "purchased"}}, {"never"}),
        ({"all": [{"did": "purchased"}, {"country": "US"}]}, {"once"}),
        ({"any": [{"did": "abandoned"}, {"country": "DE"}]}, {"twice", "long-ago"}),
        ({"all": [{"any": [{"country": "US"}, {"country": "CA"}]}, {"not": {"did": "abandoned"}}]}, {"once", "never"}),
    ],
)
def test_matches_exactly(rule: dict[str, Any], matching: set[str]) -> None:
    assert {fan.email.partition("@")[0] for fan in fans(rule, now=NOW)} == matching


@pytest.mark.parametrize(
    "rule",
    [
        {},
        [],
        "purchased",
        None,
        {"did": "sold"},
        {"did": ["purchased"]},
        {"did": "purchased", "at_least": 0},
        {"did": "purchased", "at_least": "2"},
        {"did": "purchased", "within_days": True},
        {"did": "purchased", "country": "US"},
        {"country": "Germany"},
        {"country": []},
        {"agreed": "pigeon"},
        {"all": []},
        {"any": {"did": "purchased"}},
        {"not": []},
    ],
)
def test_refuses_a_rule_it_does_not_understand(rule: Any) -> None:
    with pytest.raises(BadRule, match=r".+"):
        parse(rule)


def test_refuses_a_rule_without_a_floor() -> None:
    rule: dict[str, Any] = {"did": "purchased"}
    for _ in range(1000):
        rule = {"not": rule}
    with pytest.raises(BadRule):
        parse(rule)


def test_says_itself_in_words() -> None:
    rule = {"all": [{"did": "purchased", "at_least": 2, "within_days": 365}, {"country": ["US", "CA"]}]}

    assert in_words(rule) == "Fans who purchased at least 2 times in the last 365 days and live in US or CA"
