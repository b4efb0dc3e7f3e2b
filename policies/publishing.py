"""A draft begins, is read, and is published once. From then on only another version can follow it."""

import hashlib
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Max

from merchant import journal
from merchant.models import StoreProfile
from merchant.templatetags.shop import moment
from policies import scopes
from policies.errors import AlreadyPublished, DraftChanged, NotPublishable, Retired
from policies.givers import lacking_where
from policies.languages import DEFAULT_LANGUAGE
from policies.models import FROZEN, ChangeClass, Policy, PolicyVersion
from policies.queries import forget
from policies.rendering import VARIABLES, names_in, render, variables
from policies.variables import fixed_by, lacking, of_shop, unknown


@transaction.atomic
def new_draft(policy: Policy, by: str, *, language: str = "en") -> PolicyVersion:
    """The open draft of ``policy`` in ``language``; when there is none, a new one with the text published last.

    A first translation starts from the English text. Raises Retired when nothing can follow any more.
    """
    _lock(policy)
    if end := retirement(policy.pk):
        raise Retired(end.ref)
    versions = PolicyVersion.objects.select_related("policy").filter(policy=policy)
    if draft := versions.filter(published_at=None, language=language).first():
        return draft
    last = versions.filter(language=language).first() or versions.filter(language=DEFAULT_LANGUAGE).first()
    draft = PolicyVersion.objects.create(
        policy=policy,
        number=(versions.aggregate(highest=Max("number"))["highest"] or 0) + 1,
        language=language,
        summary=last.summary if last else "",
        source=last.source if last else "",
        box_wording=last.box_wording if last else "",
        change_class=ChangeClass.MATERIAL,
        writers=[by],
        edited_by=by,
    )
    journal.record(_subject(policy), "draft_started", actor=by, data={"version": draft.number})
    return draft


@transaction.atomic
def publish(
    version: PolicyVersion,
    *,
    by: str,
    now: datetime,
    effective_at: datetime | None = None,
    reviewed: str | None = None,
) -> PolicyVersion:
    """Make a draft public for good, in force from ``effective_at`` (else the draft's own, else ``starts_at``) on.

    ``reviewed`` is the fingerprint of what was read before deciding: raises DraftChanged if the draft differs by now.
    Raises AlreadyPublished, and NotPublishable with every reason at once. A text never takes effect before it is
    published, nor before its predecessor: what stood at a past instant stays answered for ever.
    """
    _lock(version.policy)
    draft = PolicyVersion.objects.select_related("policy").get(pk=version.pk)
    if draft.published_at is not None:
        raise AlreadyPublished(draft.ref)
    if reviewed is not None and reviewed != fingerprint(draft):
        raise DraftChanged(draft.ref)
    starts = effective_at or starts_at(draft, now)
    if reasons := obstacles(draft, now=now, effective_at=starts):
        raise NotPublishable(reasons)
    _make_public(draft, starts, by=by, now=now)
    rendering = render(draft, VARIABLES)  # a text that cannot be shown must fail here, not in front of a fan
    journal.record(
        _subject(draft.policy),
        "published",
        actor=by,
        why=draft.change_summary,
        data={
            "version": draft.number,
            "effective_at": starts.isoformat(),
            "sha256": rendering.sha256,
            "approved_by": draft.approved_by,
        },
    )
    transaction.on_commit(forget)
    return draft


def _make_public(draft: PolicyVersion, starts: datetime, *, by: str, now: datetime) -> None:
    claimed = PolicyVersion.objects.filter(pk=draft.pk, published_at=None).update(
        published_at=now,
        published_by=by,
        effective_at=starts,
        seals_policy=True,
        shop_values=(fixed := fixed_by(_shop(), names_in(draft), draft.language)),
        seals_values=True,
    )
    if claimed != 1:
        raise AlreadyPublished(draft.ref)
    draft.published_at, draft.published_by, draft.effective_at, draft.seals_policy = now, by, starts, True
    draft.shop_values, draft.seals_values = fixed, True


