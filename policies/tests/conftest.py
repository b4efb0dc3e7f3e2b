from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from policies import acceptance, chain, queries
from policies.models import Policy, PolicyVersion
from policies.publishing import new_draft, publish

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=10)
Publish = Callable[..., PolicyVersion]


@pytest.fixture
def returns() -> Policy:
    return Policy.objects.create(slug="returns", kind="returns", title="Returns", position=10)


@pytest.fixture
def publish_text() -> Publish:
    """Publishes the next version of a policy through the real verbs: ``publish_text(returns, "30 days.")``."""

    def go(
        policy: Policy,
        source: str,
        *,
        now: datetime = NOON,
        effective_at: datetime | None = None,
        language: str = "en",
        box_wording: str = "",
        change_class: str = "material",
    ) -> PolicyVersion:
        draft = new_draft(policy, "staff:owner", language=language)
        draft.source, draft.summary, draft.change_summary = source, f"In short: {source[:40]}", "Other words."
        draft.box_wording, draft.change_class = box_wording, change_class
        draft.save()
        return publish(draft, by="staff:owner", now=now, effective_at=effective_at)

    return go


@pytest.fixture
def accepted(returns: Policy, publish_text: Publish) -> str:
    """The reference of an order whose buyer ticked the box of the returns policy."""
    publish_text(returns, "30 days.", box_wording="I have read the returns policy.")
    shown = queries.applicable(["shop"], now=NOON, values={})
    answers = [acceptance.Answer(policy.id, policy.sha256, accepted=True) for policy in shown]
    acceptance.record(
        "FR-1001",
        acceptance.check(shown, answers),
        answers,
        acceptance.Occasion(
            "checkout",
            shown_at=NOON,
            answered_at=NOON + timedelta(minutes=2),
            person=acceptance.Person(ip="203.0.113.7", user_agent="A browser", email="fan@example.com"),
        ),
    )
    return "FR-1001"


def orders(*refs: str) -> None:
    """Orders whose buyers ticked what is in force."""
    for ref in refs:
        shown = queries.applicable(["shop"], now=NOON, values={})
        answers = [acceptance.Answer(policy.id, policy.sha256, accepted=True) for policy in shown]
        person = acceptance.Person(ip="203.0.113.7", user_agent="A browser", email=f"{ref}@example.com")
        occasion = acceptance.Occasion("checkout", shown_at=NOON, answered_at=NOON, person=person)
        acceptance.record(ref, shown, answers, occasion)


@pytest.fixture
def sealed(returns: Policy, publish_text: Publish) -> None:
    """Two versions, three acceptances, and the renderings that were shown: in three links."""
    publish_text(returns, "Send it back within 30 days.", box_wording="I have read it.")
    publish_text(returns, "Send it back within 31 days.", box_wording="I have read it.")
    orders("FR-1", "FR-2", "FR-3")
    assert chain.seal(NOON) == 7
