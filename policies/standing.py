"""The policies' own pages: what stands, what is announced, and every version that ever stood."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.languages import DEFAULT_LANGUAGE, nearest
from policies.models import Policy, PolicyVersion
from policies.queries import LINE, published, show
from policies.shown import ShownPolicy


@dataclass(frozen=True, slots=True)
class Standing:
    """A policy on the index: what holds now and what has been announced, or how it ended."""

    policy: Policy
    current: PolicyVersion | None
    upcoming: PolicyVersion | None

    @property
    def is_retired(self) -> bool:
        return bool(self.current and self.current.retires)


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
    retirement: PolicyVersion | None = None
    translations: tuple[PolicyVersion, ...] = ()  # what is in force in other languages

    @property
    def is_current(self) -> bool:
        return self.version == self.current

    @property
    def is_upcoming(self) -> bool:
        return self.version != self.current and (not self.current or self.version.number > self.current.number)


def overview(now: datetime) -> list[Standing]:
    """Every policy that has been published, in the merchant's order, with what holds now and what comes next.

    Those that were retired come last.
    """
    lines: dict[Policy, list[PolicyVersion]] = {}
    versions = published().defer("source")
    for version in versions.order_by("policy__position", "policy__title", "policy_id", *LINE):
        lines.setdefault(version.policy, []).append(version)
    found = [
        Standing(policy, _current(line, now), _upcoming(line, now))
        for policy, versions_of in lines.items()
        if (line := _main_line(versions_of))
    ]
    return sorted(found, key=lambda each: each.is_retired)


def policy_page(slug: str, now: datetime, number: int | None = None) -> PolicyPage | None:
    """Version ``number`` of a policy, else the one in force, else the one announced; None when nothing is public."""
    versions = list(published().filter(policy__slug=slug).order_by(*LINE))
    line = _main_line(versions)
    version = next((each for each in versions if each.number == number), None)
    if number is None:
        version = _current(line, now) or _upcoming(line, now)
    if version is None:
        return None
    line = [each for each in versions if each.language == version.language or each.retires]
    place = line.index(version)
    return PolicyPage(
        version=version,
        shown=show(version),
        current=_current(line, now),
        upcoming=_upcoming(line, now),
        before=line[place - 1] if place else None,
        until=line[place + 1].effective_at if place + 1 < len(line) else None,
        history=versions[::-1],
        retirement=next((each for each in versions if each.retires), None),
        translations=tuple(_translations(versions, version.language, now)),
    )


def _translations(versions: Sequence[PolicyVersion], language: str, now: datetime) -> Iterator[PolicyVersion]:
    """What stands in each other language; nothing once the policy has ended, in all of them."""
    if any(_current([each], now) for each in versions if each.retires):
        return
    for other in sorted({each.language for each in versions} - {language}):
        if standing := _current([each for each in versions if each.language == other and not each.retires], now):
            yield standing


def _main_line(versions: Sequence[PolicyVersion]) -> list[PolicyVersion]:
    """The versions in English; where there are none, in the language there is."""
    if not versions:
        return []
    main = nearest(DEFAULT_LANGUAGE, {version.language for version in versions})
    return [version for version in versions if version.language == main]


def _current(line: Sequence[PolicyVersion], now: datetime) -> PolicyVersion | None:
    return next((each for each in reversed(line) if each.effective_at and each.effective_at <= now), None)


def _upcoming(line: Sequence[PolicyVersion], now: datetime) -> PolicyVersion | None:
    return next((each for each in reversed(line) if each.effective_at and each.effective_at > now), None)
