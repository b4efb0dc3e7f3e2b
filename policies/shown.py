"""A policy as a fan is shown it: the value that pages, quotes and orders carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from django.urls import reverse

from policies.languages import is_another, language_name
from policies.variables import Value


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
    because: tuple[str, ...] = ()  # why it applies here: "ships to Germany", "pre-order"; nothing: to everything
    asked_language: str = ""  # what the fan reads
    values: Mapping[str, Value] = field(default_factory=dict, compare=False, repr=False)  # what was there to fill in

    @property
    def is_fallback(self) -> bool:
        """Whether a translation is missing and another language stands in."""
        return is_another(self.language, self.asked_language)

    @property
    def language_name(self) -> str:
        return language_name(self.language)

    @property
    def asked_language_name(self) -> str:
        return language_name(self.asked_language)

    @property
    def url(self) -> str:
        """The public page of this very version."""
        return _url(self.slug, self.number)


@lru_cache(maxsize=1024)  # a quote has several, and Django takes long to put one together
def _url(slug: str, number: int) -> str:
    return reverse("policies:version", args=[slug, number])
