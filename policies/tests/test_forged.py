"""What is put in, taken out or altered around the links is named with its row, triggers off or on."""

import hashlib
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.test import Client

from merchant.models import JournalEntry
from policies import acceptance, chain
from policies.auditing import audit
from policies.models import Acceptance, AcceptancePerson, ForgottenPerson, Policy, PolicyVersion, Rendering, Seal
from policies.rule_publishing import new_draft as new_rule_draft, publish as publish_rule
from policies.rules_models import Rule, RuleVersion
from policies.tests.conftest import NOON, Publish, orders
from policies.tests.tampering import tamper, without_triggers
from policies.verify_chain import link_hash

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AFTER = NOON + timedelta(days=200)


def sql(statement: str, *given: str | int) -> None:
    """What any client of the database may do: no trigger is off."""
    with connection.cursor() as cursor:
        cursor.execute(statement, given)


# --- bytes that nobody wrote ------------------------------------------------------------------------------------------


def forged(html: str) -> Rendering:
    """Bytes filed under the first version, with their own digest."""
    sql(
        "INSERT INTO policies_rendering (version_id, values, html, sha256)"
        " SELECT id, '{}', %s, %s FROM policies_policyversion WHERE number = 1",
        html,
        hashlib.sha256(html.encode()).hexdigest(),
    )
    return Rendering.objects.order_by("-pk")[0]


def test_a_rendering_that_is_not_of_its_version(sealed: None, client: Client) -> None:
    other = forged('<article class="prose" id="policy-returns-v1" lang="en">\n<p>We owe you nothing.</p>\n</article>\n')
    assert chain.seal(NOON) == 1
    assert audit(NOON).problems == [
        f"Rendering {other.pk} ({other.sha256[:12]}…): its bytes are not what returns/v1 says with its values."
    ]
    page = client.get(f"/policies/verify/{other.sha256}/").content.decode()
    assert "it is the same" not in page
    assert "is not what that version says" in page


@pytest.mark.parametrize("other", ['<a href="https://evil.example">days</a>', "<form>days</form>", "days <b>not</b>"])
def test_links_and_tags_count_as_words_do(sealed: None, other: str) -> None:
    whole = Rendering.objects.order_by("pk")[0]
    row = forged(whole.html.replace("days", other))
    assert f"Rendering {row.pk} " in audit(NOON).problems[0]


def test_another_release_may_space_the_same_words_otherwise(sealed: None) -> None:
    whole = Rendering.objects.order_by("pk")[0]
    forged(whole.html.replace("\n", "\n\n"))
    chain.seal(NOON)
    assert audit(NOON).problems == []


@pytest.mark.parametrize("change", ['values = \'{"drop": "Robe"}\'', "created_at = created_at - interval '1 day'"])
def test_what_was_filled_in_and_when(sealed: None, change: str) -> None:
    row = Rendering.objects.order_by("pk")[0]
    assert tamper(f"UPDATE policies_rendering SET {change} WHERE id = {row.pk}", "policies_rendering") == [
        f"Link 3: rendering {row.sha256[:12]}… (row {row.pk}) was altered after it was sealed."
    ]


def test_bytes_that_no_order_cites(sealed: None) -> None:
    row = Rendering.objects.get(version__number=1)
    assert not row.acceptances.exists()
    html = row.html.replace("30", "39")
    digest = hashlib.sha256(html.encode()).hexdigest()
    change = f"UPDATE policies_rendering SET html = '{html}', sha256 = '{digest}' WHERE id = {row.pk}"
    assert tamper(change, "policies_rendering")[0] == (
        f"Link 3: rendering {digest[:12]}… (row {row.pk}) was altered after it was sealed."
    )


# --- rows of long ago -------------------------------------------------------------------------------------------------


