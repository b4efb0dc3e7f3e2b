"""A draft is edited by one person at a time, shown to a second, approved or sent back. Each step has its line."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.db import transaction
from django.db.models import F

from merchant import journal
from merchant.models import JournalEntry, StoreProfile
from policies.errors import AlreadyPublished, DraftChanged, EditedMeanwhile, NotPublishable, OwnText
from policies.models import Policy, PolicyVersion
from policies.publishing import fingerprint, obstacles, starts_at

UNDECIDED: dict[str, Any] = {
    "review_asked_at": None,
    "review_asked_by": "",
    "approved_at": None,
    "approved_by": "",
    "approved_print": "",
}
EDITED = "draft_edited"
BREAK = timedelta(hours=1)  # without typing; then it is another sitting
EDITABLE = ("summary", "source", "box_wording", "change_class", "change_summary", "effective_at")


@transaction.atomic
def edit(
    version: PolicyVersion, typed: Mapping[str, Any], *, by: str, now: datetime, revision: int | None = None
) -> PolicyVersion:
    """Write fields of a draft. What was decided about it is undecided again: a reviewer decides about words.

    ``revision`` is the one that was read before typing. Raises EditedMeanwhile when somebody else has written since,
    AlreadyPublished when it is public.
    """
    draft = _locked(version)
    if revision is not None and draft.revision != revision:
        raise EditedMeanwhile(draft.edited_by, draft.edited_at)
    changed = {name: value for name, value in typed.items() if name in EDITABLE and getattr(draft, name) != value}
    if not changed:
        return draft
    writers = draft.writers if by in draft.writers else [*draft.writers, by]
    PolicyVersion.objects.filter(pk=draft.pk, published_at=None).update(
        **changed, **UNDECIDED, revision=F("revision") + 1, writers=writers, edited_by=by, edited_at=now, sent_back=""
    )
    sitting, told = _sitting(draft, by, now)
    if not changed.keys() <= told:
        _tell(draft, EDITED, by=by, why=", ".join(changed), sitting=sitting)
    return _read(draft)


def _sitting(draft: PolicyVersion, by: str, now: datetime) -> tuple[str, set[str]]:
    """When this person sat down to the draft, and which fields the journal, which keeps every line, has of it already.

    What is typed is saved every few seconds. A sitting ends with a break, another writer, or a step of the draft.
    """
    lines = JournalEntry.objects.filter(subject=_subject(draft)).order_by("-id")[: len(EDITABLE)]
    same = takewhile(
        lambda line: (line.verb, line.actor, line.data.get("version")) == (EDITED, by, draft.number), lines
    )
    edits = list(same)
    if not edits or draft.edited_at is None or now - draft.edited_at >= BREAK:
        return now.isoformat(), set()
    sitting: str = edits[0].data.get("sitting", "")
    here = (line for line in edits if line.data.get("sitting", "") == sitting)
    return sitting, {name for line in here for name in line.why.split(", ")}


@transaction.atomic
def ask_review(version: PolicyVersion, *, by: str, now: datetime) -> PolicyVersion:
    """The writer is done. Raises NotPublishable with what is still missing, so that no reviewer reads in vain."""
    draft = _locked(version)
    if missing := obstacles(draft, now=now, effective_at=starts_at(draft, now), approval=False):
        raise NotPublishable(missing)
    PolicyVersion.objects.filter(pk=draft.pk, published_at=None).update(
        **UNDECIDED | {"review_asked_at": now, "review_asked_by": by}, sent_back=""
    )
    _tell(draft, "review_asked", by=by)
    return _read(draft)


@transaction.atomic
def approve(
    version: PolicyVersion,
    *,
    by: str,
    now: datetime,
    reviewed: str,
    effective_at: datetime | None = None,
    at_once: bool = False,
) -> PolicyVersion:
    """A reviewer has read the words that ``reviewed`` is the fingerprint of, and may set when they take effect.

    ``at_once``: as soon as they may, whatever time the draft had.

    Raises DraftChanged when the draft differs by now, OwnText when the shop wants a second person and ``by`` wrote it,
    NotPublishable with what stands against these words or this time.
    """
    draft = _locked(version)
    if reviewed != fingerprint(draft):
        raise DraftChanged(draft.ref)
    if second_person_approves() and by in draft.writers:
        raise OwnText(draft.ref)
    draft.effective_at = None if at_once else effective_at or draft.effective_at
    if reasons := obstacles(draft, now=now, effective_at=starts_at(draft, now), approval=False):
        raise NotPublishable(reasons)
    PolicyVersion.objects.filter(pk=draft.pk, published_at=None).update(
        effective_at=draft.effective_at, approved_at=now, approved_by=by, approved_print=fingerprint(draft)
    )
    _tell(draft, "approved", by=by)
    return _read(draft)


@transaction.atomic
def send_back(version: PolicyVersion, *, by: str, why: str) -> PolicyVersion:
    """The reviewer wants other words; ``why`` stands on the draft until it is edited."""
    draft = _locked(version)
    PolicyVersion.objects.filter(pk=draft.pk, published_at=None).update(**UNDECIDED, sent_back=why[:300])
    _tell(draft, "sent_back", by=by, why=why)
    return _read(draft)


def second_person_approves() -> bool:
    """What the shop asks for at this moment, not what this process remembers."""
    return StoreProfile.objects.filter(second_person_approves=True).exists()


def _locked(version: PolicyVersion) -> PolicyVersion:
    """The draft as it is now, with its policy's lock: nobody publishes or edits it meanwhile."""
    Policy.objects.select_for_update().get(pk=version.policy_id)
    draft = _read(version)
    if draft.published_at is not None:
        raise AlreadyPublished(draft.ref)
    return draft


def _read(version: PolicyVersion) -> PolicyVersion:
    return PolicyVersion.objects.select_related("policy").get(pk=version.pk)


def _tell(draft: PolicyVersion, verb: str, *, by: str, why: str = "", **noted: str) -> None:
    journal.record(_subject(draft), verb, actor=by, why=why, data={"version": draft.number, **noted})


def _subject(draft: PolicyVersion) -> str:
    return f"policy:{draft.policy.slug}"
