"""What changed between two texts, clause by clause and word by word, in forms that a template can show."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Literal

from merchant.store import current_store
from policies.models import PolicyVersion
from policies.rendering import plain
from policies.variables import of_shop

WORTH_LEAVING_OUT = 40  # words and the spaces between them
MOST_HEADLINES = 5
SHORT = 4  # words; a longer change is no headline
ALIKE = 0.5  # from which likeness on two clauses are one clause that changed
MOST_PAIRED = 400  # pairs of clauses looked at in one change; beyond it they are shown as gone and come
MARKS = " .,;:*_#`"  # at the edge of a word: punctuation, and Markdown that a fan never sees
MOST_COMPARED = 1_000_000  # pairs of words in one change; beyond it the old words are shown as gone, the new as come
Kind = Literal["same", "ins", "del"]
CHANGED: tuple[Kind, ...] = ("del", "ins")
_A_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")
_CLAUSES = re.compile(r"\n+|[^\n]+?(?:[.!?:;]+(?=\s)[ \t]*\n*|\n+|$)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that stayed, came (``ins``) or went (``del``); ``gap`` stands for unchanged text left out."""

    kind: Literal[Kind, "gap"]
    text: str = ""


def changes(old: PolicyVersion | None, new: PolicyVersion) -> tuple[Piece, ...]:
    """From ``old`` to ``new``: summary, text and the words beside the box. Nothing for a first version."""
    return words(_whole(old), _whole(new)) if old else ()


