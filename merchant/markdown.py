"""Markdown that staff write about products and drops, as HTML that can run nothing."""

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": False}).enable("table")
_TAGS = {"a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "strong", "ul"}
_TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


def to_html(source: str) -> SafeString:
    """Sanitised HTML; empty for an empty text. Links lead to the web, mail or telephone, nowhere else."""
    html = nh3.clean(
        _MARKDOWN.render(source),
        tags=_TAGS | _TABLE,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer",
    )
    return SafeString(html.strip())
