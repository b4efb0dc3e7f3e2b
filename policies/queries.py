"""Which texts stand, at which instant. Answers come from the times alone; nothing is ever marked "current"."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from merchant.store import current_store
from policies.models import Policy, PolicyVersion
from policies.rendering import VARIABLES, render
from policies.shown import ShownPolicy

__all__ = [
    "PolicyPage",
    "ShownPolicy",
    "Standing",
    "applicable",
    "forget",
    "in_force",
    "overview",
    "policy_page",
    "published",
    "show",
]

DEFAULT_LANGUAGE = "en"
FRESH_SECONDS = 1.0
LINE = ("effective_at", "number")  # the order in which the versions of a policy replace each other
MOST_REMEMBERED = 2_000
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Promise:
    """A published version without its text: enough to tell when it stands."""

    version_id: int
    slug: str
    number: int
    kind: str
    title: str
    summary: str
    box_wording: str
    language: str
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class _Text:
    rendering_id: int
    html: SafeString
    sha256: str


Values = tuple[tuple[str, str], ...]
_promises: dict[tuple[str, ...], tuple[float, list[_Promise]]] = {}
_texts: dict[tuple[int, Values], _Text] = {}  # published texts never change, so neither do these


def forget() -> None:
    """Read everything anew at the next call."""
    _promises.clear()
    _texts.clear()


def published() -> QuerySet[PolicyVersion]:
    """Every public version with its policy, also those that take effect later."""
    return PolicyVersion.objects.filter(published_at__isnull=False).select_related("policy")


def in_force(policy: Policy, now: datetime, language: str = DEFAULT_LANGUAGE) -> PolicyVersion | None:
    """The version that stands at ``now``, in ``language`` or else in English. Of two that began together, the later."""
    versions = published().filter(policy=policy, effective_at__lte=now).order_by("-effective_at", "-number")
    return versions.filter(language=language).first() or versions.filter(language=DEFAULT_LANGUAGE).first()


def applicable(
    scopes: Iterable[str], *, now: datetime, values: Mapping[str, str], language: str = DEFAULT_LANGUAGE
) -> list[ShownPolicy]:
    """What a fan must be shown at ``now`` for ``scopes`` such as "shop" and "drop:winter-robe", in reading order.

    A new version counts within two seconds of its publishing, and from its effective time to the instant. Costs no
    query while remembered. Each ``language`` tells what is shown: English stands in where a translation is missing.
    """
    given = VARIABLES | {name: value for name, value in values.items() if value}
    standing = _standing(_promises_of(tuple(sorted(set(scopes)))), now, language)
    texts = _texts_of([promise.version_id for promise in standing], given)
    return [_shown(promise, texts[promise.version_id]) for promise in standing]


def show(version: PolicyVersion) -> ShownPolicy:
    """A public version as its own page shows it, with neutral words where a drop would fill in its values."""
    promise = _promise(version)
    store = current_store()
    neutral = VARIABLES | {"shop": store.name, "support_email": store.support_email}
    return _shown(promise, _texts_of([version.pk], neutral)[version.pk])


@dataclass(frozen=True, slots=True)
class Standing:
    """A policy on the index: what holds now and what has been announced."""

    policy: Policy
    current: PolicyVersion | None
    upcoming: PolicyVersion | None


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One version with its place in the policy's history."""

    version: PolicyVersion
    shown: ShownPolicy
    current: PolicyVersion | None
    upcoming: PolicyVersion | None
    before: PolicyVersion | None
    until: datetime | None
    history: list[PolicyVersion]

    @property
    def is_current(self) -> bool:
        return self.version == self.current

    @property
    def is_upcoming(self) -> bool:
        return self.version != self.current and (not self.current or self.version.number > self.current.number)


