"""The database itself keeps evidence: raw SQL is refused like everything else."""

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.db.models import ProtectedError

from policies.models import Acceptance, Policy, PolicyVersion
from policies.publishing import new_draft
from policies.rendering import VARIABLES, render
from policies.tests.conftest import Publish

pytestmark = pytest.mark.django_db

KEPT = [
    *("policies_policyversion", "policies_rendering", "policies_acceptance", "policies_seal"),
    *("policies_forgottenperson", "policies_decision", "policies_ruleversion", "policies_taggingauthority"),
]


@pytest.fixture
def _as_in_production() -> None:
    """Takes the test database's one bypass back for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL frontrow.allow_truncate = 'off'")


def refused(sql: str) -> str:
    with pytest.raises(ProgrammingError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    return str(refusal.value)


@pytest.fixture
def published(returns: Policy, publish_text: Publish) -> PolicyVersion:
    version = publish_text(returns, "30 days.")
    render(version, VARIABLES)
    return version


@pytest.mark.parametrize("table", ["policies_policyversion", "policies_rendering"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_p5_rows_refuse_change_in_raw_sql(published: PolicyVersion, table: str, deed: str) -> None:
    assert "Cannot update or delete rows" in refused(deed.format(table))


@pytest.mark.usefixtures("_as_in_production")
@pytest.mark.parametrize("table", KEPT)
def test_p5_tables_refuse_truncate(table: str) -> None:
    """Each by its own trigger: those that point at it would refuse, too, and only after it."""
    assert refused(f"TRUNCATE {table} CASCADE").startswith(f"append-only: {table} ")


def test_p5_a_version_that_an_order_cites_refuses_change_and_goes_on_being_cited(accepted: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyVersion.objects.update(source="14 days.")
    with pytest.raises((DatabaseError, ProtectedError)), transaction.atomic():
        Policy.objects.get().delete()
    assert Acceptance.objects.get(order_ref=accepted).rendering.version.source == "30 days."


def test_p5_acceptances_refuse_change(accepted: str) -> None:
    assert "Cannot update" in refused("UPDATE policies_acceptance SET accepted = true")
    assert "Cannot update" in refused("DELETE FROM policies_acceptance")


def test_a_draft_may_still_change_and_go(returns: Policy) -> None:
    draft = new_draft(returns, "staff:owner")
    PolicyVersion.objects.filter(pk=draft.pk).update(source="14 days.")
    deleted, _ = PolicyVersion.objects.filter(pk=draft.pk).delete()
    assert deleted == 1


def test_a_published_version_cannot_become_a_draft_again(published: PolicyVersion) -> None:
    assert "Cannot update" in refused("UPDATE policies_policyversion SET published_at = NULL")


@pytest.mark.parametrize(
    "change",
    ["title = 'No returns'", "scope = 'country:DE'", "kind = 'terms'", "slug = 'r'", "replaces_wider = true"],
)
def test_what_a_public_policy_is_called_and_where_it_applies_is_fixed(published: PolicyVersion, change: str) -> None:
    assert "policy returns is public" in refused(f"UPDATE policies_policy SET {change}")


def test_its_place_on_the_page_is_not(published: PolicyVersion) -> None:
    assert Policy.objects.update(position=20) == 1


def test_before_anything_is_public_all_of_it_may_change(returns: Policy) -> None:
    new_draft(returns, "staff:owner")
    assert Policy.objects.update(title="Sending back", scope="country:DE") == 1
