"""Which texts stand, at which instant. Answers come from the times alone; nothing is ever marked "current"."""

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import Lead
from django.utils.safestring import SafeString

from merchant.store import current_store
from policies import scopes
from policies.languages import DEFAULT_LANGUAGE, nearest
from policies.models import Policy, PolicyVersion
from policies.rendering import VARIABLES, plain, render_all
from policies.shown import ShownPolicy
from policies.variables import Value, of_shop

__all__ = [
    "ShownPolicy",
    "applicable",
    "forget",
    "in_force",
    "more_by_place",
    "published",
    "retired",
    "show",
    "standing_scopes",
]

FRESH_SECONDS = 1.0
BACK = timedelta(hours=1)  # how far before the present a question may lie and be answered from memory
LINE = ("effective_at", "number")  # the order in which the versions of a policy replace each other
MOST_REMEMBERED = 2_000
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Promise:
    """A published version: enough to tell when it stands, and what it says."""

    version: PolicyVersion
    slug: str
    number: int
    kind: str
    title: str
    summary: str
    box_wording: str
    language: str
    effective_at: datetime


@dataclass(slots=True)
class _Line:
    """A policy that applies, with the versions that may stand, by language, in the order of their beginning."""

    keys: frozenset[str]
    kind: str
    replaces_wider: bool
    because: tuple[str, ...]
    promises: dict[str, list[_Promise]]
    starts: dict[str, list[datetime]]
    ends: datetime | None = None  # retired from then on, in every language

    def standing(self, now: datetime, language: str) -> _Promise | None:
        if self.ends and now >= self.ends:
            return None
        found = {tag: place for tag, starts in self.starts.items() if (place := bisect_right(starts, now))}
        if not found:
            return None
        tag = nearest(language, found)
        return self.promises[tag][found[tag] - 1]

    def moments(self) -> Iterator[datetime]:
        """When what stands changes."""
        for starts in self.starts.values():
            yield from starts
        if self.ends:
            yield self.ends


@dataclass(frozen=True, slots=True)
class _Text:
    rendering_id: int
    html: SafeString
    sha256: str


Values = tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class _Lines:
    """What may stand where the same keys hold. Between two ``moments`` always the same does, so it is put together
    once for each language and its values: ``shown``."""

    all: tuple[_Line, ...]
    moments: tuple[datetime, ...]
    shown: dict[tuple[int, str, Values], tuple[ShownPolicy, ...]] = field(default_factory=dict)


_lines: dict[tuple[frozenset[str], datetime], tuple[float, _Lines]] = {}
_by_place: dict[frozenset[str], tuple[float, bool]] = {}
_texts: dict[tuple[int, Values], _Text] = {}  # published texts never change, so neither do these


def forget() -> None:
    """Read everything anew at the next call."""
    _lines.clear()
    _by_place.clear()
    _texts.clear()


def published() -> QuerySet[PolicyVersion]:
    """Every public version with its policy, also those that take effect later."""
    return PolicyVersion.objects.filter(published_at__isnull=False).select_related("policy")


def retired(now: datetime) -> QuerySet[PolicyVersion]:
    """The last version of each policy that has ended."""
    return published().filter(retires=True, effective_at__lte=now)


def in_force(policy: Policy, now: datetime, language: str = DEFAULT_LANGUAGE) -> PolicyVersion | None:
    """The version that stands at ``now``, in the nearest language. Of two that began together, the later.

    None before the first one, and once the policy was retired.
    """
    if retired(now).filter(policy=policy).exists():
        return None
    versions = published().filter(policy=policy, effective_at__lte=now).order_by("-effective_at", "-number")
    there = set(versions.order_by().values_list("language", flat=True))
    return versions.filter(language=nearest(language, there)).first() if there else None


def applicable(
    scope_keys: Iterable[str], *, now: datetime, values: Mapping[str, Value], language: str = DEFAULT_LANGUAGE
) -> list[ShownPolicy]:
    """What a fan must be shown at ``now`` where ``scope_keys`` hold, such as "shop" and "country:DE", in reading order.

    Each says why it applies, and whether another language stands in for a missing translation. A new version counts
    within two seconds of its publishing, and from its effective time to the instant. One query tells what applies; no
    query while it is remembered.
    """
    lines = _lines_of(scopes.widened(scope_keys), now)
    key = (bisect_right(lines.moments, now), language, tuple(values.items()))
    shown = lines.shown.get(key)
    if shown is None:
        shown = tuple(_put_together(lines.all, now, values, language))
        _remember(lines.shown, key, shown)
    return list(shown)


def _put_together(
    lines: Iterable[_Line], now: datetime, values: Mapping[str, Value], language: str
) -> list[ShownPolicy]:
    given: dict[str, Value] = VARIABLES | {name: value for name, value in values.items() if value}
    standing = [(line, promise) for line in lines if (promise := line.standing(now, language))]
    held = [line for line, _ in standing]
    standing = [(line, promise) for line, promise in standing if not _is_replaced(line, held)]
    texts = _texts_of([promise.version for _, promise in standing], given)
    return [
        _shown(promise, texts[promise.version.pk], given, because=line.because, asked_language=language)
        for line, promise in standing
    ]


