"""What is sealed cannot be altered unseen: by us, by the database's owner, by whoever hands out the file (P6)."""

from datetime import timedelta
from importlib import import_module
from threading import Barrier

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection

from merchant.models import JournalEntry
from policies import acceptance, chain, verify_chain
from policies.auditing import audit
from policies.exporting import lines
from policies.models import Acceptance, AcceptancePerson, ForgottenPerson, Policy, PolicyVersion, Rendering, Seal
from policies.publishing import new_draft
from policies.sealed import version_words
from policies.tests.conftest import LATER, NOON, Publish, orders
from policies.tests.racing import TWINS, meeting, race
from policies.tests.tampering import tamper, without_triggers

pytestmark = pytest.mark.django_db(transaction=True)


def test_seals_each_row_once_and_drafts_never(returns: Policy, sealed: None) -> None:
    new_draft(returns, "staff:owner")
    assert chain.seal(LATER) == 0
    links = list(Seal.objects.order_by("number"))
    assert [(link.number, link.kind, len(link.rows)) for link in links] == [
        (1, "versions", 2),
        (2, "acceptances", 3),
        (3, "renderings", 2),
    ]
    assert [link.previous for link in links] == [verify_chain.START, links[0].hash, links[1].hash]
    orders("FR-4")
    assert chain.seal(LATER) == 1
    assert audit(LATER).acceptances == 4


def test_many_rows_make_links_of_a_thousand(
    returns: Policy, publish_text: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "ROWS_A_LINK", 2)
    monkeypatch.setattr(chain, "ROWS_A_ROUND", 4)
    publish_text(returns, "30 days.")
    orders(*(f"FR-{number}" for number in range(9)))
    assert chain.seal(NOON) == 11
    assert [len(link.rows) for link in Seal.objects.order_by("number")] == [1, 2, 2, 2, 2, 1, 1]
    noted = JournalEntry.objects.filter(verb="links_sealed").order_by("id")
    assert [entry.data["link"] for entry in noted] == [1, 3, 5, 6, 7]  # once a round
    assert audit(NOON).whole


def test_a_row_that_commits_late_is_sealed_later(returns: Policy, sealed: None) -> None:
    """Its number is lower than one that was sealed: a transaction had been open longer than another."""
    first = Acceptance.objects.order_by("pk").first()
    assert first is not None
    with without_triggers("policies_acceptance", "policies_seal") as cursor:
        cursor.execute("UPDATE policies_seal SET rows = rows[2:], leaves = substr(leaves, 33) WHERE number = 2")
    assert chain.seal(LATER) == 1
    assert Seal.objects.get(number=4).rows == [first.pk]


def test_a_whole_record_is_whole(sealed: None) -> None:
    found = audit(NOON)
    assert (found.links, found.versions, found.acceptances, found.persons, found.unsealed) == (3, 2, 3, 3, 0)
    assert found.problems == []
    assert found.head == Seal.objects.get(number=3).hash


def test_an_erased_person_leaves_the_chain_whole(sealed: None) -> None:
    acceptance.erase_person("FR-2", actor="staff:owner", why="asked for")
    found = audit(NOON)
    assert (found.persons, found.forgotten, found.problems) == (2, 1, [])
    assert acceptance.erase_person("FR-2", actor="staff:owner", why="asked for") == 0


def test_p6_one_byte_of_an_old_version(sealed: None) -> None:
    row = PolicyVersion.objects.get(number=1).pk
    problems = tamper(
        "UPDATE policies_policyversion SET source = replace(source, '30', '39') WHERE number = 1",
        "policies_policyversion",
    )
    shown = Rendering.objects.get(version=row)
    assert problems == [
        f"Link 1: version returns/v1 (row {row}) was altered after it was sealed.",
        f"Rendering {shown.pk} ({shown.sha256[:12]}…): its bytes are not what returns/v1 says with its values.",
    ]


@pytest.mark.parametrize("change", ["title = 'R'", "scope = 'country:DE'", "kind = 'terms'", "replaces_wider = true"])
def test_what_a_policy_is_called_and_where_it_applies(sealed: None, change: str) -> None:
    first, second = PolicyVersion.objects.order_by("number")
    assert tamper(f"UPDATE policies_policy SET {change}", "policies_policy") == [
        f"Link 1: version returns/v{each.number} (row {each.pk}) was altered after it was sealed."
        for each in (first, second)
    ]


