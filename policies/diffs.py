"""What changed between two texts, word by word, in a form that a template can show."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

from policies.models import PolicyVersion

WORTH_LEAVING_OUT = 40  # words and the spaces between them
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that stayed, came (``ins``) or went (``del``); ``gap`` stands for unchanged text left out."""

    kind: Literal["same", "ins", "del", "gap"]
    text: str = ""


def changes(old: PolicyVersion | None, new: PolicyVersion) -> tuple[Piece, ...]:
    """From ``old`` to ``new``: summary, text and the words beside the box. Nothing for a first version."""
    return words(_whole(old), _whole(new)) if old else ()


@lru_cache(maxsize=256)
def words(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces from ``old`` to ``new``. Joining all but the ``del`` ones of a short text gives ``new`` again."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    pieces: list[Piece] = []
    for tag, a_from, a_to, b_from, b_to in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces += _shortened(after[b_from:b_to], first=b_from == 0, last=b_to == len(after))
            continue
        pieces += [Piece("del", "".join(before[a_from:a_to]))] if a_to > a_from else []
        pieces += [Piece("ins", "".join(after[b_from:b_to]))] if b_to > b_from else []
    return tuple(pieces)


def _shortened(same: list[str], *, first: bool, last: bool) -> list[Piece]:
    """Unchanged text only as far as the paragraph of a change reaches; whoever wants it all opens the version."""
    breaks = [place for place, word in enumerate(same) if word.count("\n") > 1]
    head = 0 if first else (breaks[0] if breaks else len(same))
    tail = len(same) if last else (breaks[-1] + 1 if breaks else 0)
    if tail - head < WORTH_LEAVING_OUT:
        return [Piece("same", "".join(same))]
    around = [Piece("same", "".join(same[:head])), Piece("gap"), Piece("same", "".join(same[tail:]))]
    return [piece for piece in around if piece.text or piece.kind == "gap"]


def _whole(version: PolicyVersion) -> str:
    box = f"\n\n☐ {version.box_wording}" if version.box_wording else ""
    return f"{version.summary}\n\n{version.source.strip()}{box}".replace("\r\n", "\n")