def put_in(order: str, *, days_before: int) -> Acceptance:
    sql(
        "INSERT INTO policies_acceptance (order_ref, rendering_id, surface, language, wording, accepted, shown_at,"
        " answered_at, commitment)"
        " SELECT %s, rendering_id, surface, language, wording, accepted, shown_at - %s::interval,"
        " answered_at - %s::interval, repeat('a', 64) FROM policies_acceptance WHERE order_ref = 'FR-1'",
        *(order, f"{days_before} days", f"{days_before} days"),
    )
    row = Acceptance.objects.get(order_ref=order)
    sql(
        "INSERT INTO merchant_journalentry (actor, subject, verb, why, data) VALUES ('worker', 'people',"
        " 'people_forgotten', '', jsonb_build_object('acceptances', jsonb_build_array(%s::bigint)))",
        row.pk,
    )
    sql("INSERT INTO policies_forgottenperson (acceptance_id) VALUES (%s)", row.pk)
    return row


def test_an_acceptance_of_before_its_text(sealed: None) -> None:
    row = put_in("FR-9", days_before=300)
    assert chain.seal(NOON) == 1
    day, name = NOON - timedelta(days=300), f"acceptance row {row.pk} of order FR-9"
    assert audit(NOON).problems == [
        f"{name}: it says that its text was shown before it was published.",
        f"Link 4: {name} says that it is of {day:%-d %B %Y} and was sealed 300 days later.",
    ]


def test_an_acceptance_that_is_sealed_long_after(sealed: None) -> None:
    row = put_in("FR-9", days_before=0)
    assert chain.seal(LONG_AFTER) == 1
    [problem] = audit(LONG_AFTER).problems
    assert problem.startswith(f"Link 4: acceptance row {row.pk} of order FR-9 says that it is of 20 November 2026")
    assert problem.endswith("and was sealed 200 days later.")


def test_a_worker_that_was_away_for_a_month_is_no_forger(sealed: None) -> None:
    put_in("FR-9", days_before=0)
    later = NOON + timedelta(days=30)
    assert chain.seal(later) == 1
    assert audit(later).problems == []


def test_a_version_that_is_sealed_long_after(returns: Policy, publish_text: Publish) -> None:
    row = publish_text(returns, "30 days.")
    chain.seal(LONG_AFTER)
    assert audit(LONG_AFTER).problems[0] == (
        f"Link 1: version returns/v1 (row {row.pk}) says that it is of 20 November 2026 and was sealed 200 days later."
    )


def test_rows_of_before_an_upgrade_are_not_asked_when_they_were_sealed(returns: Policy, publish_text: Publish) -> None:
    """The shop's first round after it seals what lay there already; a line that somebody adds later changes nothing."""
    say = import_module("policies.migrations.0011_more_is_sealed").SAY_FROM_WHERE_ON
    sql(say)
    assert not JournalEntry.objects.filter(verb="chain_upgraded").exists(), "nothing lies there yet"
    publish_text(returns, "30 days.")
    orders("FR-1")
    sql(say)
    chain.seal(LONG_AFTER)
    assert audit(LONG_AFTER).problems == []
    row = put_in("FR-9", days_before=0)
    sql(say)
    chain.seal(LONG_AFTER)
    [problem] = audit(LONG_AFTER).problems
    assert f"acceptance row {row.pk} of order FR-9 says that it is of 20 November 2026" in problem


def test_a_line_of_an_upgrade_that_a_new_shop_never_had(sealed: None) -> None:
    put_in("FR-9", days_before=0)
    sql(import_module("policies.migrations.0011_more_is_sealed").SAY_FROM_WHERE_ON)
    chain.seal(LONG_AFTER)
    assert len(audit(LONG_AFTER).problems) == 1


# --- who was forgotten ------------------------------------------------------------------------------------------------


def test_a_person_deleted_with_a_record_and_no_line(sealed: None) -> None:
    row = Acceptance.objects.get(order_ref="FR-2")
    sql("DELETE FROM policies_acceptanceperson WHERE acceptance_id = %s", row.pk)
    sql("INSERT INTO policies_forgottenperson (acceptance_id) VALUES (%s)", row.pk)
    assert audit(NOON).problems == [
        f"acceptance row {row.pk} of order FR-2: its person is said to be forgotten, and the journal has no line of it."
    ]


