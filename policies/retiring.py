"""A promise ends: its last version says from when on and why, and is sealed, told and reviewed like every other."""

from datetime import datetime

from django.db import transaction
from django.db.models import Max

from merchant import journal
from policies.errors import NotPublishable, Retired
from policies.languages import DEFAULT_LANGUAGE, nearest
from policies.models import ChangeClass, Policy, PolicyVersion
from policies.publishing import publish, retirement
from policies.reviewing import ask_review, second_person_approves

SUMMARY = "Retired: orders placed from then on are made without it."
KEPT = "Orders placed before that keep the version they were placed under."


@transaction.atomic
def retire(policy: Policy, *, why: str, by: str, now: datetime, effective_at: datetime | None = None) -> PolicyVersion:
    """End a policy for good, in every language, from ``effective_at`` on (else as soon as a material change may).

    Where the shop wants a second person, it is sent to review instead of being published. What was accepted stays.
    Raises Retired when that was done already, NotPublishable with every reason against it.
    """
    Policy.objects.select_for_update().get(pk=policy.pk)
    if end := retirement(policy.pk):
        raise Retired(end.ref)
    draft = _draft(policy, why.strip(), by, effective_at)
    journal.record(f"policy:{policy.slug}", "retirement_asked", actor=by, why=why, data={"version": draft.number})
    return ask_review(draft, by=by, now=now) if second_person_approves() else publish(draft, by=by, now=now)


def may_retire(policy: Policy) -> bool:
    """Whether there is something to end: public words, and no version that ends them already or waits to."""
    versions = policy.versions.all()
    return versions.filter(published_at__isnull=False).exists() and not versions.filter(retires=True).exists()


def _draft(policy: Policy, why: str, by: str, effective_at: datetime | None) -> PolicyVersion:
    versions = policy.versions.all()
    public = set(versions.filter(published_at__isnull=False).order_by().values_list("language", flat=True))
    if not public:
        raise NotPublishable(["Nothing of it is public yet: there is nothing to retire."])
    if not why:
        raise NotPublishable(["Say in plain words why it ends."])
    if open_one := versions.filter(retires=True).first():
        raise NotPublishable([f"Version {open_one.number}, which retires it, waits to be decided about."])
    return PolicyVersion.objects.create(
        policy=policy,
        number=(versions.aggregate(highest=Max("number"))["highest"] or 0) + 1,
        language=nearest(DEFAULT_LANGUAGE, public),
        retires=True,
        summary=SUMMARY,
        source=f"{why}\n\n{KEPT}\n",
        change_class=ChangeClass.MATERIAL,
        change_summary=why,
        effective_at=effective_at,
        writers=[by],
        edited_by=by,
    )