@lru_cache(maxsize=256)
def words(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces from ``old`` to ``new``. Joining all but the ``del`` ones of a short text gives ``new`` again."""
    return _word_by_word(old, new, shorten=True)


def _word_by_word(old: str, new: str, *, shorten: bool = False) -> tuple[Piece, ...]:
    runs = _runs(old, new)
    pieces: list[Piece] = []
    for place, (kind, text) in enumerate(runs):
        if kind == "same" and shorten:
            pieces += _shortened(_WORDS.findall(text), first=place == 0, last=place == len(runs) - 1)
        else:
            pieces.append(Piece(kind, text))
    return tuple(pieces)


def _runs(old: str, new: str) -> list[tuple[Kind, str]]:
    """Clauses first, and words only in those that changed: all words at once take half a minute of a long text."""
    before, after = clauses(old), clauses(new)
    found: list[tuple[Kind, str]] = []
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, come = "".join(before[a:b]), "".join(after[c:d])
        found += [("same", come)] if tag == "equal" else _changed_words(gone, come)
    return _joined(found)


def _changed_words(old: str, new: str) -> list[tuple[Kind, str]]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if len(before) * len(after) > MOST_COMPARED:
        return [("del", old), ("ins", new)]
    found: list[tuple[Kind, str]] = []
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, come = "".join(before[a:b]), "".join(after[c:d])
        found += [("same", come)] if tag == "equal" else [("del", gone), ("ins", come)]
    return [(kind, text) for kind, text in found if text]


def _joined(runs: Iterable[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Neighbours of one kind as one run. A lone space between two changes goes and comes with them, so that
    ``17 December`` gives way to ``15 February`` and not number to number and month to month."""
    found = [(kind, "".join(text for _, text in run)) for kind, run in groupby(runs, key=itemgetter(0))]
    inner = range(1, len(found) - 1)
    alone = {place for place in inner if found[place][0] == "same" and not found[place][1].strip(" ")}
    joined: list[tuple[Kind, str]] = []
    for stays, run in groupby(enumerate(found), key=lambda one: one[1][0] == "same" and one[0] not in alone):
        pieces = [piece for _, piece in run]
        if stays:
            joined += pieces
            continue
        for kind in CHANGED:
            if text := "".join(each for is_, each in pieces if is_ in (kind, "same")):
                joined.append((kind, text))
    return joined


def _shortened(same: list[str], *, first: bool, last: bool) -> list[Piece]:
    """Unchanged text only as far as the paragraph of a change reaches; whoever wants it all opens the version."""
    breaks = [place for place, word in enumerate(same) if word.count("\n") > 1]
    head = 0 if first else (breaks[0] if breaks else len(same))
    tail = len(same) if last else (breaks[-1] + 1 if breaks else 0)
    if tail - head < WORTH_LEAVING_OUT:
        return [Piece("same", "".join(same))]
    around = [Piece("same", "".join(same[:head])), Piece("gap"), Piece("same", "".join(same[tail:]))]
    return [piece for piece in around if piece.text or piece.kind == "gap"]


def headlines(old: PolicyVersion | None, new: PolicyVersion) -> tuple[str, ...]:
    """Short changes, said: ``within 30 → 14 days``. The longer ones are in the whole difference."""
    return said(_whole(old), _whole(new)) if old else ()


@lru_cache(maxsize=256)
def said(old: str, new: str) -> tuple[str, ...]:
    """The short changes between two texts, each once."""
    found: list[str] = []
    for row in rows(old, new):
        if row.kind == "changed":
            found += _said(row)
    return tuple(dict.fromkeys(found))[:MOST_HEADLINES]


def _said(row: "Row") -> list[str]:
    pieces = _word_by_word("".join(each.text for each in row.old), "".join(each.text for each in row.new))
    found = []
    for place, (gone, come) in enumerate(pairwise(pieces)):
        if (gone.kind, come.kind) != ("del", "ins") or max(len(gone.text.split()), len(come.text.split())) > SHORT:
            continue
        if not _A_WORD.search(gone.text) or not _A_WORD.search(come.text):  # a comma is no news
            continue
        before = pieces[place - 1].text.split()[-1:] if place else []
        after = pieces[place + 2].text.split()[:1] if place + 2 < len(pieces) else []
        words_ = (each.strip(MARKS) for each in (*before, gone.text, "→", come.text, *after))
        found.append(" ".join(each for each in words_ if each))
    return found


# --- clause by clause -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the side-by-side view; ``gap`` stands for equal clauses left out."""

    kind: Literal["same", "changed", "added", "removed", "gap"]
    old: tuple[Piece, ...] = ()
    new: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """Clauses ``start`` to ``end`` of the old text give way to ``new``."""

    start: int
    end: int
    new: tuple[str, ...]


def clauses(text: str) -> list[str]:
    """Sentences, list items and headings with the space behind each; joined they are the text."""
    return _CLAUSES.findall(text)


def edits(old: str, new: str) -> list[Edit]:
    """What turns the clauses of ``old`` into those of ``new``, from the top to the bottom."""
    before, after = clauses(old), clauses(new)
    found = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [Edit(a, b, tuple(after[c:d])) for tag, a, b, c, d in found if tag != "equal"]


def apply(old: str, changes_: Sequence[Edit]) -> str:
    """``old`` with the edits made: the new text, to the letter."""
    text = clauses(old)
    for edit in reversed(changes_):
        text[edit.start : edit.end] = edit.new
    return "".join(text)


def side_by_side(old: PolicyVersion, new: PolicyVersion) -> tuple[Row, ...]:
    """Both texts in rows; equal clauses are left out but for those beside a change."""
    return _without_the_equal(rows(_whole(old), _whole(new)))


@lru_cache(maxsize=256)
def rows(old: str, new: str) -> tuple[Row, ...]:
    """Every clause of both texts, each beside what became of it."""
    before, after = clauses(old), clauses(new)
    found: list[Row] = []
    place = 0
    for edit in edits(old, new):
        found += [_same(clause) for clause in before[place : edit.start]]
        found += _paired(before[edit.start : edit.end], list(edit.new))
        place = edit.end
    found += [_same(clause) for clause in before[place:]]
    return tuple(found) if after or before else ()


def _same(clause: str) -> Row:
    piece = (Piece("same", clause),)
    return Row("same", piece, piece)


def _paired(gone: list[str], come: list[str]) -> list[Row]:
    """Clauses that are alike stand beside each other, in the order of both texts; the others alone."""
    pair = _likest(gone, come)
    if pair is None:
        return [
            *(Row("removed", (Piece("del", each),)) for each in gone),
            *(Row("added", (), (Piece("ins", each),)) for each in come),
        ]
    a, b = pair
    return [*_paired(gone[:a], come[:b]), _changed(gone[a], come[b]), *_paired(gone[a + 1 :], come[b + 1 :])]


def _likest(gone: list[str], come: list[str]) -> tuple[int, int] | None:
    if not gone or not come or len(gone) * len(come) > MOST_PAIRED:
        return None
    alike, a, b = max(
        (SequenceMatcher(None, old.split(), new.split(), autojunk=False).ratio(), -a, -b)
        for a, old in enumerate(gone)
        for b, new in enumerate(come)
    )
    return (-a, -b) if alike >= ALIKE else None


def _changed(old: str, new: str) -> Row:
    pieces = _word_by_word(old, new)
    moved = any(piece.kind != "same" and piece.text.strip() for piece in pieces)
    return Row(
        "changed" if moved else "same",  # a space or a line break more is nothing that a reader could find
        tuple(piece for piece in pieces if piece.kind != "ins"),
        tuple(piece for piece in pieces if piece.kind != "del"),
    )


def _without_the_equal(found: Sequence[Row]) -> tuple[Row, ...]:
    near = {place + step for place, row in enumerate(found) if row.kind != "same" for step in (-1, 0, 1)}
    kept: list[Row] = []
    for place, row in enumerate(found):
        if place in near:
            kept.append(row)
        elif not kept or kept[-1].kind != "gap":
            kept.append(Row("gap"))
    return tuple(kept)


def _whole(version: PolicyVersion) -> str:
    """All of its words, with what the shop's profile fills in: at its publishing; in a draft, as things are."""
    box = f"\n\n☐ {version.box_wording}" if version.box_wording else ""
    said = f"{version.summary}\n\n{version.source.strip()}{box}".replace("\r\n", "\n")
    return plain(said, version.fixed if version.published_at else of_shop(current_store()), version.language)
