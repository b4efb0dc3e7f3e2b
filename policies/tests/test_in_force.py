import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from policies import queries
from policies.models import Policy
from policies.publishing import new_draft
from policies.queries import applicable, in_force
from policies.tests.conftest import NOON, Publish

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def ids(now: datetime = NOON, *, scopes: tuple[str, ...] = ("shop",), language: str = "en") -> list[str]:
    return [policy.id for policy in applicable(scopes, now=now, values={}, language=language)]


def test_takes_effect_at_midnight_of_the_shop_with_nobody_awake(returns: Policy, publish_text: Publish) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=ZoneInfo("Europe/Berlin"))
    first = publish_text(returns, "30 days.", now=NOON)
    second = publish_text(returns, "14 days.", now=NOON, effective_at=midnight)
    assert in_force(returns, midnight - timedelta(microseconds=1)) == first
    assert in_force(returns, midnight) == second
    assert ids(midnight - timedelta(microseconds=1)) == ["returns/v1"]
    assert ids(midnight) == ["returns/v2"]


def test_what_stood_in_the_past_stays_answered(returns: Policy, publish_text: Publish) -> None:
    first = publish_text(returns, "30 days.", now=NOON)
    publish_text(returns, "14 days.", now=NOON + timedelta(days=5))
    assert in_force(returns, NOON + timedelta(days=4)) == first
    assert in_force(returns, NOON - SECOND) is None


def test_of_two_that_begin_together_the_later_stands(returns: Policy, publish_text: Publish) -> None:
    monday = NOON + timedelta(days=3)
    publish_text(returns, "A slip.", effective_at=monday)
    publish_text(returns, "Mended.", effective_at=monday)
    assert ids(monday) == ["returns/v2"]


def test_drafts_are_never_shown(returns: Policy) -> None:
    new_draft(returns, "staff:owner")
    assert ids() == []


def test_shows_the_scopes_asked_for_in_the_merchants_order(returns: Policy, publish_text: Publish) -> None:
    for slug, scope, position in [
        ("robe", "drop:winter-robe", 5),
        ("sleep", "tag:sleepwear", 20),
        ("spring", "drop:spring", 1),
    ]:
        policy = Policy.objects.create(slug=slug, scope=scope, kind="returns", title=slug, position=position)
        publish_text(policy, "Words.")
    publish_text(returns, "30 days.")
    assert ids(scopes=("shop", "drop:winter-robe", "tag:sleepwear")) == ["robe/v1", "returns/v1", "sleep/v1"]


def test_fills_in_the_drops_values(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "Ships on {{ ship_date }} from {{ shop }}.")
    [shown] = applicable(["shop"], now=NOON, values={"ship_date": "12 December 2026", "shop": ""})
    assert "Ships on 12 December 2026 from Your shop." in shown.html


def test_english_stands_in_for_a_missing_translation_and_says_so(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    [shown] = applicable(["shop"], now=NOON, values={}, language="de")
    assert (shown.id, shown.language) == ("returns/v1", "en")
    publish_text(returns, "30 Tage.", language="de", now=NOON + SECOND)
    [shown] = applicable(["shop"], now=NOON + SECOND, values={}, language="de")
    assert (shown.id, shown.language) == ("returns/v2", "de")
    assert ids(NOON + SECOND) == ["returns/v1"]


@pytest.mark.django_db(transaction=True)
def test_costs_no_query_while_remembered(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    with time_machine.travel(NOON, tick=False):
        ids()
        with CaptureQueriesContext(connection) as queried:
            assert ids() == ["returns/v1"]
    assert len(queried) == 0


def test_the_first_reading_costs_two_queries_however_many_texts(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    for number in range(3):
        publish_text(Policy.objects.create(slug=f"p{number}", kind="shipping", title="P"), "By post.")
    with CaptureQueriesContext(connection) as queried:
        ids()
    assert len(queried) == 2  # what applies, and its bytes


@pytest.mark.django_db(transaction=True)
def test_another_processs_publication_counts_within_two_seconds(
    returns: Policy, publish_text: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    publish_text(returns, "30 days.")
    assert ids() == ["returns/v1"]
    remembered = dict(queries._lines)
    publish_text(returns, "14 days.")
    queries._lines.update(remembered)  # the other process has not heard of it
    assert ids() == ["returns/v1"]
    clock += 2
    assert ids() == ["returns/v2"]


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_transaction_that_failed_is_remembered(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "Ships on {{ ship_date }}.")
    values = {"ship_date": "12 December 2026"}
    with transaction.atomic():
        [lost] = applicable(["shop"], now=NOON, values=values)
        transaction.set_rollback(True)
    [shown] = applicable(["shop"], now=NOON, values=values)
    assert shown.rendering_id != lost.rendering_id
    assert shown.sha256 == lost.sha256
