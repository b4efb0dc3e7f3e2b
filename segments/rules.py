"""A segment's rule: a small tree in JSON, read once into parts that know their SQL and their words.

``{"did": "purchased", "at_least": 2, "within_days": 365, "subject": "drop:winter-robe"}`` (all but ``did`` optional) ·
``{"country": ["US", "CA"]}`` · ``{"agreed": "email"}`` ·
``{"all": [rule, …]}`` · ``{"any": [rule, …]}`` · ``{"not": rule}``
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any, Protocol, TypeVar

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, TextChoices, Value
from django.db.models.lookups import Exact

from segments.errors import BadRule
from segments.models import Channel, Consent, Fan, Footprint, FootprintKind

DEEPEST = 8
MOST_PARTS = 50
LONGEST_SUBJECT = 80
Choice = TypeVar("Choice", bound=TextChoices)


class Rule(Protocol):
    def condition(self, now: datetime) -> Q:
        """What a fan must meet, as SQL over Fan."""

    def words(self) -> str:
        """The same for people: ``purchased at least 2 times in the last 365 days``."""


def fans(rule: Any, *, now: datetime) -> QuerySet[Fan]:
    """Everybody who matches at ``now``. Raises BadRule."""
    return Fan.objects.filter(parse(rule).condition(now))


def in_words(rule: Any) -> str:
    """Raises BadRule."""
    words = parse(rule).words()
    return f"Fans who {words.removeprefix('(').removesuffix(')') if words.startswith('(') else words}"


def parse(rule: Any, depth: int = 0) -> Rule:
    """Raises BadRule, which says in which part of the rule it stumbled."""
    if not isinstance(rule, dict):
        raise BadRule(f'A rule is written in braces, like {{"did": "purchased"}}; this is {rule!r}.')
    if depth > DEEPEST:
        raise BadRule(f"Rules may stand in one another {DEEPEST} times, not more.")
    for word, reader in READERS.items():
        if word in rule:
            return reader(rule, depth)
    raise BadRule(f"A rule says one of {', '.join(READERS)}; this says {', '.join(map(str, rule)) or 'nothing'}.")


# --- the parts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Did:
    kind: FootprintKind
    subject: str = ""
    at_least: int = 1
    within_days: int | None = None

    def condition(self, now: datetime) -> Q:
        deeds = Footprint.objects.filter(kind=self.kind)
        if self.subject:
            deeds = deeds.filter(subject=self.subject)
        if self.within_days is not None:
            deeds = deeds.filter(at__gte=now - timedelta(days=self.within_days))
        doers = deeds.order_by().values("fan").annotate(times=Count("id")).filter(times__gte=self.at_least)
        return Q(pk__in=doers.values("fan"))

    def words(self) -> str:
        times = "" if self.at_least == 1 else f" at least {self.at_least} times"
        where = f" in {self.subject}" if self.subject else ""
        when = "" if self.within_days is None else f" in the last {self.within_days} days"
        return self.kind.label[0].lower() + self.kind.label[1:] + where + times + when


@dataclass(frozen=True)
class LivesIn:
    countries: tuple[str, ...]

    def condition(self, now: datetime) -> Q:
        return Q(country__in=self.countries)

    def words(self) -> str:
        return f"live in {' or '.join(self.countries)}"


@dataclass(frozen=True)
class Agreed:
    channel: Channel

    def condition(self, now: datetime) -> Q:
        newest = Consent.objects.filter(fan=OuterRef("pk"), channel=self.channel, topic="drops").order_by("-id")
        return Q(Exact(Subquery(newest.values("granted")[:1]), Value(True)))

    def words(self) -> str:
        return f"agreed to {self.channel.label}"


@dataclass(frozen=True)
class Several:
    rules: tuple[Rule, ...]
    join: Callable[[Q, Q], Q]
    joint: str

    def condition(self, now: datetime) -> Q:
        return reduce(self.join, (rule.condition(now) for rule in self.rules))

    def words(self) -> str:
        return "(" + f" {self.joint} ".join(rule.words() for rule in self.rules) + ")"


@dataclass(frozen=True)
class Not:
    rule: Rule

    def condition(self, now: datetime) -> Q:
        # By key: "not" of a condition that is unknown (a fan never asked for consent) must be true, not unknown.
        return ~Q(pk__in=Fan.objects.filter(self.rule.condition(now)).values("pk"))

    def words(self) -> str:
        return f"not ({self.rule.words()})"


# --- reading ---------------------------------------------------------------------------------------------------------


def _did(rule: dict[str, Any], _: int) -> Did:
    _only(rule, "did", "subject", "at_least", "within_days")
    within = _number(rule, "within_days") if "within_days" in rule else None
    kind = _choice(FootprintKind, rule["did"])
    return Did(kind, _subject(rule.get("subject", "")), _number(rule, "at_least") if "at_least" in rule else 1, within)


def _lives_in(rule: dict[str, Any], _: int) -> LivesIn:
    _only(rule, "country")
    countries = rule["country"] if isinstance(rule["country"], list) else [rule["country"]]
    if not countries or not all(_is_country(country) for country in countries):
        raise BadRule(f"Countries are two letters each, like US; this says {rule['country']!r}.")
    return LivesIn(tuple(country.upper() for country in countries))


def _is_country(said: Any) -> bool:
    return isinstance(said, str) and len(said) == 2 and said.isascii() and said.isalpha()


def _agreed(rule: dict[str, Any], _: int) -> Agreed:
    _only(rule, "agreed")
    return Agreed(_choice(Channel, rule["agreed"]))


def _all(rule: dict[str, Any], depth: int) -> Several:
    return Several(_rules(rule, "all", depth), and_, "and")


def _any(rule: dict[str, Any], depth: int) -> Several:
    return Several(_rules(rule, "any", depth), or_, "or")


def _not(rule: dict[str, Any], depth: int) -> Not:
    _only(rule, "not")
    return Not(parse(rule["not"], depth + 1))


def _rules(rule: dict[str, Any], word: str, depth: int) -> tuple[Rule, ...]:
    _only(rule, word)
    if not isinstance(rule[word], list) or not rule[word]:
        raise BadRule(f'After "{word}" stands a list of rules.')
    if len(rule[word]) > MOST_PARTS:
        raise BadRule(f'After "{word}" stand at most {MOST_PARTS} rules.')
    return tuple(parse(part, depth + 1) for part in rule[word])


def _only(rule: dict[str, Any], *words: str) -> None:
    if strange := [word for word in rule if word not in words]:
        raise BadRule(f'"{words[0]}" does not go with "{strange[0]}".')


def _subject(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_SUBJECT or not value.isprintable():
        raise BadRule(f'"subject" is a name of at most {LONGEST_SUBJECT} signs, like drop:winter-robe.')
    return value


def _number(rule: dict[str, Any], word: str) -> int:
    value = rule[word]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 36_500:
        raise BadRule(f'"{word}" is a whole number from 1 on; this says {value!r}.')
    return value


def _choice(choices: type[Choice], value: Any) -> Choice:
    if value not in choices.values:
        raise BadRule(f"{value!r} is none of {', '.join(choices.values)}.")
    return choices(value)


READERS: dict[str, Callable[[dict[str, Any], int], Rule]] = {
    "did": _did,
    "country": _lives_in,
    "agreed": _agreed,
    "all": _all,
    "any": _any,
    "not": _not,
}
