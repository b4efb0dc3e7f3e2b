from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from merchant.models import JournalEntry
from policies import publishing
from policies.errors import AlreadyPublished, DraftChanged, NotPublishable
from policies.models import Policy, PolicyVersion
from policies.publishing import fingerprint, new_draft, publish
from policies.tests.conftest import NOON, Publish
from policies.tests.racing import TWINS, meeting, race

pytestmark = pytest.mark.django_db


def written(policy: Policy, source: str = "30 days.") -> PolicyVersion:
    draft = new_draft(policy, "staff:owner")
    draft.source, draft.summary, draft.change_summary = source, "30 days to send it back.", "Longer."
    draft.save()
    return draft


def test_publishes_and_writes_the_journal(returns: Policy) -> None:
    version = publish(written(returns), by="staff:reviewer", now=NOON)
    version.refresh_from_db()
    assert (version.published_at, version.effective_at, version.published_by) == (NOON, NOON, "staff:reviewer")
    entry = JournalEntry.objects.get(subject="policy:returns", verb="published")
    assert (entry.actor, entry.why, entry.data["version"]) == ("staff:reviewer", "Longer.", 1)


def test_takes_effect_when_told(returns: Policy) -> None:
    midnight = NOON + timedelta(hours=12)
    assert publish(written(returns), by="staff:owner", now=NOON, effective_at=midnight).effective_at == midnight


def test_publishes_once(returns: Policy) -> None:
    draft = written(returns)
    publish(draft, by="staff:owner", now=NOON)
    with pytest.raises(AlreadyPublished):
        publish(draft, by="staff:owner", now=NOON)


def test_names_every_obstacle_at_once(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", effective_at=NOON + timedelta(days=2))
    draft = new_draft(returns, "staff:owner")
    draft.source, draft.summary = "Ships on {{ ship_day }}.", " "
    draft.save()
    with pytest.raises(NotPublishable) as refusal:
        publish(draft, by="staff:owner", now=NOON, effective_at=NOON - timedelta(minutes=1))
    assert refusal.value.reasons == [
        "Write the one-sentence summary that fans read first.",
        "Say in plain words what changes since version 1.",
        "Nothing can fill in {{ ship_day }}. Did you mean {{ ship_date }}?",
        "A text cannot take effect in the past. Leave the time empty to start now.",
        "Version 1 takes effect later. Choose its time or a later one.",
    ]
    assert not JournalEntry.objects.filter(verb="published", data__version=2).exists()


def test_refuses_an_empty_text(returns: Policy) -> None:
    with pytest.raises(NotPublishable, match="The text is empty"):
        publish(written(returns, source="  \n"), by="staff:owner", now=NOON)


def test_refuses_a_draft_that_changed_after_it_was_read(returns: Policy) -> None:
    draft = written(returns)
    read = fingerprint(draft)
    PolicyVersion.objects.filter(pk=draft.pk).update(source="No returns.")
    with pytest.raises(DraftChanged):
        publish(draft, by="staff:reviewer", now=NOON, reviewed=read)
    draft.refresh_from_db()
    assert publish(draft, by="staff:reviewer", now=NOON, reviewed=fingerprint(draft)).published_at == NOON


def test_a_new_draft_starts_from_the_text_published_last(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", box_wording="I agree.")
    draft = new_draft(returns, "staff:editor")
    assert (draft.number, draft.source, draft.box_wording, draft.change_summary) == (2, "30 days.", "I agree.", "")
    assert new_draft(returns, "staff:editor") == draft


def test_a_scheduled_text_can_be_replaced_before_it_begins(returns: Policy, publish_text: Publish) -> None:
    monday = NOON + timedelta(days=3)
    publish_text(returns, "A slip.", effective_at=monday)
    assert publish_text(returns, "Mended.", effective_at=monday).effective_at == monday


@pytest.mark.django_db(transaction=True)
def test_twins_without_the_lock_take_the_same_number(
    returns: Policy, publish_text: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet, create = meeting(), PolicyVersion.objects.create

    def all_have_looked(**fields: Any) -> PolicyVersion:
        meet()
        return create(**fields)

    monkeypatch.setattr(publishing, "_lock", lambda policy: None)
    monkeypatch.setattr(PolicyVersion.objects, "create", all_have_looked)
    assert sorted(race(lambda: start_draft(returns))) == ["1"] + ["collided"] * (TWINS - 1)


@pytest.mark.django_db(transaction=True)
def test_twins_get_one_draft(returns: Policy) -> None:
    assert race(lambda: start_draft(returns)) == ["1"] * TWINS
    assert PolicyVersion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_many_publishes(returns: Policy) -> None:
    draft = written(returns)
    outcomes = race(lambda: try_to_publish(draft))
    assert sorted(outcomes) == ["already"] * (TWINS - 1) + ["published"]
    assert JournalEntry.objects.filter(verb="published").count() == 1


def start_draft(policy: Policy) -> str:
    try:
        return str(new_draft(policy, "staff:owner").number)
    except IntegrityError:
        return "collided"


def try_to_publish(draft: PolicyVersion) -> str:
    try:
        publish(draft, by="staff:owner", now=NOON)
    except AlreadyPublished:
        return "already"
    return "published"
