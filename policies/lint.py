"""What a reader would stumble over: sentences nobody finishes, and days that do not agree."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.models import Kind
from policies.variables import Value, in_words

LONGEST = 40  # words of a sentence; beyond it hardly anybody follows
SHOUTED = 6  # words in capitals after each other
WINDOWS = (Kind.RETURNS, Kind.CANCELLATIONS, Kind.REFUNDS)  # kinds that promise days
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_WORD = re.compile(r"\b[\w’'-]*\w")
_SHOUT = re.compile(rf"(?:\b[A-Z]{{2,}}\b[\s,]*){{{SHOUTED},}}")
_DAYS = re.compile(r"(?<![\w.,])(\d{1,3})[-\s](?:calendar |working )?(?:days?|Tagen?|jours?|giorni|días)\b")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one text: what stands in the one sentence, in the whole, and beside the box."""

    kind: str
    title: str
    summary: str
    source: str
    box: str = ""


def stumbles(text: Wording) -> list[str]:
    """Advice about one text, in sentences for its writer."""
    return [*_long(text), *_shouted(text), *_disagreeing(text)]


def days(words: str, values: Mapping[str, Value]) -> set[int]:
    """Every number of days a text names, its variables filled in."""
    filled = _VARIABLE.sub(lambda match: in_words(values.get(match[1], match[0]), "en"), words)
    return {int(number) for number in _DAYS.findall(filled)}


def contradictions(texts: Iterable[Wording], values: Mapping[str, Value]) -> list[str]:
    """Returns texts that apply to the same cart and promise different days in their one sentence."""
    told = {text.title: days(text.summary, values) for text in texts if text.kind == Kind.RETURNS}
    named = {title: found for title, found in told.items() if found}
    if len(set(map(frozenset, named.values()))) <= 1:
        return []
    each = "; ".join(f"“{title}” says {_listed(found)}" for title, found in named.items())
    return [f"Return windows contradict each other: {each}."]


def _long(text: Wording) -> list[str]:
    sentences = (match[0].strip() for match in _SENTENCE.finditer(f"{text.summary}\n{text.source}"))
    found = [(len(_WORD.findall(sentence)), sentence) for sentence in sentences]
    return [
        f"Hard to follow: a sentence of {count} words, “{' '.join(sentence.split()[:6])} …”. Split it."
        for count, sentence in found
        if count > LONGEST
    ]


def _shouted(text: Wording) -> list[str]:
    return ["Words in capitals are read less, not more."] if _SHOUT.search(text.source) else []


def _disagreeing(text: Wording) -> list[str]:
    """The one sentence and the box promise no number of days that the whole text does not."""
    if text.kind not in WINDOWS:
        return []
    whole = days(text.source, {})
    short = days(f"{text.summary} {text.box}", {})
    if not whole or short <= whole:
        return []
    return [f"The short words say {_listed(short - whole)}, the whole text {_listed(whole)}."]


def _listed(numbers: Iterable[int]) -> str:
    return " and ".join(f"{number} days" for number in sorted(numbers))
