"""The chain: what was published and accepted, sealed in batches by a worker, so that nothing can be altered unseen.

A link holds digests of rows, and names the link before it. Rows of versions are public; of acceptances a leaf covers
what was shown and answered and the salted commitment, so no leaf can be guessed and no person is in it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from policies.models import Acceptance, PolicyVersion, Seal, SealKind
from policies.verify_chain import START, digest, leaves_digest, link_hash

ROWS_A_LINK = 1_000
ROWS_A_ROUND = 20_000
# How long a transaction may have been open. A row that commits later than this after a higher one was sealed is not
# sealed any more, and the verifier names it.
SETTLED = timedelta(days=1)
LOCK = 7_203_511  # of this deed alone

# In SQL because a link has to find a thousand rows that no link holds, among a million.
_UNSEALED = """
    WITH floor AS (
        SELECT number, highest FROM policies_seal WHERE kind = %(kind)s AND sealed_at < %(settled)s
        ORDER BY number DESC LIMIT 1
    ), sealed AS (
        SELECT unnest(rows) AS id FROM policies_seal
        WHERE kind = %(kind)s AND number > coalesce((SELECT number FROM floor), 0)
    )
    SELECT row.id FROM {table} row LEFT JOIN sealed ON sealed.id = row.id
    WHERE row.id > coalesce((SELECT highest FROM floor), 0) AND sealed.id IS NULL AND {ready}
    ORDER BY row.id LIMIT %(limit)s
"""
_TABLES = {
    # A version keeps its number from its draft on, and may be published long after: all of them are looked through.
    SealKind.VERSIONS: ("policies_policyversion", "row.published_at IS NOT NULL", timedelta(days=36_500)),
    SealKind.ACCEPTANCES: ("policies_acceptance", "true", SETTLED),
}


def seal(now: datetime) -> int:
    """Put every row that no link holds into new links; returns how many rows. Several workers may do it at once."""
    return sum(_seal_round(kind, now) for kind in SealKind)


def head() -> Seal | None:
    """The newest link."""
    return Seal.objects.defer("rows", "leaves").order_by("-number").first()


def version_words(version: PolicyVersion) -> dict[str, Any]:
    """What is sealed of a version: everything that never changes, and nobody's name."""
    return _words_alone(version) | (_policy_words(version) if version.seals_policy else {})


def _policy_words(version: PolicyVersion) -> dict[str, Any]:
    """What is promised besides the words. Links made before this was sealed go without, and still hold."""
    policy = version.policy
    return {
        "kind": policy.kind,
        "title": policy.title,
        "scope": policy.scope,
        "replaces_wider": policy.replaces_wider,
        "retires": version.retires,
    }


def _words_alone(version: PolicyVersion) -> dict[str, Any]:
    return {
        "id": version.ref,
        "language": version.language,
        "summary": version.summary,
        "text": version.source,
        "box_wording": version.box_wording,
        "change": version.change_class,
        "change_summary": version.change_summary,
        "published_at": _iso(version.published_at),
        "effective_at": _iso(version.effective_at),
    }


ACCEPTANCE_COLUMNS = [
    "id",
    "order_ref",
    "rendering__sha256",
    "surface",
    "language",
    "asked_language",
    "wording",
    "accepted",
    "replaced",
    "shown_at",
    "answered_at",
    "commitment",
]


def acceptance_words(row: Sequence[Any]) -> list[Any]:
    """What is sealed of an acceptance: ``row`` has the values of ``ACCEPTANCE_COLUMNS``."""
    *plain, shown_at, answered_at, commitment = row[1:]
    return [*plain, _iso(shown_at), _iso(answered_at), commitment]


def as_link(link: Seal) -> dict[str, Any]:
    """A link as the outsiders' script reads it."""
    return {
        "number": link.number,
        "previous": link.previous,
        "kind": link.kind,
        "count": len(link.rows),
        "leaves": leaves_digest(bytes(link.leaves)),
        "sealed_at": _iso(link.sealed_at),
        "hash": link.hash,
    }


def leaves_of(kind: str, ids: Sequence[int]) -> dict[int, bytes]:
    """The leaf of each row as it stands in the database now; a row that is gone is not in the answer."""
    if kind == SealKind.VERSIONS:
        versions = PolicyVersion.objects.select_related("policy").filter(pk__in=ids, published_at__isnull=False)
        return {version.pk: bytes.fromhex(digest(version_words(version))) for version in versions}
    rows = Acceptance.objects.filter(pk__in=ids).values_list(*ACCEPTANCE_COLUMNS)
    return {row[0]: bytes.fromhex(digest(acceptance_words(row))) for row in rows}


def _seal_round(kind: SealKind, now: datetime) -> int:
    sealed = 0
    while ids := _seal_once(kind, now):
        sealed += ids
        if ids < ROWS_A_ROUND:
            break
    return sealed


@transaction.atomic(durable=True)
def _seal_once(kind: SealKind, now: datetime) -> int:
    _take_turn()
    ids = _unsealed(kind, now)
    last = head()
    highest = Seal.objects.filter(kind=kind).aggregate(highest=Max("highest"))["highest"] or 0
    for batch in _batches(ids):
        leaves = leaves_of(kind, batch)
        link = Seal(
            number=last.number + 1 if last else 1,
            previous=last.hash if last else START,
            kind=kind,
            rows=batch,
            leaves=b"".join(leaves[each] for each in batch),
            highest=(highest := max(highest, *batch)),
            sealed_at=now,
        )
        link.hash = link_hash(as_link(link))
        link.save(force_insert=True)
        last = link
    return len(ids)


def _take_turn() -> None:
    """One at a time: two workers would give two links the same number, and one of them would fail."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _unsealed(kind: SealKind, now: datetime) -> list[int]:
    table, ready, settled = _TABLES[kind]
    with connection.cursor() as cursor:
        cursor.execute(
            _UNSEALED.format(table=table, ready=ready),
            {"kind": kind.value, "settled": now - settled, "limit": ROWS_A_ROUND},
        )
        return [row[0] for row in cursor.fetchall()]


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), ROWS_A_LINK):
        yield list(ids[start : start + ROWS_A_LINK])


def _iso(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat() if at else ""
