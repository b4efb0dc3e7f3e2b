"""A rendered text without its markup: block by block, or as one run of plain words."""

from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import groupby
from typing import Literal

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
ENDING = (*HEADINGS, "p", "li", "tr", "blockquote", "div", "pre")
CELLS = ("td", "th")
Kind = Literal["heading", "item", "para"]


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, an item of a list, or a paragraph (a row of a table, too)."""

    kind: Kind
    text: str


def blocks(html: str) -> list[Block]:
    """The words of a rendered policy, from the top to the bottom."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.flush()
    return reader.blocks


def in_plain(html: str) -> str:
    """The same as one text: a line for each item of a list, an empty line between paragraphs."""
    runs = groupby(blocks(html), key=lambda block: block.kind == "item")
    return "\n\n".join(
        "\n".join(f"• {block.text}" for block in run) if is_list else "\n\n".join(block.text for block in run)
        for is_list, run in runs
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self._words: list[str] = []
        self._kind: Kind = "para"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ENDING:
            self.flush()
            self._kind = "heading" if tag in HEADINGS else "item" if tag == "li" else "para"
        elif tag == "br" or tag in CELLS:
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ENDING:
            self.flush()

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def flush(self) -> None:
        if words := " ".join("".join(self._words).split()):
            self.blocks.append(Block(self._kind, words))
        self._words, self._kind = [], "para"