def test_a_person_who_is_still_there(sealed: None) -> None:
    row = Acceptance.objects.get(order_ref="FR-2")
    person = AcceptancePerson.objects.values().get(acceptance=row)
    acceptance.erase_person("FR-2", actor="staff:owner", why="asked for")
    AcceptancePerson.objects.create(**person)
    assert audit(NOON).problems == [
        f"acceptance row {row.pk} of order FR-2: its person is said to be forgotten, and is still there."
    ]


def test_who_is_forgotten_stands_in_the_journal_by_row(sealed: None) -> None:
    acceptance.forget(AcceptancePerson.objects.all())
    [line] = JournalEntry.objects.filter(verb="people_forgotten")
    assert sorted(line.data["acceptances"]) == sorted(ForgottenPerson.objects.values_list("pk", flat=True))
    assert acceptance.forget(AcceptancePerson.objects.all()) == 0
    assert JournalEntry.objects.filter(verb="people_forgotten").count() == 1


# --- links made anew --------------------------------------------------------------------------------------------------


def test_the_last_link_made_anew(sealed: None) -> None:
    """Whoever looks after years notes no head: the journal does."""
    head = chain.head()
    assert head is not None
    noted = head.hash
    with without_triggers("policies_seal") as cursor:
        cursor.execute("DELETE FROM policies_seal WHERE number = 3")
    assert audit(NOON).problems[0] == f"Link 3: the journal noted it, {noted[:12]}…, and it is gone."
    chain.seal(NOON + timedelta(minutes=1))
    assert audit(NOON).problems == ["Link 3: the journal noted another hash of it when it was sealed."]


def test_an_acceptance_altered_and_everything_sealed_anew(sealed: None) -> None:
    acceptance.forget(AcceptancePerson.objects.all())
    with without_triggers("policies_seal", "policies_acceptance") as cursor:
        cursor.execute(
            "UPDATE policies_acceptance SET accepted = false, commitment = repeat('b', 64) WHERE order_ref = 'FR-1'"
        )
        cursor.execute("DELETE FROM policies_seal")
    chain.seal(LONG_AFTER)
    first, *_ = PolicyVersion.objects.order_by("number")
    said = audit(LONG_AFTER).problems
    assert said[:3] == [
        f"Link {number}: the journal noted another hash of it when it was sealed." for number in (1, 2, 3)
    ]
    assert f"Link 1: version returns/v1 (row {first.pk}) says that it is of 20 November 2026" in said[3]


def test_the_journal_that_notes_links_keeps_them(sealed: None) -> None:
    with pytest.raises(Exception, match="Cannot update or delete"):
        sql("DELETE FROM merchant_journalentry WHERE verb = 'links_sealed'")


def test_the_highest_row_of_a_link(sealed: None) -> None:
    highest = Seal.objects.get(number=2).highest
    assert tamper("UPDATE policies_seal SET highest = highest + 1 WHERE number = 2", "policies_seal") == [
        f"Link 2: it says that {highest + 1} is the highest row so far, and {highest} is."
    ]


def test_a_kind_that_nobody_knows(sealed: None) -> None:
    assert tamper("UPDATE policies_seal SET kind = 'x' WHERE number = 2", "policies_seal")[0] == (
        "Link 2: its hash is not that of its words."
    )


def test_a_kind_that_nobody_knows_with_its_hash(sealed: None) -> None:
    link = chain.as_link(Seal.objects.get(number=3)) | {"kind": "x"}
    digest = link_hash(link)
    change = f"UPDATE policies_seal SET kind = 'x', hash = '{digest}' WHERE number = 3"
    assert tamper(change, "policies_seal")[0] == "Link 3: nobody here knows its kind, 'x'."


