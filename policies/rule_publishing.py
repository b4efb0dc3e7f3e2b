"""A rule is drafted, checked, and published once. From then on only another version can follow it."""

import hashlib
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from merchant import journal
from policies.errors import AlreadyPublished, DraftChanged, NotPublishable
from policies.rules import forget
from policies.rules_models import Effect, Rule, RuleVersion

SAID = (
    *("effect", "tag", "places", "elsewhere", "most", "minimum_age"),
    *("proof", "unknown_place", "reason", "lifted"),
)


@transaction.atomic
def new_draft(rule: Rule, by: str) -> RuleVersion:
    """The open draft of ``rule``; when there is none, a new one that says what the last version says."""
    _lock(rule)
    versions = RuleVersion.objects.select_related("rule").filter(rule=rule)
    if draft := versions.filter(published_at=None).first():
        return draft
    last = versions.first()
    said = {name: getattr(last, name) for name in SAID} if last else {}
    number = (versions.aggregate(highest=Max("number"))["highest"] or 0) + 1
    draft = RuleVersion.objects.create(rule=rule, number=number, **said)
    journal.record(rule.subject, "draft_started", actor=by, data={"version": number})
    return draft


@transaction.atomic
def publish(version: RuleVersion, *, by: str, now: datetime, reviewed: str | None = None) -> RuleVersion:
    """Put a draft in force for good, from its effective time (else ``now``) on.

    ``reviewed`` is the fingerprint of what was read before deciding: raises DraftChanged if the draft differs by now.
    Raises AlreadyPublished, and NotPublishable with every reason at once. A rule never takes effect in the past: what
    an order was judged by stays answered.
    """
    _lock(version.rule)
    draft = RuleVersion.objects.select_related("rule").get(pk=version.pk)
    if draft.published_at is not None:
        raise AlreadyPublished(draft.ref)
    if reviewed is not None and reviewed != fingerprint(draft):
        raise DraftChanged(draft.ref)
    if reasons := obstacles(draft, now=now):
        raise NotPublishable(reasons)
    draft.effective_at = draft.effective_at or now
    draft.published_at, draft.published_by = now, by
    draft.save(update_fields=["effective_at", "published_at", "published_by"])
    said = {name: getattr(draft, name) for name in SAID} | {"effective_at": draft.effective_at.isoformat()}
    why = draft.change_summary or draft.reason
    journal.record(draft.rule.subject, "published", actor=by, why=why, data={"version": draft.number, "says": said})
    transaction.on_commit(forget)
    return draft


def obstacles(draft: RuleVersion, *, now: datetime) -> list[str]:
    """Everything that keeps a draft from being published, as sentences for the merchant."""
    before = draft.rule.versions.filter(published_at__isnull=False).order_by("-effective_at", "-number").first()
    reasons = []
    if not draft.reason.strip():
        reasons.append("Write the sentence that a refused fan reads.")
    if draft.effect == Effect.MOST and not draft.most:
        reasons.append("Say how many are allowed in one order.")
    if draft.effect == Effect.AGE and not draft.minimum_age:
        reasons.append("Say from which age on.")
    if draft.elsewhere and not draft.places:
        reasons.append("“Everywhere but” needs at least one place.")
    if before and not draft.change_summary.strip():
        reasons.append(f"Say why it changes since version {before.number}.")
    if draft.effective_at and draft.effective_at < now:
        reasons.append("A rule cannot take effect in the past. Leave the time empty to start now.")
    if before and before.effective_at and (draft.effective_at or now) < before.effective_at:
        reasons.append(f"Version {before.number} takes effect later. Choose its time or a later one.")
    return reasons


def fingerprint(version: RuleVersion) -> str:
    """Names everything a reviewer reads of a draft, so that publishing can tell whether it is still the same."""
    read = [repr(getattr(version, name)) for name in (*SAID, "change_summary")]
    starts = version.effective_at.isoformat() if version.effective_at else ""
    return hashlib.sha256("\0".join((*read, starts)).encode()).hexdigest()


def _lock(rule: Rule) -> None:
    """One at a time: two drafts would take the same number."""
    Rule.objects.select_for_update().get(pk=rule.pk)