def obstacles(draft: PolicyVersion, *, now: datetime, effective_at: datetime, approval: bool = True) -> list[str]:
    """Everything that keeps a draft from being published, as sentences for the merchant.

    ``approval``: whether a missing second person counts, too.
    """
    before = predecessor(draft)
    reasons = []
    if not draft.source.strip():
        reasons.append("The text is empty.")
    if not draft.summary.strip():
        reasons.append("Write the one-sentence summary that fans read first.")
    if before and not draft.change_summary.strip():
        reasons.append(f"Say in plain words what changes since version {before.number}.")
    reasons += values_missing(draft)
    if not draft.retires:
        reasons += lacking_where(scopes.keys(draft.policy.scope), names_in(draft))
    if effective_at < now:
        reasons.append("A text cannot take effect in the past. Leave the time empty to start now.")
    elif effective_at < (earliest := earliest_start(draft, now)):
        reasons.append(f"A material change is announced first: it takes effect on {moment(earliest)} or later.")
    if before and before.effective_at and effective_at < before.effective_at:
        reasons.append(f"Version {before.number} takes effect later. Choose its time or a later one.")
    reasons += _after_the_end(draft, effective_at)
    if approval and _lacks_approval(draft):
        reasons.append("A second person approves it first: send it to review.")
    return reasons


def _after_the_end(draft: PolicyVersion, effective_at: datetime) -> list[str]:
    """A retirement ends every language at once, and nothing follows it."""
    if not draft.retires:
        end = retirement(draft.policy_id)
        return [f"The policy is retired by version {end.number}. Start another policy."] if end else []
    public = PolicyVersion.objects.filter(policy=draft.policy_id, published_at__isnull=False)
    later = public.filter(effective_at__gt=effective_at).order_by("number").first()
    return [f"Version {later.number} takes effect later. Retire it at its time or later."] if later else []


def retirement(policy_id: int) -> PolicyVersion | None:
    """The published version that ends a policy, at once or later; None for one that goes on."""
    ends = PolicyVersion.objects.select_related("policy").filter(policy=policy_id, retires=True)
    return ends.filter(published_at__isnull=False).first()


def starts_at(draft: PolicyVersion, now: datetime) -> datetime:
    """When a draft would take effect if it were published at ``now``."""
    return draft.effective_at or earliest_start(draft, now)


def earliest_start(draft: PolicyVersion, now: datetime) -> datetime:
    """At once; for a material change after as many days of notice as the shop promises."""
    is_change = draft.change_class == ChangeClass.MATERIAL and predecessor(draft) is not None
    return now + timedelta(days=_shop().notice_days) if is_change else now


def _lacks_approval(draft: PolicyVersion) -> bool:
    return _shop().second_person_approves and draft.approved_print != fingerprint(draft)


def _shop() -> StoreProfile:
    """What the shop asks for at this moment, not what this process remembers."""
    return StoreProfile.objects.first() or StoreProfile(pk=1, name="Your shop")


def values_missing(draft: PolicyVersion) -> list[str]:
    """Variables that nothing can fill in, misspelt ones and those that the shop's profile lacks."""
    names = names_in(draft)
    there = ", ".join(VARIABLES)
    strange = [
        f"Nothing can fill in {{{{ {name} }}}}. "
        + (f"Did you mean {{{{ {meant} }}}}?" if meant else f"There are: {there}.")
        for name, meant in unknown(names).items()
    ]
    # The digest is over the whole text: what the short words say must be in it.
    alone = [name for name in names if name in VARIABLES and name not in variables(draft.source)]
    short = [f"The whole text says {{{{ {name} }}}} too, where the short words do." for name in alone]
    return strange + short + lacking(names, of_shop(_shop()), "shop")


def predecessor(version: PolicyVersion) -> PolicyVersion | None:
    """The published version that came before, in the same language."""
    return (
        PolicyVersion.objects.select_related("policy")
        .filter(
            policy=version.policy_id,
            language=version.language,
            published_at__isnull=False,
            number__lt=version.number,
        )
        .order_by("-number")
        .first()
    )


def fingerprint(version: PolicyVersion) -> str:
    """Names everything a reviewer reads of a draft, so that publishing can tell whether it is still the same.

    Its policy's name and place are part of it, and what the shop's profile fills in: publishing alone fixes them.
    """
    read = (version.summary, version.source, version.box_wording, version.change_class, version.change_summary)
    around = (getattr(version.policy, name) for name in FROZEN)
    starts = version.effective_at.astimezone(UTC).isoformat() if version.effective_at else ""
    filled = fixed_by(_shop(), names_in(version), version.language).items()
    return hashlib.sha256("\0".join((*map(str, (*read, *around, *filled)), starts)).encode()).hexdigest()


def _lock(policy: Policy) -> None:
    """One at a time: two drafts would take the same number, two texts could overtake each other."""
    Policy.objects.select_for_update().get(pk=policy.pk)


def _subject(policy: Policy) -> str:
    return f"policy:{policy.slug}"