def test_links_made_before_that_was_sealed_still_hold(returns: Policy, publish_text: Publish) -> None:
    old = publish_text(returns, "30 days.")
    with without_triggers("policies_policyversion") as cursor:
        cursor.execute("UPDATE policies_policyversion SET seals_policy = false, seals_values = false")
    before = {"id", "language", "summary", "text", "box_wording", "change", "change_summary"}
    old.refresh_from_db()
    assert version_words(old).keys() == before | {"published_at", "effective_at"}
    chain.seal(NOON)
    new = publish_text(returns, "31 days.")
    assert version_words(new).keys() > version_words(old).keys()
    chain.seal(NOON)
    assert audit(NOON).problems == []
    assert verify_chain.verify(lines())[1] is None


def test_one_byte_of_what_a_fan_was_shown(sealed: None) -> None:
    row = Rendering.objects.order_by("pk").last()
    assert row is not None
    problems = tamper(f"UPDATE policies_rendering SET html = html || ' ' WHERE id = {row.pk}", "policies_rendering")
    assert problems == [f"Rendering {row.pk} ({row.sha256[:12]}…): its bytes were altered after they were shown."]


def test_what_a_fan_was_shown_filed_under_another_version(sealed: None) -> None:
    shown = Rendering.objects.get(acceptances__order_ref="FR-1")
    assert shown.version.number == 2
    moved = (
        "UPDATE policies_rendering SET version_id = (SELECT id FROM policies_policyversion WHERE number = 1)"
        f" WHERE id = {shown.pk}"
    )
    assert tamper(moved, "policies_rendering") == [
        f"Link 3: rendering {shown.sha256[:12]}… (row {shown.pk}) was altered after it was sealed.",
        f"Rendering {shown.pk} ({shown.sha256[:12]}…): its bytes are not what returns/v1 says with its values.",
    ]


def test_bytes_and_their_digest_altered_together(sealed: None) -> None:
    cited = Acceptance.objects.order_by("pk").first()
    assert cited is not None
    problems = tamper(
        "UPDATE policies_rendering SET html = 'x', sha256 = encode(sha256('x'), 'hex') "
        f"WHERE id = {cited.rendering_id}",
        "policies_rendering",
    )
    assert problems[:2] == [
        f"acceptance row {cited.pk} of order FR-1: it and its person no longer give its commitment.",
        f"acceptance row {cited.pk + 1} of order FR-2: it and its person no longer give its commitment.",
    ]
    assert f"Link 2: acceptance row {cited.pk} of order FR-1 was altered after it was sealed." in problems


@pytest.mark.parametrize(
    "change",
    [
        "accepted = false",
        "order_ref = 'FR-9'",
        "wording = 'No.'",
        "shown_at = shown_at - interval '1 s'",
        "replaced = true",
    ],
)
def test_one_field_of_an_acceptance_is_named_with_its_order(sealed: None, change: str) -> None:
    row = Acceptance.objects.get(order_ref="FR-2")
    acceptance.forget(AcceptancePerson.objects.all())  # the chain alone must notice
    problems = tamper(f"UPDATE policies_acceptance SET {change} WHERE id = {row.pk}", "policies_acceptance")
    order = "FR-9" if "FR-9" in change else "FR-2"
    assert problems == [f"Link 2: acceptance row {row.pk} of order {order} was altered after it was sealed."]


def test_a_person_changed_behind_the_acceptance(sealed: None) -> None:
    row = Acceptance.objects.get(order_ref="FR-3")
    AcceptancePerson.objects.filter(acceptance=row).update(ip="198.51.100.1")
    assert audit(NOON).problems == [
        f"acceptance row {row.pk} of order FR-3: it and its person no longer give its commitment."
    ]


def test_a_row_that_is_gone(sealed: None) -> None:
    row = Acceptance.objects.get(order_ref="FR-2")
    problems = tamper(
        f"DELETE FROM policies_acceptanceperson WHERE acceptance_id = {row.pk};"
        f" DELETE FROM policies_acceptance WHERE id = {row.pk}",
        *("policies_acceptance", "policies_acceptanceperson"),
    )
    assert problems == [f"Link 2: acceptance row {row.pk} is gone."]