def more_by_place(scope_keys: Iterable[str], now: datetime) -> bool:
    """Whether more may apply here, to some places only: texts stand whose other keys hold. At most a second old."""
    held, read_at = scopes.widened(scope_keys), time.monotonic()
    known = _by_place.get(held)
    if known and read_at - known[0] < FRESH_SECONDS:
        return known[1]
    there = published().filter(effective_at__lte=now).exclude(policy__in=retired(now).values("policy")).order_by()
    found = there.exclude(policy__keys__contained_by=sorted(held)).values_list("policy__keys", flat=True).distinct()
    more = any(all(key in held or scopes.is_place(key) for key in keys) for keys in found)
    _remember(_by_place, held, (read_at, more))
    return more


def standing_scopes(kind: str, now: datetime) -> list[frozenset[str]]:
    """The keys of every policy of a kind that has a text in force. One query."""
    there = published().filter(policy__kind=kind, effective_at__lte=now).order_by()
    there = there.exclude(policy__in=retired(now).values("policy"))
    return [scopes.widened(keys) for keys in there.values_list("policy__keys", flat=True).distinct()]


def show(version: PolicyVersion) -> ShownPolicy:
    """A public version as its own page shows it, with neutral words where a drop would fill in its values."""
    promise = _promise(version)
    given: dict[str, Value] = VARIABLES | of_shop(current_store())
    return _shown(promise, _texts_of([version], given)[version.pk], given)


def _is_replaced(line: _Line, standing: Sequence[_Line]) -> bool:
    return any(
        other.replaces_wider and other.kind == line.kind and scopes.is_wider(line.keys, other.keys)
        for other in standing
    )


def _lines_of(held: frozenset[str], now: datetime) -> _Lines:
    read_at, floor = time.monotonic(), _floor(now)
    known = _lines.get((held, floor))
    if known and read_at - known[0] < FRESH_SECONDS:
        return known[1]
    lines: dict[str, _Line] = {}
    for version in _may_stand(held, floor):
        line = lines.setdefault(version.policy.slug, _line(version.policy))
        if version.retires:
            line.ends = version.effective_at
        else:
            line.promises.setdefault(version.language, []).append(_promise(version))
    for line in lines.values():
        line.starts = {tag: [each.effective_at for each in line.promises[tag]] for tag in line.promises}
    moments = sorted({moment for line in lines.values() for moment in line.moments()})
    read = _Lines(tuple(lines.values()), tuple(moments))
    _remember(_lines, (held, floor), (read_at, read))
    return read


def _floor(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) - BACK


def _may_stand(held: frozenset[str], floor: datetime) -> QuerySet[PolicyVersion]:
    """Versions of the policies whose keys all hold, less those that were replaced before ``floor``."""
    until = Window(Lead("effective_at"), partition_by=["policy_id", "language"], order_by=[F(name) for name in LINE])
    return (
        published()
        .filter(policy__keys__contained_by=sorted(held))
        .annotate(until=until)
        .filter(Q(until=None) | Q(until__gt=floor))
        .order_by("policy__position", "policy__title", "policy_id", *LINE)
    )


def _line(policy: Policy) -> _Line:
    return _Line(
        keys=scopes.widened(scopes.keys(policy.scope)),
        kind=policy.kind,
        replaces_wider=policy.replaces_wider,
        because=tuple(scopes.reasons(policy.scope)),
        promises={},
        starts={},
    )


def _texts_of(versions: Sequence[PolicyVersion], given: Mapping[str, Value]) -> dict[int, _Text]:
    """The bytes of each version with these values: from memory, else in one query for all of them."""
    values = tuple(sorted(given.items()))
    texts = {each.pk: text for each in versions if (text := _texts.get((each.pk, values)))}
    if new := [each for each in versions if each.pk not in texts]:
        for pk, rendering in render_all(new, given).items():
            texts[pk] = _Text(rendering.pk, SafeString(rendering.html), rendering.sha256)
            _remember(_texts, (pk, values), texts[pk])
    return texts


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    """Keep what was read once the open transaction, if any, has committed: a rollback may undo what it saw."""

    def keep() -> None:
        if len(memory) >= MOST_REMEMBERED:
            memory.clear()
        memory[key] = value

    transaction.on_commit(keep)


def _promise(version: PolicyVersion) -> _Promise:
    if version.effective_at is None:
        raise ValueError(f"{version.ref} has no effective time.")
    return _Promise(
        version=version,
        slug=version.policy.slug,
        number=version.number,
        kind=version.policy.kind,
        title=version.policy.title,
        summary=version.summary,
        box_wording=version.box_wording,
        language=version.language,
        effective_at=version.effective_at,
    )


def _shown(
    promise: _Promise,
    text: _Text,
    given: Mapping[str, Value],
    *,
    because: tuple[str, ...] = (),
    asked_language: str = "",
) -> ShownPolicy:
    if promise.version.shop_values:
        given = {**given, **promise.version.shop_values}
    return ShownPolicy(
        id=f"{promise.slug}/v{promise.number}",
        slug=promise.slug,
        number=promise.number,
        kind=promise.kind,
        title=promise.title,
        summary=plain(promise.summary, given, promise.language),
        html=text.html,
        sha256=text.sha256,
        box_wording=plain(promise.box_wording, given, promise.language),
        mandatory=bool(promise.box_wording),
        language=promise.language,
        rendering_id=text.rendering_id,
        because=because,
        asked_language=asked_language,
        values=given,
    )
