"""The right to withdraw from a contract that was made at a distance: who has it, for what, and until when.

Directive 2011/83/EU, Articles 9 and 16, and Article 11a as added by Directive (EU) 2023/2673. Pure: no query, no clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from babel.core import get_global

# Where the directive applies: the member states, and the EEA with them.
COUNTRIES = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "HR",
        "CY",
        "CZ",
        "DK",
        "EE",
        "FI",
        "FR",
        "DE",
        "GR",
        "HU",
        "IE",
        "IT",
        "LV",
        "LT",
        "LU",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SK",
        "SI",
        "ES",
        "SE",
        "IS",
        "LI",
        "NO",
    ]
)
DAYS = 14
NEVER = datetime.max.replace(tzinfo=UTC)
REFUND_DAYS = 14  # Article 13(1), from the day that we were told
# Tags of products that Article 16 leaves out, each with its reason in the fan's words.
EXCLUDED = {
    "personalised": "made for you alone, and the law leaves such goods out (Article 16(c))",
    "perishable": "goods that spoil or expire soon, which the law leaves out (Article 16(d))",
}


@dataclass(frozen=True, slots=True)
class Period:
    """Until when. Without ``ends_at`` it has not begun to run out: something was not received yet."""

    ends_at: datetime | None = None
    last_day: date | None = None

    def is_open(self, now: datetime) -> bool:
        return self.ends_at is None or now < self.ends_at


def applies(country: str) -> bool:
    """Whether a consumer there has the right by law."""
    return country.upper() in COUNTRIES


def excluded(tags: Iterable[str]) -> str:
    """Why a product cannot be withdrawn from; empty where it can."""
    return next((EXCLUDED[tag] for tag in tags if tag in EXCLUDED), "")


def period(country: str, receipts: Iterable[datetime | None]) -> Period:
    """From when each good was received, ``None`` for one that was not yet.

    Article 9(2)(b): goods of one order that come separately count from the last of them.
    """
    received = list(receipts)
    known = [at for at in received if at is not None]
    return _from(country.upper(), max(known)) if known and len(known) == len(received) else Period()


def of_contract(country: str, made_at: datetime | None) -> Period:
    """For what is not sent, from the day on which the contract was made: Article 9(2)(a) and (c).

    It ends sooner only by a consent to begin at once that is on record (Article 16(m)), and this shop asks for none.
    """
    return period(country, [made_at])


def last_of(periods: Iterable[Period]) -> Period:
    """The one that ends last; one without an end, if there is any."""
    found = list(periods)
    ending = [each for each in found if each.ends_at is not None]
    return max(ending, key=lambda each: each.ends_at or NEVER) if ending and len(ending) == len(found) else Period()


def _from(country: str, received_at: datetime) -> Period:
    """Regulation (EEC, Euratom) No 1182/71, Article 3: the day itself does not count, the period ends with the last
    hour of its last day, and a last day that is a Saturday, Sunday or public holiday moves to the next working day.

    Of a country's time zones the one counts in which it ends last.
    """
    zones = [ZoneInfo(name) for name in get_global("territory_zones").get(country, [])] or [ZoneInfo("UTC")]
    last = {zone: _working(country, received_at.astimezone(zone).date() + timedelta(days=DAYS)) for zone in zones}
    ends = {zone: datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC) for zone, day in last.items()}
    latest = max(ends, key=lambda zone: ends[zone])
    return Period(ends[latest], last[latest])


def _working(country: str, day: date) -> date:
    while day.weekday() >= 5 or day in _holidays(country, day.year):
        day += timedelta(days=1)
    return day


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> frozenset[date]:
    known = country in holidays.list_supported_countries()
    return frozenset(holidays.country_holidays(country, years=year)) if known else frozenset()