def overview(now: datetime) -> list[Standing]:
    """Every policy that has been published, in the merchant's order, with what holds now and what comes next."""
    lines: dict[Policy, list[PolicyVersion]] = {}
    versions = published().filter(language=DEFAULT_LANGUAGE).defer("source")
    for version in versions.order_by("policy__position", "policy__title", "policy_id", *LINE):
        lines.setdefault(version.policy, []).append(version)
    return [Standing(policy, _current(line, now), _upcoming(line, now)) for policy, line in lines.items()]


def policy_page(slug: str, now: datetime, number: int | None = None) -> PolicyPage | None:
    """Version ``number`` of a policy, else the one in force, else the one announced; None when nothing is public."""
    versions = list(published().filter(policy__slug=slug).order_by(*LINE))
    line = [version for version in versions if version.language == DEFAULT_LANGUAGE] or versions
    version = next((each for each in versions if each.number == number), None)
    if number is None:
        version = _current(line, now) or _upcoming(line, now)
    if version is None:
        return None
    line = [each for each in versions if each.language == version.language]
    place = line.index(version)
    return PolicyPage(
        version=version,
        shown=show(version),
        current=_current(line, now),
        upcoming=_upcoming(line, now),
        before=line[place - 1] if place else None,
        until=line[place + 1].effective_at if place + 1 < len(line) else None,
        history=versions[::-1],
    )


def _current(line: Sequence[PolicyVersion], now: datetime) -> PolicyVersion | None:
    return next((each for each in reversed(line) if each.effective_at and each.effective_at <= now), None)


def _upcoming(line: Sequence[PolicyVersion], now: datetime) -> PolicyVersion | None:
    return next((each for each in reversed(line) if each.effective_at and each.effective_at > now), None)


def _standing(promises: Sequence[_Promise], now: datetime, language: str) -> list[_Promise]:
    best: dict[str, _Promise] = {}
    for promise in promises:  # in the order of their beginning: a later one replaces the earlier
        if promise.effective_at > now or promise.language not in (language, DEFAULT_LANGUAGE):
            continue
        before = best.get(promise.slug)
        if before is None or promise.language == language or before.language != language:
            best[promise.slug] = promise
    order = {slug: rank for rank, slug in enumerate(dict.fromkeys(promise.slug for promise in promises))}
    return sorted(best.values(), key=lambda promise: order[promise.slug])


def _promises_of(scopes: tuple[str, ...]) -> list[_Promise]:
    read_at = time.monotonic()
    known = _promises.get(scopes)
    if known and read_at - known[0] < FRESH_SECONDS:
        return known[1]
    rows = (
        published()
        .filter(policy__scope__in=scopes)
        .defer("source")
        .order_by("policy__position", "policy__title", "policy_id", "effective_at", "number")
    )
    promises = [_promise(version) for version in rows]
    _remember(_promises, scopes, (read_at, promises))
    return promises


def _texts_of(version_ids: Sequence[int], given: Mapping[str, str]) -> dict[int, _Text]:
    values = tuple(sorted(given.items()))
    texts = {pk: text for pk in version_ids if (text := _texts.get((pk, values)))}
    if len(texts) < len(version_ids):
        for version in published().filter(pk__in=set(version_ids) - set(texts)):
            rendering = render(version, given)
            texts[version.pk] = _Text(rendering.pk, SafeString(rendering.html), rendering.sha256)
            _remember(_texts, (version.pk, values), texts[version.pk])
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
        version_id=version.pk,
        slug=version.policy.slug,
        number=version.number,
        kind=version.policy.kind,
        title=version.policy.title,
        summary=version.summary,
        box_wording=version.box_wording,
        language=version.language,
        effective_at=version.effective_at,
    )


def _shown(promise: _Promise, text: _Text) -> ShownPolicy:
    return ShownPolicy(
        id=f"{promise.slug}/v{promise.number}",
        slug=promise.slug,
        number=promise.number,
        kind=promise.kind,
        title=promise.title,
        summary=promise.summary,
        html=text.html,
        sha256=text.sha256,
        box_wording=promise.box_wording,
        mandatory=bool(promise.box_wording),
        language=promise.language,
        rendering_id=text.rendering_id,
    )
