"""The chain: what was published and accepted, sealed in batches by a worker, so that nothing can be altered unseen.

A link holds digests of rows, and names the link before it. Each newest link is noted in the journal as well.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from merchant import journal
from merchant.models import JournalEntry
from policies.models import Seal, SealKind
from policies.sealed import rows_of
from policies.verify_chain import START, leaves_digest, link_hash

ROWS_A_LINK = 1_000
ROWS_A_ROUND = 20_000
# How long a transaction may have been open. A row that commits later than this after a higher one was sealed is not
# sealed any more, and the verifier names it.
SETTLED = timedelta(days=1)
LOCK = 7_203_511  # of this deed alone
# How the journal calls the chain; that it grew; and that more is sealed from then on, said by a migration.
SUBJECT, NOTED, UPGRADED = "chain", "links_sealed", "chain_upgraded"

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
    SealKind.RULES: ("policies_ruleversion", "row.published_at IS NOT NULL", timedelta(days=36_500)),
    SealKind.ACCEPTANCES: ("policies_acceptance", "true", SETTLED),
    SealKind.RENDERINGS: ("policies_rendering", "true", SETTLED),
}


def seal(now: datetime) -> int:
    """Put every row that no link holds into new links; returns how many rows. Several workers may do it at once."""
    return sum(_seal_round(kind, now) for kind in SealKind)


def head() -> Seal | None:
    """The newest link."""
    return Seal.objects.defer("rows", "leaves").order_by("-number").first()


def upgraded() -> dict[str, int]:
    """The highest row of each kind from before it was looked at when rows were sealed; these prove nothing of it.

    Nothing for a shop that began later: a line that comes after the first noted link is nobody's but a forger's.
    """
    lines = JournalEntry.objects.filter(subject=SUBJECT, verb__in=[UPGRADED, NOTED]).order_by("id")
    verb, told = lines.values_list("verb", "data").first() or ("", {})
    return told if verb == UPGRADED else {}


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
        found = rows_of(kind, batch)
        link = Seal(
            number=last.number + 1 if last else 1,
            previous=last.hash if last else START,
            kind=kind,
            rows=batch,
            leaves=b"".join(found[each].leaf for each in batch),
            highest=(highest := max(highest, *batch)),
            sealed_at=now,
        )
        link.hash = link_hash(as_link(link))
        link.save(force_insert=True)
        last = link
    if ids and last:
        journal.record(SUBJECT, NOTED, actor=journal.WORKER, data={"link": last.number, "hash": last.hash})
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
