from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from merchant.models import JournalEntry
from policies.acceptance import Answer, Occasion, Person, check, email_hmac, erase_person, holds, record
from policies.errors import PolicyChanged, PolicyUnanswered
from policies.models import Acceptance, AcceptancePerson, Policy
from policies.queries import ShownPolicy, applicable
from policies.tests.conftest import NOON, Publish

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=5)
PERSON = Person(ip="203.0.113.7", user_agent="A browser", email="Fan@Example.com ")
BOX = "I have read the returns policy."


def shown_at(now: object = NOON, **values: str) -> list[ShownPolicy]:
    return applicable(["shop"], now=now, values=values)  # type: ignore[arg-type]  # NOON or LATER


def yes(shown: list[ShownPolicy]) -> list[Answer]:
    return [Answer(policy.id, policy.sha256, accepted=True if policy.mandatory else None) for policy in shown]


def test_accepts_what_was_shown_without_a_query(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", box_wording=BOX)
    shown = shown_at()
    with CaptureQueriesContext(connection) as queried:
        assert check(shown, yes(shown)) == shown
    assert len(queried) == 0


def test_words_that_grow_when_they_are_filled_in_are_recorded_whole(returns: Policy, publish_text: Publish) -> None:
    """The words beside a box may have 200 characters before a drop's title of 120 goes into them."""
    publish_text(returns, "30 days for {{ drop }}.", box_wording=("I have read what is said of {{ drop }}. " * 5)[:200])
    shown = shown_at(drop="The Winter Robe, " * 7)
    record("FR-1", shown, yes(shown), Occasion("checkout", NOON, NOON, PERSON))
    assert Acceptance.objects.get().wording == shown[0].box_wording
    assert len(shown[0].box_wording) > 500


@pytest.mark.parametrize("accepted", [False, None])
def test_refuses_a_box_left_unticked(returns: Policy, publish_text: Publish, accepted: bool | None) -> None:
    publish_text(returns, "30 days.", box_wording=BOX)
    shown = shown_at()
    with pytest.raises(PolicyUnanswered) as refusal:
        check(shown, [replace(answer, accepted=accepted) for answer in yes(shown)])
    assert refusal.value.missing == shown


def test_refuses_silence_even_without_a_box(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    with pytest.raises(PolicyUnanswered):
        check(shown_at(), [])


def test_a_text_without_a_box_needs_no_tick(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    shown = shown_at()
    assert check(shown, yes(shown)) == shown


def test_a_material_change_between_is_asked_again(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", box_wording=BOX)
    answers = yes(shown_at())
    publish_text(returns, "14 days.", box_wording=BOX, now=LATER)
    with pytest.raises(PolicyChanged) as refusal:
        check(shown_at(LATER), answers)
    assert [policy.id for policy in refusal.value.current] == ["returns/v2"]


@pytest.mark.parametrize("change_class", ["technical", "clarification"])
def test_a_mended_typo_between_asks_nobody_and_the_record_cites_what_was_shown(
    returns: Policy, publish_text: Publish, change_class: str
) -> None:
    publish_text(returns, "30 dais.", box_wording=BOX)
    before = shown_at()
    publish_text(returns, "30 days.", box_wording=BOX, now=LATER, change_class=change_class)
    cited = check(shown_at(LATER), yes(before))
    assert [(policy.id, policy.sha256) for policy in cited] == [("returns/v1", before[0].sha256)]
    record("FR-1", cited, yes(before), Occasion("checkout", shown_at=NOON, answered_at=LATER, person=PERSON))
    assert Acceptance.objects.get().rendering.version.ref == "returns/v1"


def test_a_typo_after_a_material_change_does_not_hide_it(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    answers = yes(shown_at())
    publish_text(returns, "14 dais.", now=LATER)
    publish_text(returns, "14 days.", now=LATER, change_class="technical")
    with pytest.raises(PolicyChanged):
        check(shown_at(LATER), answers)


def test_another_ship_date_is_another_promise(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "Ships on {{ ship_date }}.")
    with pytest.raises(PolicyChanged):
        check(shown_at(ship_date="19 December 2026"), yes(shown_at(ship_date="12 December 2026")))


def test_a_fingerprint_of_nothing_we_showed_is_refused(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    with pytest.raises(PolicyChanged):
        check(shown_at(), [Answer("returns/v1", "0" * 64, accepted=True)])


def test_a_version_that_does_not_stand_yet_cannot_be_answered(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "14 days.")
    publish_text(returns, "30 days.", effective_at=LATER, change_class="technical")
    with pytest.raises(PolicyChanged):
        check(shown_at(), yes(shown_at(LATER)))


def test_records_all_texts_with_one_statement(returns: Policy, publish_text: Publish) -> None:
    for slug in ("shipping", "privacy"):
        publish_text(Policy.objects.create(slug=slug, kind=slug, title=slug), "Words.")
    publish_text(returns, "30 days.", box_wording=BOX)
    shown = shown_at()
    with CaptureQueriesContext(connection) as queried:
        record("FR-1", shown, yes(shown), Occasion("api", shown_at=NOON, answered_at=LATER, person=PERSON))
    assert [query["sql"].count("INSERT INTO") for query in queried] == [2]  # the proofs and their persons
    said = Acceptance.objects.get(rendering__version__policy=returns)
    assert (said.accepted, said.wording, said.surface, said.shown_at, said.answered_at) == (
        True,
        BOX,
        "api",
        NOON,
        LATER,
    )
    assert Acceptance.objects.filter(accepted=None, wording="").count() == 2
    assert AcceptancePerson.objects.count() == 3


def test_the_commitment_can_be_computed_again(accepted: str) -> None:
    acceptance = Acceptance.objects.get(order_ref=accepted)
    assert holds(acceptance) is True


@pytest.mark.parametrize(
    "lie", [{"accepted": False}, {"wording": "I read nothing."}, {"order_ref": "FR-2"}, {"shown_at": LATER}]
)
def test_the_commitment_tells_a_changed_row(accepted: str, lie: dict[str, object]) -> None:
    acceptance = Acceptance.objects.get(order_ref=accepted)
    for field, value in lie.items():
        setattr(acceptance, field, value)
    assert holds(acceptance) is False


def test_the_commitment_tells_another_person(accepted: str) -> None:
    AcceptancePerson.objects.update(ip="203.0.113.8")
    assert holds(Acceptance.objects.get(order_ref=accepted)) is False


def test_the_person_goes_and_the_evidence_stays(accepted: str) -> None:
    committed = Acceptance.objects.get(order_ref=accepted).commitment
    assert erase_person(accepted, actor="staff:support", why="asked for erasure") == 1
    assert erase_person(accepted, actor="staff:support", why="asked for erasure") == 0
    acceptance = Acceptance.objects.get(order_ref=accepted)
    assert (acceptance.commitment, holds(acceptance)) == (committed, None)
    entry = JournalEntry.objects.get(verb="person_erased")
    assert (entry.subject, entry.actor) == (f"acceptance:{accepted}", "staff:support")


def test_no_address_is_kept_in_clear(accepted: str) -> None:
    person = AcceptancePerson.objects.get()
    assert person.email_hmac == email_hmac(" FAN@example.com")
    assert "fan" not in person.email_hmac
