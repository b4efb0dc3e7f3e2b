"""From draft to superseded: what a person decided is written down, the rest follows from times (P19)."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from merchant.models import JournalEntry, StoreProfile
from merchant.templatetags.shop import with_utc
from policies import reviewing
from policies.errors import AlreadyPublished, DraftChanged, EditedMeanwhile, NotPublishable, OwnText
from policies.life import Life, life_of
from policies.models import Policy, PolicyVersion
from policies.publishing import fingerprint, new_draft, publish
from policies.reviewing import approve, ask_review, edit, send_back
from policies.tests.conftest import NOON, Publish
from policies.tests.racing import TWINS, meeting, race

pytestmark = pytest.mark.django_db
EDITOR, REVIEWER = "staff:editor", "staff:reviewer"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
WORDS = {"source": "30 days.", "summary": "30 days to send it back."}


@pytest.fixture
def strict() -> StoreProfile:
    """A shop where a second person approves and material changes are announced two weeks ahead."""
    return StoreProfile.objects.create(pk=1, name="Shop", second_person_approves=True, notice_days=14)


@pytest.fixture
def draft(returns: Policy) -> PolicyVersion:
    return edit(new_draft(returns, EDITOR), WORDS, by=EDITOR, now=NOON)


def test_goes_from_draft_to_superseded(returns: Policy, draft: PolicyVersion, publish_text: Publish) -> None:
    seen = [life_of(draft, NOON)]
    ask_review(draft, by=EDITOR, now=NOON)
    seen.append(life_of(draft, NOON))
    approved = approve(draft, by=REVIEWER, now=NOON, reviewed=fingerprint(draft), effective_at=NOON + DAY)
    seen.append(life_of(draft, NOON))
    publish(approved, by=REVIEWER, now=NOON)
    seen += [life_of(draft, NOON), life_of(draft, NOON + DAY)]
    publish_text(returns, "14 days.", now=NOON + DAY, effective_at=NOON + 2 * DAY)
    seen += [life_of(draft, NOON + 2 * DAY - timedelta(microseconds=1)), life_of(draft, NOON + 2 * DAY)]
    assert seen == [
        Life.DRAFT,
        Life.IN_REVIEW,
        Life.APPROVED,
        Life.SCHEDULED,
        Life.IN_FORCE,
        Life.IN_FORCE,
        Life.SUPERSEDED,
    ]
    verbs = JournalEntry.objects.filter(subject="policy:returns").order_by("id").values_list("verb", flat=True)
    assert list(verbs)[:5] == ["draft_started", "draft_edited", "review_asked", "approved", "published"]


def test_p19_in_force_from_midnight_in_the_shops_zone_with_nobody_awake(returns: Policy, draft: PolicyVersion) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=ZoneInfo("Europe/Berlin"))
    publish(draft, by=REVIEWER, now=NOON, effective_at=midnight)
    assert life_of(draft, midnight - timedelta(microseconds=1)) == Life.SCHEDULED
    assert life_of(draft, midnight) == Life.IN_FORCE


def test_a_time_stands_in_the_shops_zone_with_utc_beside_it() -> None:
    with timezone.override("Europe/Berlin"):
        assert with_utc(datetime(2026, 11, 21, tzinfo=ZoneInfo("Europe/Berlin"))) == (
            "21 Nov 2026, 00:00 CET (20 Nov, 23:00 UTC)"
        )
        assert with_utc(NOON) == "20 Nov 2026, 13:00 CET (12:00 UTC)"
    with timezone.override("UTC"):
        assert with_utc(NOON) == "20 Nov 2026, 12:00 UTC"


def test_who_wrote_it_does_not_approve_it(strict: StoreProfile, draft: PolicyVersion) -> None:
    with pytest.raises(NotPublishable, match="A second person approves it first"):
        publish(draft, by=EDITOR, now=NOON)
    with pytest.raises(OwnText):
        approve(draft, by=EDITOR, now=NOON, reviewed=fingerprint(draft))
    edit(draft, {"summary": "Thirty days."}, by=REVIEWER, now=NOON)
    draft.refresh_from_db()
    with pytest.raises(OwnText):  # a reviewer who mended a word is a writer, too
        approve(draft, by=REVIEWER, now=NOON, reviewed=fingerprint(draft))
    approve(draft, by="staff:third", now=NOON, reviewed=fingerprint(draft))
    assert publish(draft, by=EDITOR, now=NOON).approved_by == "staff:third"


def test_one_person_alone_may_publish_where_the_shop_asks_for_no_second(draft: PolicyVersion) -> None:
    assert publish(draft, by=EDITOR, now=NOON).published_by == EDITOR


def test_an_edit_takes_the_approval_away(strict: StoreProfile, draft: PolicyVersion) -> None:
    approve(draft, by=REVIEWER, now=NOON, reviewed=fingerprint(draft))
    edit(draft, {"source": "No returns."}, by=EDITOR, now=NOON)
    assert life_of(draft, NOON) == Life.DRAFT
    with pytest.raises(NotPublishable):
        publish(draft, by=REVIEWER, now=NOON)


def edits() -> list[str]:
    lines = JournalEntry.objects.filter(subject="policy:returns", verb="draft_edited").order_by("id")
    return [f"{line.actor}: {line.why}" for line in lines]


def test_what_one_person_types_at_one_sitting_is_one_line_a_field(returns: Policy) -> None:
    draft = new_draft(returns, EDITOR)
    for count in range(20):
        edit(draft, {"source": f"{count} days."}, by=EDITOR, now=NOON + count * MINUTE)
        edit(draft, {"summary": f"{count} days"}, by=EDITOR, now=NOON + count * MINUTE)
    assert edits() == [f"{EDITOR}: source", f"{EDITOR}: summary"]


def test_another_sitting_another_person_and_what_comes_after_a_step_have_lines_of_their_own(
    draft: PolicyVersion,
) -> None:
    hour = timedelta(hours=1)
    edit(draft, {"source": "31 days."}, by=EDITOR, now=NOON + hour)  # after a break
    edit(draft, {"source": "32 days."}, by=REVIEWER, now=NOON + hour)
    edit(draft, {"source": "33 days."}, by=EDITOR, now=NOON + hour)
    ask_review(draft, by=EDITOR, now=NOON + hour)
    edit(draft, {"source": "34 days."}, by=EDITOR, now=NOON + hour)
    edit(draft, {"source": "35 days."}, by=EDITOR, now=NOON + hour)
    assert edits()[1:] == [f"{EDITOR}: source", f"{REVIEWER}: source", f"{EDITOR}: source", f"{EDITOR}: source"]


def test_an_approval_is_for_the_words_that_were_read(draft: PolicyVersion) -> None:
    read = fingerprint(draft)
    edit(draft, {"source": "No returns."}, by=EDITOR, now=NOON)
    with pytest.raises(DraftChanged):
        approve(draft, by=REVIEWER, now=NOON, reviewed=read)


@pytest.mark.parametrize(
    "change",
    [{"title": "No returns"}, {"scope": "country:DE"}, {"kind": "terms"}, {"replaces_wider": True}, {"slug": "r"}],
)
def test_an_approval_is_for_the_name_and_the_place_that_were_read(
    strict: StoreProfile, draft: PolicyVersion, change: dict[str, Any]
) -> None:
    read = fingerprint(draft)
    approve(draft, by=REVIEWER, now=NOON, reviewed=read)
    Policy.objects.update(**change)
    with pytest.raises(NotPublishable, match="A second person approves it first"):
        publish(draft, by=EDITOR, now=NOON)
    with pytest.raises(DraftChanged):
        approve(draft, by=REVIEWER, now=NOON, reviewed=read)


def test_words_changed_behind_the_verbs_are_not_approved(strict: StoreProfile, draft: PolicyVersion) -> None:
    approve(draft, by=REVIEWER, now=NOON, reviewed=fingerprint(draft))
    PolicyVersion.objects.filter(pk=draft.pk).update(source="No returns.")
    with pytest.raises(NotPublishable):
        publish(draft, by=REVIEWER, now=NOON)


def test_nothing_unfinished_is_sent_to_review(returns: Policy) -> None:
    with pytest.raises(NotPublishable, match="The text is empty"):
        ask_review(new_draft(returns, EDITOR), by=EDITOR, now=NOON)


def test_sent_back_with_a_reason_until_it_is_edited(draft: PolicyVersion) -> None:
    ask_review(draft, by=EDITOR, now=NOON)
    assert send_back(draft, by=REVIEWER, why="Say who pays the postage.").sent_back == "Say who pays the postage."
    assert life_of(draft, NOON) == Life.DRAFT
    assert edit(draft, {"source": "30 days; we pay."}, by=EDITOR, now=NOON).sent_back == ""


# --- notice -----------------------------------------------------------------------------------------------------------


def second(returns: Policy, change_class: str) -> PolicyVersion:
    words = {"source": "14 days.", "change_summary": "Shorter.", "change_class": change_class}
    draft = edit(new_draft(returns, EDITOR), words, by=EDITOR, now=NOON)
    return approve(draft, by=REVIEWER, now=NOON, reviewed=fingerprint(draft))


@pytest.fixture
def first(strict: StoreProfile, draft: PolicyVersion) -> PolicyVersion:
    approve(draft, by=REVIEWER, now=NOON, reviewed=fingerprint(draft))
    return publish(draft, by=REVIEWER, now=NOON)


def test_the_first_version_needs_no_notice(first: PolicyVersion) -> None:
    assert first.effective_at == NOON


def test_a_material_change_takes_effect_after_its_notice(returns: Policy, first: PolicyVersion) -> None:
    assert publish(second(returns, "material"), by=REVIEWER, now=NOON).effective_at == NOON + 14 * DAY


def test_a_material_change_cannot_come_sooner(returns: Policy, first: PolicyVersion) -> None:
    draft = second(returns, "material")
    with pytest.raises(NotPublishable, match=r"takes effect on Fri 4 Dec, 12:00 UTC or later"):
        publish(draft, by=REVIEWER, now=NOON, effective_at=NOON + 13 * DAY)


@pytest.mark.parametrize("change_class", ["technical", "clarification"])
def test_a_small_change_needs_no_notice(returns: Policy, first: PolicyVersion, change_class: str) -> None:
    assert publish(second(returns, change_class), by=REVIEWER, now=NOON).effective_at == NOON


# --- two people -------------------------------------------------------------------------------------------------------


def test_who_read_an_older_draft_does_not_write_over_a_newer_one(draft: PolicyVersion) -> None:
    edit(draft, {"source": "Theirs."}, by=REVIEWER, now=NOON, revision=draft.revision)
    with pytest.raises(EditedMeanwhile, match="reviewer wrote in this draft"):
        edit(draft, {"source": "Ours."}, by=EDITOR, now=NOON, revision=draft.revision)
    assert PolicyVersion.objects.get(pk=draft.pk).source == "Theirs."


def test_what_is_public_is_not_edited(draft: PolicyVersion) -> None:
    publish(draft, by=EDITOR, now=NOON)
    with pytest.raises(AlreadyPublished):
        edit(draft, {"source": "Other."}, by=EDITOR, now=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_save_at_once_one_is_heard(draft: PolicyVersion) -> None:
    outcomes = race(lambda: try_to_save(draft))
    assert sorted(outcomes) == ["clash"] * (TWINS - 1) + ["saved"]


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_all_believe_they_were_heard(draft: PolicyVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    meet = meeting()

    def only_read(version: PolicyVersion) -> PolicyVersion:
        seen = reviewing._read(version)
        meet()
        return seen

    monkeypatch.setattr(reviewing, "_locked", only_read)
    assert race(lambda: try_to_save(draft)) == ["saved"] * TWINS


def try_to_save(draft: PolicyVersion) -> str:
    try:
        edit(draft, {"source": f"Words {id(object())}."}, by=EDITOR, now=NOON, revision=draft.revision)
    except EditedMeanwhile:
        return "clash"
    return "saved"
