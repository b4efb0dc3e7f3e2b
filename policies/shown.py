"""A policy as a fan is shown it: the value that pages, quotes and orders carry."""

from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """One text in force with its values filled in. ``sha256`` names the exact bytes of ``html``, which is sanitised."""

    id: str  # "returns/v3"
    slug: str
    number: int
    kind: str
    title: str
    summary: str
    html: str
    sha256: str
    box_wording: str
    mandatory: bool
    language: str
    rendering_id: int

    @property
    def url(self) -> str:
        """The public page of this very version."""
        return reverse("policies:version", args=[self.slug, self.number])
