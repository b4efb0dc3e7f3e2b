"""What became another text while a fan was checking out: told in the words that they read, values filled in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policies.acceptance import Answer, ended
from policies.diffs import Piece, said, words
from policies.models import ChangeClass, PolicyVersion, Rendering
from policies.reading import in_plain
from policies.rendering import html_with, names_in, neutral, plain, store
from policies.shown import ShownPolicy
from policies.variables import Value, in_words


@dataclass(frozen=True, slots=True)
class Moved:
    """A value that is filled in is another now: ``ship date``, from this to that."""

    name: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.name} {self.was} → {self.now}"


@dataclass(frozen=True, slots=True)
class Changed:
    """The version in force, beside the text that was answered; of a promise that ended, its last version.

    ``was``, ``now``: what the fan read and what they are to read. ``reworded``: the former with today's values.
    """

    version: PolicyVersion
    before: PolicyVersion | None = None
    was: str = ""
    now: str = ""
    reworded: str = ""
    moved: tuple[Moved, ...] = ()
    was_sha256: str = ""
    sha256: str = ""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return words(self.was, self.now)

    @property
    def headlines(self) -> tuple[str, ...]:
        """The short changes: ``ship date 17 December 2026 → 15 February 2027``, ``within 30 → 14 days``."""
        return (*map(str, self.moved), *said(self.reworded, self.now))

    @property
    def headline(self) -> str:
        """What happened, in a sentence, whether or not the merchant wrote one."""
        if self.version == self.before:
            return " ".join(f"The {each.name} is another now." for each in self.moved)
        first = "Published anew." if self.before else neutral(self.version, self.version.summary)
        return self.version.change_summary or first

    @property
    def change_class(self) -> str:
        """How much it changed. Another value asks again, whatever its version changed when it was published."""
        return ChangeClass.MATERIAL if self.version == self.before else self.version.change_class


def since(answers: Iterable[Answer], current: Sequence[ShownPolicy]) -> list[Changed]:
    """For each text that is another one than was answered, what changed.

    ``current`` may come from a transaction that was rolled back, and its renderings be gone with it: nothing of them is
    read but what they carry.
    """
    answers = list(answers)
    stands = {policy.slug: policy for policy in current}
    gone = [Changed(end) for end in ended({answer.slug for answer in answers} - stands.keys())]
    old = {answer.sha256: stands[answer.slug] for answer in answers if answer.slug in stands}
    changed = {sha256: policy for sha256, policy in old.items() if policy.sha256 != sha256}
    if not changed:
        return gone
    versions = _versions(changed.values())
    shown = Rendering.objects.select_related("version__policy").filter(sha256__in=changed)
    pairs = [(each, changed[each.sha256]) for each in shown]
    return gone + [
        _changed(seen, policy, versions[policy.slug, policy.number])
        for seen, policy in pairs
        if seen.version.policy.slug == policy.slug
    ]


def keep(shown: Sequence[ShownPolicy]) -> None:
    """Store the bytes that a refusal shows, once its transaction was rolled back and theirs with it: they are answered
    next, and cited. One query where they were stored before."""
    found = Rendering.objects.filter(sha256__in=[policy.sha256 for policy in shown])
    there = set(found.values_list("sha256", flat=True))
    lost = [policy for policy in shown if policy.sha256 not in there]
    if lost:
        versions = _versions(lost)
        for policy in lost:
            store(versions[policy.slug, policy.number], policy.values, policy.html, policy.sha256)


def _versions(policies: Iterable[ShownPolicy]) -> Mapping[tuple[str, int], PolicyVersion]:
    wanted = {(policy.slug, policy.number) for policy in policies}
    found = PolicyVersion.objects.select_related("policy").filter(
        policy__slug__in={slug for slug, _ in wanted}, number__in={number for _, number in wanted}
    )
    return {(each.policy.slug, each.number): each for each in found}


def _changed(seen: Rendering, policy: ShownPolicy, version: PolicyVersion) -> Changed:
    before = seen.version
    now = _whole(policy.summary, policy.html, policy.box_wording)
    was = _as_read(before, seen.values, seen.html)
    todays = {**before.fixed, **policy.values}
    reworded = now if version == before else _as_read(before, todays, html_with(before, todays))
    moved = tuple(_moved(seen, policy, names_in(version))) if before.language == policy.language else ()
    return Changed(version, before, was, now, reworded, moved, was_sha256=seen.sha256, sha256=policy.sha256)


def _moved(seen: Rendering, policy: ShownPolicy, names: Iterable[str]) -> Iterable[Moved]:
    """The values in both texts that are others now."""
    for name in names:
        was = seen.values.get(name)
        now = in_words(policy.values.get(name, ""), policy.language)
        if was and now and now != was:
            yield Moved(name.replace("_", " "), was, now)


def _as_read(version: PolicyVersion, values: Mapping[str, Value], html: str) -> str:
    return _whole(
        plain(version.summary, values, version.language), html, plain(version.box_wording, values, version.language)
    )


def _whole(summary: str, html: str, box_wording: str) -> str:
    box = f"☐ {box_wording}" if box_wording else ""
    return "\n\n".join(filter(None, [summary, in_plain(html), box]))
