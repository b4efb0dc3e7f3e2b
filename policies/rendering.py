"""From a version and its values to the exact bytes a fan is shown."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from html import escape
from html.parser import HTMLParser

import nh3
from markdown_it import MarkdownIt

from merchant.store import current_store
from policies.errors import NotPublished, UnknownVariable
from policies.models import PolicyVersion, Rendering
from policies.variables import NEUTRAL as VARIABLES, Value, in_words, of_shop

__all__ = ["VARIABLES", "names_in", "neutral", "plain", "render", "render_all", "store", "to_html", "variables"]

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_MARKDOWN_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_TAGS = {
    *(
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "ul",
        "ol",
        "li",
        "blockquote",
        "hr",
        "br",
        "pre",
        "code",
        "em",
        "strong",
        "a",
    ),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}


def variables(source: str) -> list[str]:
    """The names between double braces, each once, in the order of the text."""
    return list(dict.fromkeys(_VARIABLE.findall(source)))


def render(version: PolicyVersion, values: Mapping[str, Value]) -> Rendering:
    """Pin ``version`` with ``values``: the same bytes are stored once and always come back as the same row.

    Raises UnknownVariable when the text uses a name that ``values`` lacks, NotPublished for a draft.
    """
    return render_all([version], values)[version.pk]


def render_all(versions: Sequence[PolicyVersion], values: Mapping[str, Value]) -> dict[int, Rendering]:
    """The same for several, by the version's key: one query where all of them were stored before."""
    pages = {version.pk: _page(version, values) for version in versions}
    stored = {each.sha256: each for each in Rendering.objects.filter(sha256__in=[page[1] for page in pages.values()])}
    return {
        version.pk: stored.get(pages[version.pk][1]) or store(version, values, *pages[version.pk])
        for version in versions
    }


def _page(version: PolicyVersion, values: Mapping[str, Value]) -> tuple[str, str]:
    if version.published_at is None:
        raise NotPublished(version.ref)
    html = to_html(version, values)
    return html, hashlib.sha256(html.encode()).hexdigest()


def to_html(version: PolicyVersion, values: Mapping[str, Value]) -> str:
    """The sanitised HTML of a version, drafts too. It names the version, so that equal texts of two versions differ.

    What the shop's profile gave when it was published stays, whatever ``values`` say.
    """
    return html_with(version, {**values, **version.fixed})


def html_with(version: PolicyVersion, values: Mapping[str, Value]) -> str:
    """The same with these very values, as if the version had been published with them."""
    body = _sanitised(_markdown(_filled(version, values)))
    return f'{opening(version.policy.slug, version.number)} lang="{escape(version.language)}">\n{body}</article>\n'


def is_of_its_version(rendering: Rendering) -> bool:
    """Whether a stored rendering says what its version says with its values.

    Another release of the libraries may write other bytes: then the words and where links lead are compared.
    """
    version, values = rendering.version, rendering.values
    if version.seals_values:  # before that, each rendering had the shop's values of its day
        values = {**values, **version.fixed}
    try:
        again = html_with(version, values)
    except UnknownVariable:
        return False
    return again == rendering.html or _read_aloud(again) == _read_aloud(rendering.html)


class _Reader(HTMLParser):
    """What a reader meets: tags, where links lead, and words, whatever the space between them."""

    def __init__(self) -> None:
        super().__init__()
        self.met: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = (f"{name}={value}" for name, value in attrs if name in ("href", "id", "lang"))
        self.met.append(" ".join((f"<{tag}", *kept)))

    def handle_data(self, data: str) -> None:
        self.met += data.split()


def _read_aloud(html: str) -> list[str]:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.met


def opening(slug: str, number: int) -> str:
    """How the bytes of a version begin: with its name."""
    return f'<article class="prose" id="policy-{slug}-v{number}"'


def plain(text: str, values: Mapping[str, Value], language: str) -> str:
    """Words without markup, such as the one sentence or those beside a box, with their values filled in."""
    return _VARIABLE.sub(lambda match: in_words(values.get(match[1], match[0]), language), text)


def neutral(version: PolicyVersion, text: str) -> str:
    """The same where no drop gives values: the shop's, as they were at its publishing, and neutral words for others."""
    return plain(text, {**VARIABLES, **of_shop(current_store()), **version.fixed}, version.language)


def names_in(version: PolicyVersion) -> list[str]:
    """The variables of the whole version: text, summary and the words beside the box."""
    return variables(f"{version.source}\n{version.summary}\n{version.box_wording}")


def store(version: PolicyVersion, values: Mapping[str, Value], html: str, digest: str) -> Rendering:
    """The row of bytes that ``version`` gave with ``values``."""
    values = {**values, **version.fixed}
    used = {name: in_words(values[name], version.language) for name in names_in(version) if name in values}
    # A twin may store the same bytes at this moment: the unique index keeps one of them, and both read that one.
    Rendering.objects.bulk_create(
        [Rendering(version=version, values=used, html=html, sha256=digest)], ignore_conflicts=True
    )
    return Rendering.objects.get(sha256=digest)


def _filled(version: PolicyVersion, values: Mapping[str, Value]) -> str:
    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise UnknownVariable(match[1])
        return _MARKDOWN_PUNCTUATION.sub(r"\\\1", " ".join(in_words(values[match[1]], version.language).split()))

    return _VARIABLE.sub(value_of, version.source)


def _markdown(source: str) -> str:
    tokens = _MARKDOWN.parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"  # the page around it owns the first level
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _sanitised(html: str) -> str:
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="noopener noreferrer")
