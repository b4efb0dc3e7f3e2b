"""Which rules stand at an instant, and what each says about an order. No query while they are remembered."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from policies.ages import AgeAsked, age_on
from policies.places import In, Where, lies_in, needs
from policies.rules_models import Effect, Proof, RuleVersion, UnknownPlace

FRESH_SECONDS = 1.0
DIGITAL = "digital"  # the tag of what is not shipped


@dataclass(frozen=True, slots=True)
class Item:
    """A line as rules see it."""

    tags: frozenset[str]
    quantity: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what: the shipping address, the place the IP seems to be in ("" unknown), and the age as shown.

    ``whole``: an order, with its whole address. A quote may come before it was typed.
    """

    where: Where
    ip_place: str = ""
    born: date | None = None
    attested: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """What one version of a rule says. Its text for the fan is ``reason``."""

    slug: str
    ref: str
    effect: str
    tag: str
    places: tuple[str, ...]
    elsewhere: bool
    most: int
    minimum_age: int
    proof: str
    unknown_place: str
    reason: str
    lifted: bool
    effective_at: datetime


@dataclass
class Findings:
    """What the rules said, one after the other."""

    said: list[tuple[str, str]] = field(default_factory=list)
    refusal: str = ""
    advisory: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    age: AgeAsked | None = None
    age_open: bool = False

    def note(self, term: Term, outcome: str) -> None:
        self.said.append((term.ref, outcome))

    def refuse(self, term: Term, outcome: str) -> None:
        self.note(term, outcome)
        self.refusal = self.refusal or term.reason


_known: list[tuple[float, tuple[Term, ...]]] = []


def forget() -> None:
    """Read the rules anew at the next call: after publishing, and between tests."""
    _known.clear()


def standing(now: datetime) -> list[Term]:
    """The rules in force at ``now``. A new version counts from its effective time, to the instant."""
    best: dict[str, Term] = {}
    for term in published():  # in the order of their beginning: a later one replaces the earlier
        if term.effective_at <= now:
            best[term.slug] = term
    return [term for term in best.values() if not term.lifted]


def published() -> tuple[Term, ...]:
    """Every published version, at most a second old."""
    read_at = time.monotonic()
    known = next(iter(_known), None)  # looked at once: another thread may forget them at any moment
    if known is None or read_at - known[0] > FRESH_SECONDS:
        rows = RuleVersion.objects.filter(published_at__isnull=False).select_related("rule")
        known = (read_at, tuple(map(term_of, rows.order_by("rule__title", "rule_id", "effective_at", "number"))))
        _known[:] = [known]
    return known[1]


def term_of(version: RuleVersion) -> Term:
    """A version, a draft too, as a term: of a draft, one that begins now and for ever."""
    return Term(
        slug=version.rule.slug,
        ref=version.ref,
        effect=version.effect,
        tag=version.tag,
        places=tuple(version.places),
        elsewhere=version.elsewhere,
        most=version.most or 0,
        minimum_age=version.minimum_age or 0,
        proof=version.proof,
        unknown_place=version.unknown_place,
        reason=version.reason,
        lifted=version.lifted,
        effective_at=version.effective_at or version.created_at,
    )


def ask(terms: Iterable[Term], asked: Asked, items: Sequence[Item], *, today: date) -> Findings:
    """What each of ``terms`` says. ``today`` is the shop's day: on it a birthday counts."""
    findings = Findings()
    for term in terms:
        meant = [item for item in items if not term.tag or term.tag in item.tags]
        if meant and _holds(term, asked, meant, findings):
            _apply(term, asked, meant, findings, today)
    return findings


def _holds(term: Term, asked: Asked, meant: Sequence[Item], findings: Findings) -> bool:
    """Whether the rule holds for this order's place; what it asks for, or only remarks, goes to ``findings``."""
    if not term.places:
        return not term.elsewhere
    here = _place(term, asked.where)
    if here is In.UNSURE and asked.whole:
        findings.fields |= needs(term.places, asked.where)
    if here is In.YES:
        return True
    there = _place(term, _ip_where(asked.ip_place)) if asked.ip_place else In.UNSURE
    if any(DIGITAL in item.tags for item in meant):
        return _holds_unshipped(term, there, findings)
    if there is In.YES and term.effect == Effect.REFUSE:
        findings.note(term, "advice: the IP is in a restricted place")
        findings.advisory = True
    return False


def _holds_unshipped(term: Term, there: In, findings: Findings) -> bool:
    """A digital good goes to where its fan is: the IP's place counts beside the address, and unknown the fallback."""
    if there is In.UNSURE:
        refused = term.unknown_place == UnknownPlace.REFUSE
        findings.note(term, f"place unknown: {'held to' if refused else 'went by the address'}")
        findings.advisory = True
        return refused
    return there is In.YES


def _place(term: Term, where: Where) -> In:
    found = lies_in(term.places, where)
    if not term.elsewhere or found is In.UNSURE:
        return found
    return In.NO if found is In.YES else In.YES


def _ip_where(place: str) -> Where:
    country, _, region = place.partition("-")
    return Where(country, region)


def _apply(term: Term, asked: Asked, meant: Sequence[Item], findings: Findings, today: date) -> None:
    match term.effect:
        case Effect.REFUSE:
            findings.refuse(term, "refused")
        case Effect.MOST:
            units = sum(item.quantity for item in meant)
            if units > term.most:
                findings.refuse(term, "too many")
            else:
                findings.note(term, "within")
        case Effect.AGE:
            _apply_age(term, asked, findings, today)


def _apply_age(term: Term, asked: Asked, findings: Findings, today: date) -> None:
    wanted = AgeAsked(term.minimum_age, term.proof, term.ref)
    findings.age = _stricter(findings.age, wanted)
    if asked.born is not None:  # who gives a date is held to it
        if age_on(today, born=asked.born) < term.minimum_age:
            findings.refuse(term, "too young")
        else:
            findings.note(term, "of age by date of birth")
    elif term.proof == Proof.ATTESTATION and asked.attested:
        findings.note(term, "of age by attestation")
    else:
        findings.note(term, "age not shown")
        findings.age_open = True


def _stricter(one: AgeAsked | None, other: AgeAsked) -> AgeAsked:
    """The higher age; and a date of birth where any rule wants one."""
    if one is None:
        return other
    first = one if one.minimum >= other.minimum else other
    proofs = {one.proof, other.proof}
    return AgeAsked(first.minimum, Proof.BIRTH_DATE if Proof.BIRTH_DATE in proofs else Proof.ATTESTATION, first.rule)
