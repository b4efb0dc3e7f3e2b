"""The database itself keeps evidence: raw SQL is refused like everything else."""

import pytest
from django.db import ProgrammingError, connection, transaction

from policies.models import Policy, PolicyVersion
from policies.publishing import new_draft
from policies.rendering import VARIABLES, render
from policies.tests.conftest import Publish

pytestmark = pytest.mark.django_db


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
def test_rows_refuse_change(published: PolicyVersion, table: str, deed: str) -> None:
    assert "Cannot update or delete rows" in refused(deed.format(table))


@pytest.mark.usefixtures("_as_in_production")
@pytest.mark.parametrize(
    "table", ["policies_policyversion", "policies_rendering", "policies_acceptance", "policies_seal"]
)
def test_tables_refuse_truncate(table: str) -> None:
    assert "append-only: policies_" in refused(f"TRUNCATE {table} CASCADE")


def test_acceptances_refuse_change(accepted: str) -> None:
    assert "Cannot update" in refused("UPDATE policies_acceptance SET accepted = true")
    assert "Cannot update" in refused("DELETE FROM policies_acceptance")


def test_a_draft_may_still_change_and_go(returns: Policy) -> None:
    draft = new_draft(returns, "staff:owner")
    PolicyVersion.objects.filter(pk=draft.pk).update(source="14 days.")
    deleted, _ = PolicyVersion.objects.filter(pk=draft.pk).delete()
    assert deleted == 1


def test_a_published_version_cannot_become_a_draft_again(published: PolicyVersion) -> None:
    assert "Cannot update" in refused("UPDATE policies_policyversion SET published_at = NULL")
