"""Texts to start from, shipped with the project: written for it, by kind and place. None of them is legal advice."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db import transaction

from merchant import journal
from policies.models import Kind, Policy, PolicyVersion
from policies.publishing import new_draft
from policies.succeeding import free_slug

FOLDER = Path(__file__).parent / "texts"
NOT_LEGAL_ADVICE = (
    "A text to start from, not legal advice. Read it, make it yours, and have it checked where it matters."
)
JURISDICTIONS = {"any": "Anywhere", "EU": "European Union", "US": "United States", "US-CA": "California"}


@dataclass(frozen=True, slots=True)
class Template:
    """A policy that could be: its name, its place and its words."""

    name: str
    title: str
    kind: Kind
    jurisdiction: str
    scope: str
    summary: str
    box: str
    source: str

    @property
    def place(self) -> str:
        return JURISDICTIONS[self.jurisdiction]


@cache
def templates() -> tuple[Template, ...]:
    """Every template, by kind and then from anywhere to the narrowest place."""
    order = {kind: rank for rank, kind in enumerate(Kind.values)}
    found = [_read(path) for path in sorted(FOLDER.glob("*.md"))]
    return tuple(sorted(found, key=lambda each: (order[each.kind], list(JURISDICTIONS).index(each.jurisdiction))))


@transaction.atomic
def start(name: str, *, by: str) -> PolicyVersion:
    """A new policy with its draft, filled from a template. Raises KeyError for a name that is none."""
    template = {each.name: each for each in templates()}[name]
    slug = free_slug(template.title)
    policy = Policy.objects.create(slug=slug, kind=template.kind, title=template.title, scope=template.scope)
    draft = new_draft(policy, by)
    draft.summary, draft.source, draft.box_wording = template.summary, template.source, template.box
    draft.save(update_fields=["summary", "source", "box_wording"])
    journal.record(f"policy:{policy.slug}", "named", actor=by, why=f"from the template {name}")
    return draft


def _read(path: Path) -> Template:
    """Lines of ``name: words``, a line of dashes, then Markdown."""
    head, _, source = path.read_text(encoding="utf-8").partition("\n---\n")
    said = {name.strip(): words.strip() for name, _, words in (line.partition(":") for line in head.splitlines())}
    return Template(
        name=path.stem,
        title=said["title"],
        kind=Kind(said["kind"]),
        jurisdiction=said["place"],
        scope=said.get("scope", "shop"),
        summary=said["summary"],
        box=said.get("box", ""),
        source=source.strip() + "\n",
    )
