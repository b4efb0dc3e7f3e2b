"""Reading the whole record again: each link, the rows it holds, each text, each commitment that can still be made."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from merchant.models import JournalEntry
from policies import record_checks
from policies.acceptance import commitment_over
from policies.chain import NOTED, SETTLED, SUBJECT, as_link, upgraded
from policies.findings import Audit, named
from policies.models import Seal, SealKind
from policies.sealed import ACCEPTANCE_COLUMNS, Row, acceptance_words, leaves, rows_of
from policies.verify_chain import START, problem_of

AT_ONCE = 10  # links whose rows are read in one statement
# A row is sealed within minutes. What is sealed later than this, longer than any worker should be away, was put in
# afterwards.
TOO_LATE = SETTLED + timedelta(days=30)
SKEW = timedelta(minutes=5)  # how far the clocks of two machines may be apart
COLUMNS = (*ACCEPTANCE_COLUMNS, "published_at", "salt", "ip", "user_agent", "email_hmac", "forgotten")
# In SQL because there may be millions of rows, and the ORM costs as much for each as hashing it.
_ROWS = """
    SELECT a.id, a.order_ref, r.sha256, a.surface, a.language, a.asked_language, a.wording, a.accepted, a.replaced,
        a.shown_at, a.answered_at, a.commitment,
        v.published_at, p.salt, p.ip, p.user_agent, p.email_hmac, f.acceptance_id IS NOT NULL
    FROM policies_acceptance a
    JOIN policies_rendering r ON r.id = a.rendering_id
    JOIN policies_policyversion v ON v.id = r.version_id
    LEFT JOIN policies_acceptanceperson p ON p.acceptance_id = a.id
    LEFT JOIN policies_forgottenperson f ON f.acceptance_id = a.id
    WHERE a.id = ANY(%s) ORDER BY a.id
"""
SEALED = len(ACCEPTANCE_COLUMNS)
SHOWN_AT, ANSWERED_AT, PUBLISHED_AT, SALT = map(COLUMNS.index, ("shown_at", "answered_at", "published_at", "salt"))


def audit(now: datetime, *, head: str = "") -> Audit:
    """Read everything once, in order and without holding much of it.

    Every head that the journal noted must still be there, and ``head``, one that was published. Stops after twenty
    problems.
    """
    found = Audit()
    walk = _Walk(found)
    for links in _some_links():
        for link in links:
            walk.read(link)
        _read_rows(found, links, walk.upgraded)
        if found.full:
            return found
    walk.finish(head)
    record_checks.read(found, now, walk.upgraded)
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


class _Walk:
    """From link to link, beside what the journal noted of them."""

    def __init__(self, found: Audit) -> None:
        self.found = found
        self.upgraded = upgraded()
        self.known = {START}
        self.highest: Counter[str] = Counter()
        lines = JournalEntry.objects.filter(subject=SUBJECT, verb=NOTED).order_by("id").values_list("data", flat=True)
        self.noted: dict[int, str] = {}
        for data in lines.iterator():
            self.noted.setdefault(data["link"], data["hash"])  # of two lines the later one is the forger's

    def read(self, link: Seal) -> None:
        found = self.found
        inside, beside = problem_of(as_link(link), found.links + 1, found.head), self._problem_beside(link)
        if problem := inside or beside:
            found.tell(f"Link {link.number}: {problem}.")
        found.links, found.head = link.number, link.hash  # one broken link is named once, not at all that follow
        self.known.add(link.hash)

    def _problem_beside(self, link: Seal) -> str | None:
        """What no hash of the link covers."""
        noted = self.noted.pop(link.number, link.hash)
        if None in link.rows:
            return "it names a row by no number"
        self.highest[link.kind] = max([self.highest[link.kind], *link.rows])
        if link.highest != self.highest[link.kind]:
            return f"it says that {link.highest} is the highest row so far, and {self.highest[link.kind]} is"
        if len(link.leaves) != 32 * len(link.rows):
            return "it has not one digest for each row"
        if noted != link.hash:
            return "the journal noted another hash of it when it was sealed"
        return None

    def finish(self, head: str) -> None:
        if self.noted:
            first = min(self.noted)
            self.found.tell(f"Link {first}: the journal noted it, {self.noted[first][:12]}…, and it is gone.")
        if head and head not in self.known:
            self.found.tell(f"The head {head[:12]}… was published and is not in the chain: links are missing.")


def _read_rows(found: Audit, links: Sequence[Seal], upgraded: Mapping[str, int]) -> None:
    stands: dict[str, Mapping[int, Row]] = {}
    for kind in SealKind:
        ids = [each for link in links if link.kind == kind for each in link.rows]
        stands[kind] = _accepted(found, ids) if kind == SealKind.ACCEPTANCES else rows_of(kind, ids) if ids else {}
        found.rows[kind] += len(ids)
    for link in links:
        if link.kind in stands:  # another kind is named with its link
            _compare(found, link, stands[link.kind], upgraded.get(link.kind, 0))
        if found.full:
            return


def _compare(found: Audit, link: Seal, stands: Mapping[int, Row], upgraded: int) -> None:
    """``upgraded``: the highest row from before it was looked at when a row was sealed."""
    sealed = bytes(link.leaves)
    too_early = link.sealed_at - TOO_LATE
    for place, pk in enumerate(link.rows):
        row = stands.get(pk)
        if row and row.leaf == sealed[32 * place : 32 * place + 32] and (row.at >= too_early or pk <= upgraded):
            continue
        found.tell(f"Link {link.number}: {named(link.kind, pk)} {_what_is_wrong(row, sealed, place, link.sealed_at)}.")
        if found.full:
            return


def _what_is_wrong(row: Row | None, sealed: bytes, place: int, sealed_at: datetime) -> str:
    if row is None:
        return "is gone"
    if row.leaf != sealed[32 * place : 32 * place + 32]:
        return "was altered after it was sealed"
    return f"says that it is of {row.at:%-d %B %Y} and was sealed {(sealed_at - row.at).days} days later"


def _accepted(found: Audit, ids: list[int]) -> dict[int, Row]:
    """Each acceptance as it stands; who answered and when is read with it."""
    rows = _acceptances(ids)
    for row in rows:
        _read_person(found, row)
        _read_times(found, row)
    return leaves({row[0]: (acceptance_words(row[:SEALED]), row[ANSWERED_AT]) for row in rows})


def _acceptances(ids: list[int]) -> list[tuple[Any, ...]]:
    """The values of ``COLUMNS`` for each row."""
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [ids])
        return list(cursor.fetchall())


def _read_person(found: Audit, row: tuple[Any, ...]) -> None:
    """Who answered: row, bytes and person still give the commitment together, or the person was erased on record."""
    if row[SALT] is None:
        if row[-1]:
            found.forgotten += 1
        elif not found.full:
            name = named(SealKind.ACCEPTANCES, row[0])
            found.tell(f"{name}: its person is gone, and no record says that it was erased.")
        return
    found.persons += 1
    said = dict(zip(COLUMNS, row, strict=True))
    if commitment_over(said) != said["commitment"] and not found.full:
        found.tell(f"{named(SealKind.ACCEPTANCES, row[0])}: it and its person no longer give its commitment.")


def _read_times(found: Audit, row: tuple[Any, ...]) -> None:
    published_at = row[PUBLISHED_AT]  # none: named with its version
    if published_at and row[SHOWN_AT] + SKEW < published_at and not found.full:
        name = named(SealKind.ACCEPTANCES, row[0])
        found.tell(f"{name}: it says that its text was shown before it was published.")
