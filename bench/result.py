"""What a run has seen, and how it is told."""

import os
import platform
import statistics
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection

from bench import shop
from bench.load import Job, Outcome
from bench.paying import LATENCY_SECONDS, Paid

CROWD, AT_ONCE = 120, 40  # how many want the last forty, and how many of them in the same moment
TURN_LIMIT = 50_000
NAMES = ("bare", "orders", "journeys")
HEADINGS = (
    f"{'':10}{'a second':>10}{'least–most':>16}{'of bare':>9}{'least–most':>13}"
    f"{'CPU ms a piece: web':>22}{'PostgreSQL':>12}{'crowd':>7}"
)


@dataclass(frozen=True)
class Size:
    """How long the run is: rounds, seconds of a turn, orders in the tables before, deeds of a turn at most; then how
    many payments, and the seconds that the provider takes for an answer."""

    rounds: int = 7
    seconds: float = 3.0
    past: int = 20_000
    most: int = TURN_LIMIT
    payments: int = 300
    latency: float = LATENCY_SECONDS


@dataclass(frozen=True)
class Turn:
    """One turn of one of the three: rate a second, CPU milliseconds a deed of server, PostgreSQL and crowd."""

    outcome: Outcome
    web_ms: float
    postgres_ms: float

    @property
    def rate(self) -> float:
        return self.outcome.placed / self.outcome.seconds

    @property
    def crowd_ms(self) -> float:
        return 1000 * self.outcome.cpu_seconds / max(self.outcome.placed, 1)


@dataclass
class Result:
    """Everything that was seen. ``faults`` must be empty."""

    turns: dict[str, list[Turn]] = field(default_factory=lambda: {name: [] for name in NAMES})
    last_units: dict[str, int] = field(default_factory=dict)
    placed: int = 0
    paid: Paid = field(default_factory=lambda: Paid(0, 0, 0, 0.0))
    faults: list[str] = field(default_factory=list)

    def ratios(self, name: str) -> list[float]:
        """Each turn beside the bare one of its round."""
        return [mine.rate / bare.rate for mine, bare in zip(self.turns[name], self.turns["bare"], strict=True)]


def report(result: Result, size: Size) -> str:
    """The table of a run, in plain text."""
    about = (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {_setting('server_version')} with"
        f" fsync {_setting('fsync')}, {size.past:,} orders before; {size.rounds} rounds of {size.seconds:g} s a turn,"
        f" {Job.connections} connections"
    )
    lines = [about, "", HEADINGS, *(_line(result, name) for name in NAMES)]
    return "\n".join([*lines, "", _journey_times(result), _payments(result, size), _verdict(result)])


def _line(result: Result, name: str) -> str:
    turns, ratios = result.turns[name], result.ratios(name)
    rates = [turn.rate for turn in turns]
    spread = f"{min(rates):,.0f}–{max(rates):,.0f}"
    costs = [statistics.median(getattr(turn, part) for turn in turns) for part in ("web_ms", "postgres_ms", "crowd_ms")]
    return (
        f"{name:10}{statistics.median(rates):>10,.0f}{spread:>16}"
        f"{statistics.median(ratios):>9.2f}{f'{min(ratios):.2f}–{max(ratios):.2f}':>13}"
        f"{costs[0]:>22.2f}{costs[1]:>12.2f}{costs[2]:>7.2f}"
    )


def _journey_times(result: Result) -> str:
    """Percentiles over all rounds; a turn keeps its connections busy, so this is the time under full load."""
    took = [each for turn in result.turns["journeys"] for each in turn.outcome.milliseconds]
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return f"A journey took {cuts[49]:.0f} ms (p50), {cuts[94]:.0f} ms (p95), {cuts[98]:.0f} ms (p99) under full load."


def _payments(result: Result, size: Size) -> str:
    paid = result.paid
    return (
        f"One worker paid {paid.paid} orders at {paid.rate:.1f} a second while each of the provider's answers, two an"
        f" order, took {size.latency:g} s; the budget allows {settings.STRIPE_CALLS_PER_SECOND} a second of each."
    )


def _verdict(result: Result) -> str:
    if result.faults:
        return "WRONG:\n- " + "\n- ".join(result.faults)
    return (
        f"{CROWD} fans for {shop.LAST_UNITS} units: {result.last_units}. {result.placed:,} orders and as many units"
        " held: nothing oversold, nothing lost."
    )


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        (value,) = cursor.fetchone()
    return str(value).split(" ", maxsplit=1)[0]
