"""A rule in a sentence, for the people who write and read it."""

from collections.abc import Sequence

from policies.places import all_in_words
from policies.rules_models import Effect, Proof, RuleVersion, UnknownPlace

SHOWN_PLACES = 5


def sentence(version: RuleVersion) -> str:
    """``Everything tagged “spirits” is not sold in Utah (United States).``"""
    if version.lifted:
        return "It holds nowhere any more."
    what = f"Everything tagged “{version.tag}”" if version.tag else "Everything"
    match version.effect:
        case Effect.MOST:
            deed = f"is sold {_number(version.most)} at most in one order"
        case Effect.AGE:
            proof = "by date of birth" if version.proof == Proof.BIRTH_DATE else "by a box to tick"
            deed = f"is sold from {_number(version.minimum_age)} years on, shown {proof},"
        case _:
            deed = "is not sold"
    words = f"{what} {deed} {_where(version.places, elsewhere=version.elsewhere)}"
    return words.replace(", everywhere", "").removesuffix(" everywhere") + "." + _unknown(version)


def _where(places: Sequence[str], *, elsewhere: bool) -> str:
    if not places:
        return "nowhere" if elsewhere else "everywhere"
    every = all_in_words(places)
    names = every if len(every) <= SHOWN_PLACES else every[: SHOWN_PLACES - 1]
    if more := len(every) - len(names):
        names.append(f"{more} other places")
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"outside of {listed}" if elsewhere else f"in {listed}"


def _number(given: int | None) -> str:
    return str(given) if given else "?"


def _unknown(version: RuleVersion) -> str:
    if version.places and version.unknown_place == UnknownPlace.REFUSE:
        return " Digital goods too, when nobody knows where the fan is."
    return ""