def test_the_record_of_an_erasure_stays(sealed: None) -> None:
    acceptance.erase_person("FR-2", actor="staff:owner", why="asked for")
    with pytest.raises(Exception, match="Cannot update or delete"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM policies_forgottenperson")


def test_a_person_deleted_behind_our_backs_is_told_from_an_erasure(sealed: None) -> None:
    acceptance.erase_person("FR-2", actor="staff:owner", why="asked for")
    row = Acceptance.objects.get(order_ref="FR-3")
    problems = tamper(
        f"DELETE FROM policies_acceptanceperson WHERE acceptance_id = {row.pk}", "policies_acceptanceperson"
    )
    assert problems == [
        f"acceptance row {row.pk} of order FR-3: its person is gone, and no record says that it was erased."
    ]


def test_a_row_put_in_afterwards_is_in_no_link(sealed: None) -> None:
    orders("FR-0")
    row = Acceptance.objects.get(order_ref="FR-0")
    assert audit(NOON).unsealed == 1
    assert audit(NOON).whole
    assert audit(NOON + timedelta(hours=2)).problems == [
        f"1 row is in no link though older than an hour, first acceptance row {row.pk} of order FR-0."
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE policies_seal SET sealed_at = sealed_at - interval '1 day' WHERE number = 1", "1: its hash is not"),
        ("UPDATE policies_seal SET previous = repeat('1', 64) WHERE number = 2", "2: it names another link before it"),
        ("UPDATE policies_seal SET hash = repeat('1', 64) WHERE number = 1", "1: its hash is not that of its words"),
        ("DELETE FROM policies_seal WHERE number = 1", "2: link 1 is missing"),
    ],
)
def test_the_first_bad_link_is_named(sealed: None, change: str, told: str) -> None:
    [first, *_] = tamper(change, "policies_seal")
    assert first.startswith(f"Link {told}")


def test_links_cut_off_at_the_end_are_noticed_by_a_published_head(sealed: None) -> None:
    published = Seal.objects.get(number=3).hash
    with without_triggers("policies_seal", "merchant_journalentry") as cursor:
        cursor.execute("DELETE FROM policies_seal WHERE number = 3")
        cursor.execute("DELETE FROM merchant_journalentry WHERE verb = 'links_sealed'")
    assert audit(NOON).problems == []
    assert audit(NOON, head=published).problems[0].startswith(f"The head {published[:12]}… was published")


def test_the_database_keeps_links(sealed: None) -> None:
    with pytest.raises(Exception, match="Cannot update or delete"), connection.cursor() as cursor:
        cursor.execute("UPDATE policies_seal SET number = 7")


def test_the_command_names_what_is_wrong_and_fails(sealed: None, capsys: pytest.CaptureFixture[str]) -> None:
    chain.seal(NOON)
    with without_triggers("policies_policyversion") as cursor:
        cursor.execute("UPDATE policies_policyversion SET summary = 'Other.' WHERE number = 2")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_policies")
    assert ended.value.code == 1
    assert "BROKEN. Link 1: version returns/v2" in capsys.readouterr().out


# --- two workers ------------------------------------------------------------------------------------------------------


def test_twins_without_their_turn_collide(
    returns: Policy, publish_text: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_text(returns, "30 days.")
    orders("FR-1")
    meet, head = meeting(), chain.head

    def all_have_looked() -> Seal | None:
        last = head()
        meet()
        return last

    monkeypatch.setattr(chain, "_take_turn", lambda: None)
    monkeypatch.setattr(chain, "head", all_have_looked)
    assert race(try_to_seal).count("collided") == TWINS - 1


def test_twins_seal_each_row_once(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.")
    orders("FR-1")
    assert sum(int(sealed) for sealed in race(try_to_seal)) == 3
    assert sum(len(link.rows) for link in Seal.objects.all()) == 3
    assert audit(NOON).whole


def try_to_seal() -> str:
    try:
        return str(chain.seal(NOON))
    except IntegrityError:
        return "collided"


def test_twins_forget_each_person_once(sealed: None) -> None:
    assert sum(race(lambda: acceptance.forget(AcceptancePerson.objects.all()))) == 3
    assert (ForgottenPerson.objects.count(), audit(NOON).forgotten) == (3, 3)


def test_twins_without_the_lock_would_each_say_they_did_it(sealed: None) -> None:
    together = Barrier(TWINS)

    def without_the_lock() -> int:
        found = list(AcceptancePerson.objects.values_list("pk", flat=True))
        together.wait(timeout=120)
        AcceptancePerson.objects.filter(pk__in=found).delete()
        return len(found)

    assert sum(race(without_the_lock)) == 3 * TWINS


def test_who_was_erased_before_there_was_a_record_is_written_into_it(sealed: None) -> None:
    AcceptancePerson.objects.filter(acceptance__order_ref="FR-2").delete()
    assert len(audit(NOON).problems) == 1
    with connection.cursor() as cursor:
        cursor.execute(import_module("policies.migrations.0009_forgotten_people").FORGOTTEN_BEFORE)
        cursor.execute(import_module("policies.migrations.0011_more_is_sealed").NAME_THE_FORGOTTEN)
    found = audit(NOON)
    assert (found.forgotten, found.persons, found.problems) == (1, 2, [])
