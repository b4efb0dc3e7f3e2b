"""What is sealed of each row: its words as JSON, and the digest over them that a link holds.

Words of versions are public. Those of rules, of renderings and of acceptances are given to whom a dispute concerns; of
an acceptance they cover what was shown and answered and the salted commitment, so no leaf can be guessed and no person
is in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from policies.models import Acceptance, PolicyVersion, Rendering, SealKind
from policies.rules_models import RuleVersion
from policies.verify_chain import digest


class Row(NamedTuple):
    """``leaf``: the digest over its words as they stand in the database now. ``at``: when it says it was made."""

    leaf: bytes
    at: datetime


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
RENDERING_COLUMNS = ["id", "sha256", "version__policy__slug", "version__number", "values", "created_at"]
RULE_WORDS = (
    *("effect", "tag", "places", "elsewhere", "most", "minimum_age", "proof", "unknown_place", "reason", "lifted"),
    *("change_summary", "published_at", "effective_at"),
)


def version_words(version: PolicyVersion) -> dict[str, Any]:
    """What is sealed of a version: everything that never changes, and nobody's name."""
    values = {"shop_values": version.fixed} if version.seals_values else {}
    return _words_alone(version) | (_policy_words(version) if version.seals_policy else {}) | values


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


def acceptance_words(row: Sequence[Any]) -> list[Any]:
    """What is sealed of an acceptance: ``row`` has the values of ``ACCEPTANCE_COLUMNS``."""
    *plain, shown_at, answered_at, commitment = row[1:]
    return [*plain, _iso(shown_at), _iso(answered_at), commitment]


def rendering_words(row: Sequence[Any]) -> dict[str, Any]:
    """What is sealed of a rendering, whose bytes its name is over: ``row`` has the values of ``RENDERING_COLUMNS``."""
    _, sha256, slug, number, values, created_at = row
    return {"id": sha256, "version": f"{slug}/v{number}", "values": values, "created_at": _iso(created_at)}


def rule_words(version: RuleVersion) -> dict[str, Any]:
    """What is sealed of a rule's version: what orders were judged by."""
    said = {name: getattr(version, name) for name in RULE_WORDS}
    times = {name: _iso(value) for name, value in said.items() if name.endswith("_at")}
    return {"id": version.ref, **said, **times}


def words_of(kind: str, ids: Sequence[int]) -> dict[int, tuple[Any, datetime]]:
    """The words of each row as they stand in the database now, and when it was made; a row that is gone is left out."""
    match kind:
        case SealKind.VERSIONS:
            public = PolicyVersion.objects.select_related("policy").filter(pk__in=ids, published_at__isnull=False)
            return {each.pk: (version_words(each), _at(each.published_at)) for each in public}
        case SealKind.RULES:
            rules = RuleVersion.objects.select_related("rule").filter(pk__in=ids, published_at__isnull=False)
            return {each.pk: (rule_words(each), _at(each.published_at)) for each in rules}
        case SealKind.RENDERINGS:
            shown = Rendering.objects.filter(pk__in=ids).values_list(*RENDERING_COLUMNS)
            return {row[0]: (rendering_words(row), row[-1]) for row in shown}
        case SealKind.ACCEPTANCES:
            return _accepted(Acceptance.objects.filter(pk__in=ids).values_list(*ACCEPTANCE_COLUMNS))
    return {}  # a kind that nobody knows has no rows


def rows_of(kind: str, ids: Sequence[int]) -> dict[int, Row]:
    """The same, with the digest in place of the words."""
    return leaves(words_of(kind, ids))


def leaves(words: Mapping[int, tuple[Any, datetime]]) -> dict[int, Row]:
    return {pk: Row(bytes.fromhex(digest(said)), at) for pk, (said, at) in words.items()}


def _accepted(rows: Iterable[Sequence[Any]]) -> dict[int, tuple[Any, datetime]]:
    return {row[0]: (acceptance_words(row), row[-2]) for row in rows}


def _at(at: datetime | None) -> datetime:
    if at is None:
        raise ValueError("A draft is not sealed.")
    return at


def _iso(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat() if at else ""
