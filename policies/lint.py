"""What a reader would stumble over: sentences nobody finishes, and days that do not agree."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies import scopes
from policies.models import Kind
from policies.variables import Value, in_words

LONGEST = 40  # words of a sentence; beyond it hardly anybody follows
SHOUTED = 6  # words in capitals after each other
WITHDRAWAL = 14  # days at least: Directive 2011/83/EU, article 9 (1)
# Kinds that promise days, and how their days are called.
WINDOWS = {
    Kind.RETURNS: "Return windows",
    Kind.CANCELLATIONS: "Windows to cancel",
    Kind.REFUNDS: "Times of a refund",
}
_SENTENCE = re.compile(r"[^.!?]+[.!?]?")
_CLAUSE = re.compile(r"[.!?;:,]|\b(?:and|but|then|und|et)\b")
_BEGINS = re.compile(r"\s*(?:[#>|]|[-*+]\s|\d{1,3}[.)]\s)")  # a heading, a quotation, a row or a point of a list
_MONEY = re.compile(r"\b(?:refund|reimburs|pa(?:y|id) back|money back|erstatt|rembours)", re.IGNORECASE)
_BACK = re.compile(r"\b(?:return|withdraw|send|sent|bring|cancel|widerruf|zurück)", re.IGNORECASE)
_WORD = re.compile(r"\b[\w’'-]*\w")
_SHOUT = re.compile(rf"(?:\b[A-Z]{{2,}}\b[\s,]*){{{SHOUTED},}}")
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TIES = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS = {word: number for number, word in enumerate((*_ONES, *_TEENS), 1)}
_NUMBERS |= {word: 10 * number for number, word in enumerate(_TIES, 2)}
_IN_WORDS = rf"(?:{'|'.join(_TIES)})(?:[-\s](?:{'|'.join(_ONES)}))?|{'|'.join(_TEENS)}|{'|'.join(_ONES)}"
_DAYS = re.compile(
    rf"(?<![\w.,])(\d{{1,3}}|{_IN_WORDS})(?:\s*\((?:\d{{1,3}}|{_IN_WORDS})\))?"
    r"[-\s]+(?:(?:calendar|working|business|full|consecutive)\s+)?"
    r"(?:(days?|Tagen?|jours?|giorni|días)|weeks?|Wochen?|semaines?|settimane|semanas)\b",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one text: what stands in the one sentence, in the whole, and beside the box."""

    kind: str
    title: str
    summary: str
    source: str
    box: str = ""
    scope: str = scopes.SHOP


def stumbles(text: Wording) -> list[str]:
    """Advice about one text, in sentences for its writer."""
    return [*_long(text), *_shouted(text), *_disagreeing(text), *_short(text)]


def days(words: str, values: Mapping[str, Value]) -> set[int]:
    """Every number of days a text names, in digits or in words, its variables filled in. A week has seven."""
    filled = _VARIABLE.sub(lambda match: in_words(values.get(match[1], match[0]), "en"), words)
    return {_number(number) * (1 if in_days else 7) for number, in_days in _DAYS.findall(filled)}


def contradictions(texts: Iterable[Wording], values: Mapping[str, Value]) -> list[str]:
    """Texts that apply to the same cart and promise different days, or something back that is sold for good."""
    texts = list(texts)
    found = []
    for kind, called in WINDOWS.items():
        told = {text.title: _promised(text, values) for text in texts if text.kind == kind}
        named = {title: promised for title, promised in told.items() if promised}
        if len(set(map(frozenset, named.values()))) > 1:
            each = "; ".join(f"“{title}” says {_listed(promised)}" for title, promised in named.items())
            found.append(f"{called} contradict each other: {each}.")
    return found + _for_good(texts, values)


def _promised(text: Wording, values: Mapping[str, Value]) -> set[int]:
    """What the one sentence says; where it says nothing, what the whole text does."""
    return _window(text.summary, text.kind, values) or _window(text.source, text.kind, values)


def _window(words: str, kind: str, values: Mapping[str, Value]) -> set[int]:
    """The days to act in; within how many days the money comes is another promise, and that of refunds alone."""
    clauses = [clause for piece in _pieces(words) for clause in _CLAUSE.split(piece)]
    if kind != Kind.REFUNDS:
        clauses = [clause for clause in clauses if _BACK.search(clause) or not _MONEY.search(clause)]
    return set().union(*(days(clause, values) for clause in clauses))


def _for_good(texts: Iterable[Wording], values: Mapping[str, Value]) -> list[str]:
    """A final sale of some things is an exception from returns; one of all that they are promised for is none."""
    texts = list(texts)
    return [
        f"“{final.title}” sells for good what “{back.title}” takes back for {_listed(_promised(back, values))}."
        for final in texts
        for back in texts
        if final.kind == Kind.FINAL_SALE and back.kind == Kind.RETURNS and _promised(back, values)
        if scopes.widened(scopes.keys(final.scope)) <= scopes.widened(scopes.keys(back.scope))
    ]


def _pieces(text: str) -> list[str]:
    """Paragraphs, headings and points of lists, each in one line however it was wrapped."""
    pieces: list[str] = []
    open_ = False
    for line in text.splitlines():
        if open_ and line.strip() and not _BEGINS.match(line):
            pieces[-1] += f" {line.strip()}"
        elif line.strip():
            pieces.append(line.strip())
        open_ = bool(line.strip()) and not line.lstrip().startswith("#")
    return pieces


def _number(said: str) -> int:
    if said.isdecimal():
        return int(said)
    return sum(_NUMBERS[word] for word in said.lower().replace("-", " ").split())


def _long(text: Wording) -> list[str]:
    pieces = [text.summary, *_pieces(text.source)]
    sentences = (match[0].strip() for piece in pieces for match in _SENTENCE.finditer(piece))
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
    whole = _window(text.source, text.kind, {})
    short = _window(f"{text.summary}\n\n{text.box}", text.kind, {})
    if not whole or short <= whole:
        return []
    return [f"The short words say {_listed(short - whole)}, the whole text {_listed(whole)}."]


def _short(text: Wording) -> list[str]:
    window = _promised(text, {}) if text.kind == Kind.CANCELLATIONS and "withdraw" in text.source.lower() else set()
    if not window or max(window) >= WITHDRAWAL:
        return []
    return [f"A right of withdrawal lasts {WITHDRAWAL} days at least in the European Economic Area, not {max(window)}."]


def _listed(numbers: Iterable[int]) -> str:
    return " and ".join(f"{number} days" for number in sorted(numbers))
