"""A public policy's title is sealed with its versions and stays. To mend it, another policy takes over the words."""

from django.db import transaction
from django.utils.text import slugify

from merchant import journal
from policies.errors import NotPublishable
from policies.languages import DEFAULT_LANGUAGE
from policies.models import Policy, PolicyVersion
from policies.publishing import new_draft

RESERVED = ("changelog", "news", "verify")  # pages of their own under /policies/


@transaction.atomic
def succeed(policy: Policy, *, title: str, by: str) -> PolicyVersion:
    """Start another policy of the same kind and place under ``title``, a draft in each language with its last words.

    Gives the draft to read first. The old one is left as it is: it is retired by itself once the new one is public.
    Raises NotPublishable where nothing is public yet, for then the title is simply edited.
    """
    public = policy.versions.filter(published_at__isnull=False, retires=False).order_by("number")
    last = {version.language: version for version in public}
    if not last:
        raise NotPublishable(["Nothing of it is public yet: its title can be edited."])
    fields = ("kind", "scope", "replaces_wider", "position")
    successor = Policy.objects.create(
        slug=free_slug(title), title=title, **{name: getattr(policy, name) for name in fields}
    )
    drafts = [
        _draft(successor, last[language], by) for language in sorted(last, key=lambda each: each != DEFAULT_LANGUAGE)
    ]
    journal.record(f"policy:{successor.slug}", "named", actor=by, why=f"in the place of {policy.slug}")
    journal.record(f"policy:{policy.slug}", "successor_started", actor=by, data={"policy": successor.slug})
    return drafts[0]


def free_slug(title: str) -> str:
    """An address for a new policy that no other has: ``returns``, else ``returns-2`` and so on."""
    wanted = slugify(title)[:50] or "policy"
    taken = {*RESERVED, *Policy.objects.filter(slug__startswith=wanted).values_list("slug", flat=True)}
    return next(slug for n in range(1, len(taken) + 2) if (slug := wanted if n == 1 else f"{wanted}-{n}") not in taken)


def _draft(successor: Policy, last: PolicyVersion, by: str) -> PolicyVersion:
    draft = new_draft(successor, by, language=last.language)
    draft.summary, draft.source, draft.box_wording = last.summary, last.source, last.box_wording
    draft.save(update_fields=["summary", "source", "box_wording"])
    return draft
