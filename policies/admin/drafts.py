"""A draft while it is written: saved as one types, checked, and shown as fans will read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from merchant.clock import now
from merchant.store import current_store
from policies.diffs import Piece, words
from policies.errors import EditedMeanwhile, PolicyError
from policies.lint import Wording, stumbles
from policies.models import PolicyVersion
from policies.publishing import obstacles, starts_at, values_missing
from policies.rendering import VARIABLES, names_in, plain, to_html
from policies.reviewing import edit
from policies.shown import ShownPolicy
from policies.variables import TABLE, of_shop

_WITHOUT = {"drop": "from the drop", "shop": "no value yet"}
TYPED = ("summary", "source", "box_wording", "change_class", "change_summary")  # saved as one types; times are not


@dataclass(frozen=True)
class Saving:
    """What became of the words just typed. ``clash``: what the other person's text and ours differ in."""

    draft: PolicyVersion
    saved_at: datetime | None = None
    refusal: str = ""
    clash: tuple[Piece, ...] = ()


def save_typed(
    version: PolicyVersion, typed: Mapping[str, Any], *, by: str, revision: int | None, errors: list[str]
) -> Saving:
    """Autosave. What cannot be saved is shown all the same, with the reason."""
    ours = {name: typed[name] for name in TYPED if name in typed}
    if errors:
        return Saving(_with(version, ours), refusal=" ".join(errors))
    at = now()
    try:
        return Saving(edit(version, ours, by=by, now=at, revision=revision), saved_at=at)
    except EditedMeanwhile as clash:
        theirs = PolicyVersion.objects.get(pk=version.pk).source
        return Saving(_with(version, ours), refusal=str(clash), clash=words(theirs, ours.get("source", theirs)))
    except PolicyError as refusal:
        return Saving(_with(version, ours), refusal=str(refusal))


def live_context(draft: PolicyVersion) -> dict[str, Any]:
    """Everything that stands beside the words while they are written."""
    at = now()
    strange, values = values_missing(draft), of_shop(current_store())
    checked = obstacles(draft, now=at, effective_at=starts_at(draft, at), approval=False)
    wording = Wording(draft.policy.kind, draft.policy.title, draft.summary, draft.source, draft.box_wording)
    return {
        "draft": draft,
        "strange": strange,
        "missing": [each for each in checked if each not in strange],
        "advice": stumbles(wording),
        "used": [(name, values.get(name, _WITHOUT[TABLE[name].giver])) for name in names_in(draft) if name in TABLE],
        "previews": previews(draft),
    }


def previews(draft: PolicyVersion) -> list[tuple[str, str]]:
    """Title and page of each place where fans will read it, made of the fans' own templates and styles."""
    shown = _shown(draft)
    context = {
        "shown": shown,
        "policies": [shown],
        "quote": {"policies": [shown]},
        "errors": {},
        "shop": current_store(),
        "unfolded": True,  # the page is made anew with each save: what its reader unfolded would fold itself
    }
    places = (("In the cart", "cart"), ("At checkout", "checkout"), ("In the e-mail", "email"))
    return [(title, render_to_string(f"policies/desk/_preview_{place}.html", context)) for title, place in places]


def _shown(draft: PolicyVersion) -> ShownPolicy:
    """The text as it would be shown; variables that nothing fills in stand out instead of failing."""
    unknown = {name: f"?{name}?" for name in names_in(draft) if name not in VARIABLES}
    values = VARIABLES | of_shop(current_store()) | unknown
    html = to_html(draft, values)
    return ShownPolicy(
        id=draft.ref,
        slug=draft.policy.slug,
        number=draft.number,
        kind=draft.policy.kind,
        title=draft.policy.title,
        summary=plain(draft.summary, values, draft.language),
        html=SafeString(html),  # sanitised where it is made
        sha256="",
        box_wording=plain(draft.box_wording, values, draft.language),
        mandatory=draft.mandatory,
        language=draft.language,
        rendering_id=0,
    )


def _with(version: PolicyVersion, typed: Mapping[str, Any]) -> PolicyVersion:
    for name, value in typed.items():
        setattr(version, name, value)
    return version