@pytest.mark.parametrize("change", ["leaves = ''", "rows = '{}'", "rows = rows || 7::bigint", "rows[1] = NULL"])
def test_a_link_without_its_rows(sealed: None, change: str) -> None:
    assert tamper(f"UPDATE policies_seal SET {change} WHERE number = 3", "policies_seal")[0].startswith("Link 3: ")


# --- who signed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "did"), [("published_by = 'staff:b'", "published"), ("approved_by = 'staff:b'", "approved")]
)
def test_who_stands_for_a_version(sealed: None, change: str, did: str) -> None:
    row = PolicyVersion.objects.get(number=1)
    assert tamper(f"UPDATE policies_policyversion SET {change} WHERE number = 1", "policies_policyversion") == [
        f"version returns/v1 (row {row.pk}): the journal noted another person who {did} it."
    ]


def test_a_version_that_nobody_published(sealed: None) -> None:
    sql(
        "INSERT INTO policies_policyversion (policy_id, number, language, summary, source, box_wording, change_class,"
        " change_summary, effective_at, published_at, published_by, seals_policy)"
        " SELECT policy_id, 3, language, summary, 'No.', '', change_class, '', effective_at, published_at,"
        " published_by, true FROM policies_policyversion WHERE number = 2"
    )
    chain.seal(NOON)
    row = PolicyVersion.objects.get(number=3)
    assert audit(NOON).problems == [f"version returns/v3 (row {row.pk}): the journal has no line of its publishing."]


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def rule() -> RuleVersion:
    """One in force, sealed."""
    draft = new_rule_draft(Rule.objects.create(slug="spirits", title="Spirits"), "staff:owner")
    draft.effect, draft.minimum_age, draft.reason, draft.change_summary = "age", 18, "From 18 on.", "The law."
    draft.save()
    version = publish_rule(draft, by="staff:owner", now=NOON)
    assert chain.seal(NOON) == 1
    return version


def test_a_rule_is_sealed_once_it_is_public(rule: RuleVersion) -> None:
    new_rule_draft(rule.rule, "staff:owner")
    assert chain.seal(NOON) == 0
    found = audit(NOON)
    assert (found.rules, found.problems) == (1, [])


@pytest.mark.parametrize(
    "change",
    [
        *("effect = 'refuse'", "tag = 'gin'", "places = '{DE}'", "elsewhere = true", "most = 3", "minimum_age = 16"),
        *("proof = 'attestation'", "unknown_place = 'refuse'", "reason = 'No.'", "lifted = true", "number = 2"),
        *("change_summary = 'A whim.'", "effective_at = effective_at - interval '1 s'"),
    ],
)
def test_one_field_of_a_rule(rule: RuleVersion, change: str) -> None:
    number = 2 if change == "number = 2" else 1
    assert tamper(f"UPDATE policies_ruleversion SET {change}", "policies_ruleversion")[0] == (
        f"Link 1: rule spirits/v{number} (row {rule.pk}) was altered after it was sealed."
    )


def test_who_published_a_rule(rule: RuleVersion) -> None:
    assert tamper("UPDATE policies_ruleversion SET published_by = 'staff:b'", "policies_ruleversion") == [
        f"rule spirits/v1 (row {rule.pk}): the journal noted another person who published it."
    ]


def test_a_rule_that_is_cited_keeps_its_address(rule: RuleVersion) -> None:
    with pytest.raises(Exception, match="rule spirits is public"):
        sql("UPDATE policies_rule SET slug = 'gin'")
    sql("UPDATE policies_rule SET title = 'Strong drinks'")
    assert tamper("UPDATE policies_rule SET slug = 'gin'", "policies_rule")[0] == (
        f"Link 1: rule gin/v1 (row {rule.pk}) was altered after it was sealed."
    )


def test_a_rule_that_is_a_draft_may_be_called_otherwise() -> None:
    new_rule_draft(Rule.objects.create(slug="spirits", title="Spirits"), "staff:owner")
    assert Rule.objects.update(slug="gin") == 1
