"""The public record of every promise: what was published, when it takes effect, what it changed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from policies.diffs import Piece, changes, headlines
from policies.models import PolicyVersion
from policies.queries import published
from policies.rendering import neutral


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the changelog: a version and what it changed since the one before it."""

    version: PolicyVersion
    before: PolicyVersion | None

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return () if self.version.retires else changes(self.before, self.version)

    @property
    def headlines(self) -> tuple[str, ...]:
        """The short changes: ``within 30 → 14 days``."""
        return () if self.version.retires else headlines(self.before, self.version)

    @property
    def headline(self) -> str:
        """What happened, in a sentence, whether or not the merchant wrote one."""
        first = neutral(self.version, self.version.summary)
        return self.version.change_summary or (first if not self.before else "Published anew.")


def newest_first() -> QuerySet[PolicyVersion]:
    """Every published version, the latest publishing on top."""
    return published().order_by("-published_at", "-pk")


def entries(versions: Iterable[PolicyVersion]) -> list[Entry]:
    """The versions with their predecessors, found in one query for all of them."""
    wanted = list(versions)
    line: dict[tuple[int, str], list[PolicyVersion]] = {}
    for version in published().filter(policy__in={version.policy_id for version in wanted}).order_by("number"):
        line.setdefault((version.policy_id, version.language), []).append(version)
    return [Entry(version, _before(version, line[version.policy_id, version.language])) for version in wanted]


def as_json(version: PolicyVersion, url: str) -> dict[str, Any]:
    """A version as machines read it. ``sha256`` is over the UTF-8 bytes of ``text``."""
    return {
        "id": version.ref,
        "title": version.policy.title,
        "kind": version.policy.kind,
        "scope": version.policy.scope,
        "version": version.number,
        "language": version.language,
        "change": version.change_class,
        "change_summary": version.change_summary,
        "retires": version.retires,
        "summary": version.summary,
        "box_wording": version.box_wording,
        "text": version.source,
        "sha256": hashlib.sha256(version.source.encode()).hexdigest(),
        "published_at": _iso(version.published_at),
        "effective_at": _iso(version.effective_at),
        "url": url,
    }


def _before(version: PolicyVersion, line: list[PolicyVersion]) -> PolicyVersion | None:
    return next((each for each in reversed(line) if each.number < version.number), None)


def _iso(at: Any) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else ""
