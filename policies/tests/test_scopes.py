"""Where a policy applies: keys, places, and which of several stands."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings, strategies as st

from policies import queries, scopes
from policies.languages import nearest, tidy
from policies.models import Policy
from policies.places import region_code
from policies.queries import applicable
from policies.tests.conftest import NOON, Publish

EVERYTHING = ("shop", "preorder", "drop:robe", "tag:candle", "area:EU", "country:DE", "country:US", "region:US-CA")
KEYS = st.sets(st.sampled_from(EVERYTHING), min_size=1, max_size=4)


def policy(slug: str, scope: str, *, kind: str = "returns", replaces_wider: bool = False) -> Policy:
    return Policy.objects.create(slug=slug, title=slug, kind=kind, scope=scope, replaces_wider=replaces_wider)


def ids(*held: str, language: str = "en") -> list[str]:
    return [shown.slug for shown in applicable(held, now=NOON, values={}, language=language)]


@pytest.mark.parametrize(
    ("chosen", "stored"),
    [
        ([], "shop"),
        (["shop"], "shop"),
        (["country:DE", "shop"], "country:DE"),
        (["region:US-CA", "tag:sleepwear"], "tag:sleepwear + region:US-CA"),
        (["area:EU", "preorder", "area:EU"], "preorder + area:EU"),
    ],
)
def test_what_is_chosen_is_written_in_a_fixed_order(chosen: list[str], stored: str) -> None:
    assert scopes.written(chosen) == stored
    assert scopes.PATTERN.fullmatch(stored)


@pytest.mark.parametrize(
    ("address", "held"),
    [
        (("US", "California"), ["country:US", "region:US-CA"]),
        (("US", " ca "), ["country:US", "region:US-CA"]),
        (("CA", "Québec"), ["country:CA", "region:CA-QC"]),
        (("US", "Nowhere"), ["country:US"]),
        (("de", "BY"), ["country:DE", "region:DE-BY"]),
        (("DE", "Bayern"), ["country:DE", "region:DE-BY"]),
        (("DE", "Nirgendwo"), ["country:DE"]),
        (("XX", ""), []),
        (("", ""), []),
    ],
)
def test_an_address_holds_its_country_and_state(address: tuple[str, str], held: list[str]) -> None:
    assert scopes.of_place(*address) == held


def test_a_state_is_known_by_name_and_by_code() -> None:
    assert {region_code("US", name) for name in ("NY", "new york", "New  York")} == {"US-NY"}


def test_says_why_it_applies() -> None:
    assert scopes.reasons("preorder + country:DE") == ["pre-order", "ships to Germany"]
    assert scopes.reasons("region:US-CA") == ["ships to California (United States)"]
    assert scopes.reasons("shop") == []


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("shop", "everything the shop sells"),
        ("drop:winter-robe", "the drop “Winter Robe No. 2”"),
        ("drop:gone-long-ago", "the drop “gone long ago”"),
        ("drop:winter-robe + country:DE", "the drop “Winter Robe No. 2”, shipped to Germany"),
        ("tag:sleepwear + area:EU", "everything tagged “sleepwear”, shipped to the European Union"),
        ("tag:sleepwear + preorder", "everything tagged “sleepwear”, pre-ordered"),
        ("preorder + region:US-CA", "pre-orders, shipped to California (United States)"),
        ("country:US", "orders to the United States"),
    ],
)
def test_says_where_it_applies(scope: str, words: str) -> None:
    assert scopes.in_words(scope, {"winter-robe": "Winter Robe No. 2"}) == words


@given(KEYS, KEYS)
def test_a_scope_with_more_keys_is_never_wider(one: set[str], more: set[str]) -> None:
    narrow, wide = scopes.widened(one | more), scopes.widened(one)
    assert not scopes.is_wider(narrow, wide)
    assert scopes.is_wider(wide, narrow) == (wide != narrow)


@given(KEYS)
def test_writing_twice_changes_nothing_and_loses_no_key(held: set[str]) -> None:
    once = scopes.written(held)
    assert scopes.written(scopes.keys(once)) == once
    assert scopes.widened(scopes.keys(once)) == scopes.widened(held)


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, st.booleans()), min_size=1, max_size=5), KEYS)
def test_what_applies_is_exactly_what_all_keys_hold_for(policies: list[tuple[set[str], bool]], cart: set[str]) -> None:
    """Against a model that is as plain as can be: every key of the policy holds, and no narrower one replaces it."""
    held = scopes.widened(cart)
    matching = [(number, scopes.widened(keys), alone) for number, (keys, alone) in enumerate(policies) if keys <= held]
    expected = {
        number for number, keys, _ in matching if not any(alone and keys < other for _, other, alone in matching)
    }
    lines = [
        queries._Line(
            keys=scopes.widened(keys), kind="returns", replaces_wider=alone, because=(), promises={}, starts={}
        )
        for keys, alone in policies
        if keys <= held
    ]
    numbers = [number for number, _, _ in matching]
    found = {numbers[place] for place, line in enumerate(lines) if not queries._is_replaced(line, lines)}
    assert found == expected


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("cart", "shown"),
    [
        (["shop"], ["all"]),
        (["shop", "country:DE"], ["all", "eu", "german"]),
        (["shop", "country:DE", "preorder"], ["all", "eu", "german", "later"]),
        (["shop", "country:FR"], ["all", "eu"]),
        (["shop", "country:US", "region:US-CA", "tag:candle"], ["all", "californian-candles"]),
        (["shop", "country:US", "region:US-NY", "tag:candle"], ["all"]),
    ],
)
def test_one_query_finds_what_applies_to_a_cart(publish_text: Publish, cart: list[str], shown: list[str]) -> None:
    for slug, scope in {
        "all": "shop",
        "eu": "area:EU",
        "german": "country:DE",
        "later": "preorder + area:EU",
        "californian-candles": "tag:candle + region:US-CA",
        "other-drop": "drop:other",
    }.items():
        publish_text(policy(slug, scope, kind="shipping"), "Words.")
    assert sorted(ids(*cart)) == sorted(shown)
    queries._lines.clear()
    with CaptureQueriesContext(connection) as queried:
        ids(*cart)
    assert len(queried) == 1


@pytest.mark.django_db
def test_a_narrower_one_stands_instead_where_it_says_so(publish_text: Publish) -> None:
    publish_text(policy("returns", "shop"), "30 days.")
    publish_text(policy("returns-eu", "area:EU", replaces_wider=True), "14 days.")
    publish_text(policy("shipping", "shop", kind="shipping"), "By post.")
    assert ids("shop", "country:US") == ["returns", "shipping"]
    assert ids("shop", "country:DE") == ["returns-eu", "shipping"]


@pytest.mark.django_db
def test_one_that_is_only_announced_replaces_nothing_yet(publish_text: Publish) -> None:
    publish_text(policy("returns", "shop"), "30 days.")
    publish_text(
        policy("returns-eu", "area:EU", replaces_wider=True), "14 days.", effective_at=NOON + timedelta(days=1)
    )
    assert ids("shop", "country:DE") == ["returns"]


@pytest.mark.django_db
def test_each_says_why(publish_text: Publish) -> None:
    publish_text(policy("late", "preorder + country:DE"), "Words.")
    [shown] = applicable(["shop", "preorder", "country:DE"], now=NOON, values={})
    assert shown.because == ("pre-order", "ships to Germany")


@pytest.mark.django_db
def test_a_missing_translation_falls_back_and_says_so(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 Tage.", language="de")
    [shown] = applicable(["shop"], now=NOON, values={}, language="fr")
    assert (shown.language, shown.asked_language, shown.is_fallback) == ("de", "fr", True)
    publish_text(returns, "30 days.", language="en")
    [shown] = applicable(["shop"], now=NOON, values={}, language="fr")
    assert (shown.language, shown.is_fallback) == ("en", True)
    [shown] = applicable(["shop"], now=NOON, values={}, language="de-at")
    assert (shown.language, shown.is_fallback) == ("de", False)


@pytest.mark.parametrize(
    ("asked", "there", "near"),
    [
        ("de", {"de", "en"}, "de"),
        ("de-at", {"de", "en"}, "de"),
        ("de", {"de-at", "en"}, "de-at"),
        ("fr", {"de", "en"}, "en"),
        ("fr", {"it", "de"}, "de"),
    ],
)
def test_the_nearest_language(asked: str, there: set[str], near: str) -> None:
    assert nearest(asked, there) == near


@pytest.mark.parametrize("typed", ["", "x", "<script>", "de\x00", "a" * 50])
def test_no_language_is_english(typed: str) -> None:
    assert tidy(typed) == "en"
