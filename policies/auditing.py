"""Reading the whole record again: each link, the rows it holds, each text, each commitment that can still be made."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from policies.acceptance import commitment_over
from policies.chain import ACCEPTANCE_COLUMNS, acceptance_words, as_link, leaves_of
from policies.models import Acceptance, PolicyVersion, Rendering, Seal, SealKind
from policies.rendering import opening
from policies.verify_chain import START, digest, problem_of

AT_ONCE = 10  # links whose rows are read in one statement
LATE = timedelta(hours=1)  # a row that waits longer for its link is said to wait
MOST_TOLD = 20
PERSON = ("salt", "ip", "user_agent", "email_hmac", "forgotten")
# In SQL because there may be millions of rows, and the ORM costs as much for each as hashing it.
_ROWS = """
    SELECT a.id, a.order_ref, r.sha256, a.surface, a.language, a.asked_language, a.wording, a.accepted, a.replaced,
        a.shown_at, a.answered_at, a.commitment, p.salt, p.ip, p.user_agent, p.email_hmac, f.acceptance_id IS NOT NULL
    FROM policies_acceptance a
    JOIN policies_rendering r ON r.id = a.rendering_id
    LEFT JOIN policies_acceptanceperson p ON p.acceptance_id = a.id
    LEFT JOIN policies_forgottenperson f ON f.acceptance_id = a.id
    WHERE a.id = ANY(%s) ORDER BY a.id
"""
SEALED = len(ACCEPTANCE_COLUMNS)


@dataclass
class Audit:
    """What was read, and what is wrong with it, first things first. ``head``: the name of the last good link."""

    links: int = 0
    versions: int = 0
    acceptances: int = 0
    renderings: int = 0
    persons: int = 0
    forgotten: int = 0
    unsealed: int = 0
    head: str = START
    problems: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.problems


def audit(now: datetime, *, head: str = "") -> Audit:
    """Read everything once, in order and without holding much of it.

    ``head``: one that was published earlier and must still be there. Stops after twenty problems.
    """
    found = Audit()
    known = {START}
    for links in _some_links():
        for link in links:
            _read_link(found, link)
            known.add(link.hash)
        _read_rows(found, links)
        if len(found.problems) >= MOST_TOLD:
            return found
    if head and head not in known:
        found.problems.append(f"The head {head[:12]}… was published and is not in the chain: links are missing.")
    _read_renderings(found)
    _read_waiting(found, now)
    return found


def _some_links() -> Iterator[list[Seal]]:
    links: list[Seal] = []
    for link in Seal.objects.order_by("number").iterator(chunk_size=AT_ONCE):
        links.append(link)
        if len(links) == AT_ONCE:
            yield links
            links = []
    if links:
        yield links


def _read_link(found: Audit, link: Seal) -> None:
    problem = problem_of(as_link(link), found.links + 1, found.head)
    if problem:
        found.problems.append(f"Link {link.number}: {problem}.")
    found.links, found.head = link.number, link.hash  # one broken link is named once, not at all that follow


def _read_rows(found: Audit, links: Sequence[Seal]) -> None:
    versions = [each for link in links if link.kind == SealKind.VERSIONS for each in link.rows]
    accepted = [each for link in links if link.kind == SealKind.ACCEPTANCES for each in link.rows]
    leaves = {SealKind.VERSIONS: leaves_of(SealKind.VERSIONS, versions), SealKind.ACCEPTANCES: {}}
    for row in _acceptances(accepted):
        leaves[SealKind.ACCEPTANCES][row[0]] = bytes.fromhex(digest(acceptance_words(row[:SEALED])))
        _read_person(found, row)
    for link in links:
        _compare(found, link, leaves[SealKind(link.kind)])
    found.versions += len(versions)
    found.acceptances += len(accepted)


def _acceptances(ids: list[int]) -> list[tuple[Any, ...]]:
    """The values of ``ACCEPTANCE_COLUMNS`` and then of ``PERSON``, for each row."""
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [ids])
        return list(cursor.fetchall())


def _compare(found: Audit, link: Seal, leaves: Mapping[int, bytes]) -> None:
    sealed = bytes(link.leaves)
    for place, row in enumerate(link.rows):
        leaf = leaves.get(row)
        if leaf == sealed[32 * place : 32 * place + 32]:
            continue
        what = "is gone" if leaf is None else "was altered after it was sealed"
        found.problems.append(f"Link {link.number}: {_name(link.kind, row)} {what}.")
        if len(found.problems) >= MOST_TOLD:
            return


def _read_person(found: Audit, row: tuple[Any, ...]) -> None:
    """Who answered: row, bytes and person still give the commitment together, or the person was erased on record."""
    if row[SEALED] is None:
        _read_gone(found, row)
        return
    found.persons += 1
    said = dict(zip((*ACCEPTANCE_COLUMNS, *PERSON), row, strict=True))
    if commitment_over(said) != said["commitment"] and len(found.problems) < MOST_TOLD:
        found.problems.append(
            f"{_name(SealKind.ACCEPTANCES, row[0])}: it and its person no longer give its commitment."
        )


def _read_gone(found: Audit, row: tuple[Any, ...]) -> None:
    if row[-1]:
        found.forgotten += 1
    elif len(found.problems) < MOST_TOLD:
        name = _name(SealKind.ACCEPTANCES, row[0])
        found.problems.append(f"{name}: its person is gone, and no record says that it was erased.")


def _read_renderings(found: Audit) -> None:
    """The bytes are those that were shown, and of the version they are filed under: no link holds that by itself."""
    columns = ("pk", "sha256", "html", "version__policy__slug", "version__number")
    for pk, sha256, html, slug, number in Rendering.objects.values_list(*columns).order_by("pk").iterator(500):
        found.renderings += 1
        if len(found.problems) >= MOST_TOLD:
            continue
        if hashlib.sha256(html.encode()).hexdigest() != sha256:
            found.problems.append(f"Rendering {pk} ({sha256[:12]}…): its bytes were altered after they were shown.")
        elif not html.startswith(f"{opening(slug, number)} "):
            found.problems.append(
                f"Rendering {pk} ({sha256[:12]}…): its bytes name another version than {slug}/v{number}."
            )


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
                SELECT id, answered_at, 'acceptances' FROM policies_acceptance
            ) AS record
            LEFT JOIN (SELECT unnest(rows) AS id, kind FROM policies_seal) AS sealed
                ON sealed.id = record.id AND sealed.kind = record.kind
            WHERE sealed.id IS NULL GROUP BY record.kind
            """,
            [late, late],
        )
        for waiting, old, first, kind in cursor.fetchall():
            found.unsealed += waiting
            if old:
                words = "rows are" if old > 1 else "row is"
                found.problems.append(
                    f"{old} {words} in no link though older than an hour, first {_name(kind, first)}."
                )


def _name(kind: str, pk: int) -> str:
    """A row as a person looks for it."""
    if kind == SealKind.VERSIONS:
        version = PolicyVersion.objects.select_related("policy").filter(pk=pk).first()
        return f"version {version.ref} (row {pk})" if version else f"version row {pk}"
    order = Acceptance.objects.filter(pk=pk).values_list("order_ref", flat=True).first()
    return f"acceptance row {pk} of order {order}" if order else f"acceptance row {pk}"
