"""How old somebody is. The server decides, from a date that is not kept."""

import re
from dataclasses import dataclass
from datetime import date

OLDEST_YEARS = 130
ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class AgeAsked:
    """What a rule wants to know before it sells: an age in years, and how it is shown."""

    minimum: int
    proof: str
    rule: str  # "spirits/v3"

    @property
    def question(self) -> str:
        """What to answer, for the fan."""
        if self.proof == "attestation":
            return f"Tick the box: you must be {self.minimum} or older to order this."
        return f"Enter your date of birth: you must be {self.minimum} or older to order this."


def age_on(day: date, *, born: date) -> int:
    """Whole years on ``day``: one more on the birthday itself, for those born on 29 February on 1 March else."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def read_birth_date(given: str | None, today: date) -> tuple[date | None, str]:
    """A date like 2001-12-31, if one was given; and a sentence about what is none."""
    given = (given or "").strip()
    if not given:
        return None, ""
    try:
        born = date.fromisoformat(given) if ISO_DAY.fullmatch(given) else None
    except ValueError:
        born = None
    if born is None:
        return None, "Enter your date of birth as year, month and day, like 2001-12-31."
    if not 0 <= age_on(today, born=born) <= OLDEST_YEARS:
        return None, "That is no date of birth. Enter it as year, month and day, like 2001-12-31."
    return born, ""
