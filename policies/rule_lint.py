"""Rules that contradict each other, or that never matter: what a merchant should look at before publishing."""

from collections.abc import Iterable, Sequence
from itertools import combinations, permutations

from policies.places import in_words
from policies.rules import Term
from policies.rules_models import Effect, Proof


def contradictions(terms: Sequence[Term], *, ships_to: Sequence[str] = ()) -> list[str]:
    """A sentence about each thing that cannot be meant so."""
    found = [said for term in terms for said in _alone(term, ships_to)]
    found += [said for one, other in permutations(terms, 2) if (said := _in_vain(one, other))]
    found += [said for one, other in combinations(terms, 2) if (said := _nowhere_left(one, other))]
    return list(dict.fromkeys(found))


def _alone(term: Term, ships_to: Sequence[str]) -> Iterable[str]:
    if term.effect == Effect.REFUSE and not term.places and not term.elsewhere:
        yield f"{term.ref} refuses {_what(term)} everywhere: nothing of it can be sold."
    inside = [place for place in term.places if len(place) > 2 and place[:2] in term.places]
    if inside:
        yield f"{term.ref} names {in_words(inside[0])} and the whole country: the country is enough."
    if ships_to and term.places and not term.elsewhere and not {place[:2] for place in term.places} & set(ships_to):
        yield f"{term.ref} never matters: the shop delivers to none of its places."


def _in_vain(one: Term, other: Term) -> str:
    """When whatever ``other`` says is decided by ``one`` already."""
    if not (_same_goods(one, other) and _covers(one, other)):
        return ""
    twins = _same_goods(other, one) and _covers(other, one)
    match one.effect, other.effect:
        case (Effect.REFUSE, Effect.REFUSE):
            return f"{other.ref} says what {one.ref} says already." if not twins or one.ref < other.ref else ""
        case (Effect.REFUSE, _):
            return f"{other.ref} never matters: {one.ref} refuses {_what(other)} there altogether."
        case (Effect.MOST, Effect.MOST) if one.most < other.most or (one.most == other.most and one.ref < other.ref):
            return f"{other.ref} never matters: {one.ref} allows {one.most} at most."
        case (Effect.AGE, Effect.AGE):
            return _older(one, other)
    return ""


def _older(one: Term, other: Term) -> str:
    if one.minimum_age < other.minimum_age:
        return ""
    if one.proof == Proof.ATTESTATION and other.proof == Proof.BIRTH_DATE:
        return f"{one.ref} takes a box to tick, and {other.ref} wants a date of birth: fans are asked for the date."
    if one.minimum_age > other.minimum_age or one.ref < other.ref:
        return f"{other.ref} never matters: {one.ref} asks for {one.minimum_age} years."
    return ""


def _nowhere_left(one: Term, other: Term) -> str:
    """Two rules that each leave some places to sell in, and no place that both leave."""
    if not (one.effect == other.effect == Effect.REFUSE and one.elsewhere and other.elsewhere):
        return ""
    if not (_same_goods(one, other) or _same_goods(other, one)):
        return ""
    if any(_touch(mine, theirs) for mine in one.places for theirs in other.places):
        return ""
    goods = other if _same_goods(one, other) else one
    return f"{one.ref} and {other.ref} leave no place where {_what(goods)} can be sold."


def _same_goods(one: Term, other: Term) -> bool:
    return one.tag in ("", other.tag)


def _covers(one: Term, other: Term) -> bool:
    """Whether ``one`` holds wherever ``other`` does. Where nobody can tell, it does not."""
    if not one.places:
        return not one.elsewhere
    if other.elsewhere or not other.places:
        within = {place for place in other.places if any(_inside(mine, place) for mine in one.places)}
        return one.elsewhere and other.elsewhere and all(any(_inside(m, p) for p in within) for m in one.places)
    if one.elsewhere:
        return not any(_touch(mine, theirs) for mine in one.places for theirs in other.places)
    return all(any(_inside(theirs, mine) for mine in one.places) for theirs in other.places)


def _inside(small: str, big: str) -> bool:
    """A region lies in its country, postal codes in wider ones."""
    if small == big or big == small[:2]:
        return True
    if len(small) < 4 or len(big) < 4 or small[:3] != big[:3] or big[2] != " ":
        return False
    low, high = _range(big)
    mine_low, mine_high = _range(small)
    return len(mine_low) >= len(low) and low <= mine_low[: len(low)] and mine_high[: len(high)] <= high


def _touch(one: str, other: str) -> bool:
    """Whether they may have an address in common: a region and a postal code of one country may."""
    if one[:2] != other[:2]:
        return False
    if len(one) == 2 or len(other) == 2 or one[2] != other[2]:
        return True
    return _inside(one, other) or _inside(other, one)


def _range(place: str) -> tuple[str, str]:
    low, _, high = place[3:].partition("-")
    return low, high or low


def _what(term: Term) -> str:
    return f"what is tagged “{term.tag}”" if term.tag else "everything"
