"""What stands around the links: bytes that were shown, rows that wait, who was forgotten, who signed for a text."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from merchant.models import JournalEntry
from policies.acceptance import FORGOTTEN, PEOPLE
from policies.findings import Audit, named
from policies.models import PolicyVersion, Rendering, SealKind
from policies.rendering import is_of_its_version
from policies.rules_models import RuleVersion

LATE = timedelta(hours=1)  # a row that waits longer for its link is said to wait
Line = tuple[str, dict[str, Any]]  # of the journal: who did it, and what else was noted


def read(found: Audit, now: datetime, upgraded: Mapping[str, int]) -> None:
    """``upgraded``: the highest row of each kind from before these were looked at when rows were written."""
    _read_renderings(found, upgraded.get(SealKind.RENDERINGS, 0))
    _read_waiting(found, now)
    _read_forgotten(found)
    _read_signers(found, upgraded)


def _read_renderings(found: Audit, upgraded: int) -> None:
    """The bytes are those that their digest names, and what their version says with their values."""
    for each in Rendering.objects.select_related("version__policy").order_by("pk").iterator(500):
        found.renderings += 1
        if found.full:
            continue
        if hashlib.sha256(each.html.encode()).hexdigest() != each.sha256:
            found.tell(f"{_rendering(each)}: its bytes were altered after they were shown.")
        elif each.pk > upgraded and not is_of_its_version(each):
            found.tell(f"{_rendering(each)}: its bytes are not what {each.version.ref} says with its values.")


def _rendering(each: Rendering) -> str:
    return f"Rendering {each.pk} ({each.sha256[:12]}…)"


def _read_waiting(found: Audit, now: datetime) -> None:
    """Rows that no link holds. The newest wait for the worker; older ones should not."""
    late = now - LATE
    with connection.cursor() as cursor:
        # A join, not NOT IN: that would compare each of a million rows with a million once they outgrow work_mem.
        cursor.execute(
            """
            SELECT count(*), count(*) FILTER (WHERE at < %s), min(record.id) FILTER (WHERE at < %s), record.kind FROM (
                SELECT id, published_at AS at, 'versions' AS kind FROM policies_policyversion
                WHERE published_at IS NOT NULL
                UNION ALL
                SELECT id, published_at, 'rules' FROM policies_ruleversion WHERE published_at IS NOT NULL
                UNION ALL
                SELECT id, created_at, 'renderings' FROM policies_rendering
                UNION ALL
                SELECT id, answered_at, 'acceptances' FROM policies_acceptance
            ) AS record
            LEFT JOIN (SELECT unnest(rows) AS id, kind FROM policies_seal) AS sealed
                ON sealed.id = record.id AND sealed.kind = record.kind
            WHERE sealed.id IS NULL GROUP BY record.kind ORDER BY record.kind
            """,
            [late, late],
        )
        for waiting, old, first, kind in cursor.fetchall():
            found.unsealed += waiting
            if old:
                words = "rows are" if old > 1 else "row is"
                found.tell(f"{old} {words} in no link though older than an hour, first {named(kind, first)}.")


def _read_forgotten(found: Audit) -> None:
    """Who was forgotten is gone, and the journal has a line of the deed that names the row."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH noted AS (
                SELECT jsonb_array_elements_text(data->'acceptances')::bigint AS id FROM merchant_journalentry
                WHERE subject = %s AND verb = %s
            )
            SELECT f.acceptance_id, p.id IS NOT NULL FROM policies_forgottenperson f
            LEFT JOIN noted ON noted.id = f.acceptance_id
            LEFT JOIN policies_acceptanceperson p ON p.acceptance_id = f.acceptance_id
            WHERE noted.id IS NULL OR p.id IS NOT NULL ORDER BY f.acceptance_id LIMIT 20
            """,
            [PEOPLE, FORGOTTEN],
        )
        for pk, is_there in cursor.fetchall():
            what = "and is still there" if is_there else "and the journal has no line of it"
            found.tell(f"{named(SealKind.ACCEPTANCES, pk)}: its person is said to be forgotten, {what}.")


def _read_signers(found: Audit, upgraded: Mapping[str, int]) -> None:
    """Who published a version and who approved it is no part of its public words: the journal says it, too."""
    lines = JournalEntry.objects.filter(Q(subject__startswith="policy:") | Q(subject__startswith="rule:"))
    told = lines.filter(verb="published").order_by("id").values_list("subject", "data__version", "actor", "data")
    said = {(subject, number): (actor, data) for subject, number, actor, data in told.iterator()}
    texts = PolicyVersion.objects.filter(published_at__isnull=False).order_by("pk")
    for pk, slug, number, by, approved_by, known in texts.values_list(
        *("pk", "policy__slug", "number", "published_by", "approved_by", "seals_policy")
    ).iterator():
        line = said.get((f"policy:{slug}", number))
        _compare_signers(found, (SealKind.VERSIONS, pk), by, line, is_noted=known)
        if line and line[1].get("approved_by", approved_by) != approved_by:
            found.tell(f"{named(SealKind.VERSIONS, pk)}: the journal noted another person who approved it.")
    rules = RuleVersion.objects.filter(published_at__isnull=False).order_by("pk")
    for pk, slug, number, by in rules.values_list("pk", "rule__slug", "number", "published_by").iterator():
        line = said.get((f"rule:{slug}", number))
        _compare_signers(found, (SealKind.RULES, pk), by, line, is_noted=pk > upgraded.get(SealKind.RULES, 0))


def _compare_signers(found: Audit, row: tuple[str, int], by: str, line: Line | None, *, is_noted: bool) -> None:
    """``is_noted``: whether it was published since that has a line."""
    if found.full:
        return
    if line is None and is_noted:
        found.tell(f"{named(*row)}: the journal has no line of its publishing.")
    if line is not None and line[0] != by:
        found.tell(f"{named(*row)}: the journal noted another person who published it.")
