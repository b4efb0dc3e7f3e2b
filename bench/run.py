"""The turns, the sums and the table. Run by `python -m bench`, which gives it services of its own."""

import json
import os
import platform
import statistics
import sys
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
django.setup()

from django.db import connection  # noqa: E402  # models want Django set up

from bench import servers, shop  # noqa: E402
from bench.load import Job, Outcome, agreed, send  # noqa: E402
from bench.servers import Server, serving  # noqa: E402
from checkout.models import Order  # noqa: E402
from drops.models import StockItem  # noqa: E402
from merchant.clock import now  # noqa: E402

CROWD, AT_ONCE = 120, 40  # how many want the last forty, and how many of them in the same moment
TURN_LIMIT = 50_000
NAMES = ("bare", "orders", "journeys")


@dataclass(frozen=True)
class Size:
    """How long the run is: rounds, seconds of a turn, orders in the tables before, deeds of a turn at most."""

    rounds: int = 7
    seconds: float = 3.0
    past: int = 20_000
    most: int = TURN_LIMIT


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
    faults: list[str] = field(default_factory=list)

    def ratios(self, name: str) -> list[float]:
        """Each turn beside the bare one of its round."""
        return [mine.rate / bare.rate for mine, bare in zip(self.turns[name], self.turns["bare"], strict=True)]


def measure(size: Size) -> Result:
    """Open the shop in the database at hand, let the servers take turns, then count. Leaves its rows behind."""
    shop.open_shop(now())
    with ExitStack() as running:
        web = running.enter_context(serving(*servers.SHOP, PUBLIC_URL="http://127.0.0.1"))
        job = _agreed_job(web, size)
        first = send(replace(job, connections=1, most=1))
        _refuse_a_bad_start(first)
        reference = Order.objects.get().reference
        shop.give_it_a_past(reference, size.past)
        stock_item = StockItem.objects.get(code=shop.BARE)
        bare = running.enter_context(
            serving(*servers.BARE, BENCH_ORDER=reference, BENCH_STOCK_ITEM=str(stock_item.pk))
        )
        result = Result(placed=first.placed)
        _take_turns(result, job, web=web, bare=bare, size=size)
        _sell_the_last(result, job)
    _count(result)
    return result


def _agreed_job(web: Server, size: Size) -> Job:
    """What the crowd sends: an order of the hot product under a quote of its own."""
    body = shop.order_body(shop.HOT)
    job = Job("orders", web.port, shop.SLUG, body, seconds=size.seconds, most=size.most)
    return replace(job, order=body | agreed(_quote(job)))


def _quote(job: Job) -> dict[str, Any]:
    wanted = {"lines": job.order["lines"], "country": job.order["address"]["country"]}
    url = f"http://127.0.0.1:{job.port}/api/v1/drops/{job.slug}/quote"
    asked = urllib.request.Request(url, json.dumps(wanted).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(asked) as answer:  # noqa: S310  # our own server
        quote: dict[str, Any] = json.load(answer)
        return quote


def _refuse_a_bad_start(first: Outcome) -> None:
    if first.placed != 1:
        raise RuntimeError(f"The first order was refused: {first.odd}")


def _take_turns(result: Result, job: Job, *, web: Server, bare: Server, size: Size) -> None:
    turns: dict[str, Callable[[], Turn]] = {
        "bare": lambda: _turn(replace(job, port=bare.port), bare),
        "orders": lambda: _turn(job, web),
        "journeys": lambda: _turn(replace(job, what="journeys"), web),
    }
    for number in range(size.rounds + 1):
        for name, take in turns.items():
            turn = take()
            if name != "bare":
                result.placed += turn.outcome.placed
            if turn.outcome.placed != sum(turn.outcome.answers.values()):
                result.faults.append(f"{name}: {turn.outcome.answers}, such as {turn.outcome.odd}")
            if number:  # the first round warms up: connections, prepared statements, caches
                result.turns[name].append(turn)


def _turn(job: Job, server: Server) -> Turn:
    web, postgres = server.cpu_seconds(), servers.postgres_cpu_seconds()
    outcome = send(job)
    deeds = max(outcome.placed, 1)
    return Turn(
        outcome,
        web_ms=1000 * (server.cpu_seconds() - web) / deeds,
        postgres_ms=1000 * (servers.postgres_cpu_seconds() - postgres) / deeds,
    )


def _sell_the_last(result: Result, job: Job) -> None:
    """A crowd for forty units, all at once: forty are sold, and everybody else is told so."""
    body = shop.order_body(shop.SCARCE)
    wanted = replace(job, order=body, connections=AT_ONCE, most=CROWD, seconds=30.0)
    outcome = send(replace(wanted, order=body | agreed(_quote(wanted))))
    result.last_units = outcome.answers
    told = {"201": shop.LAST_UNITS, "409 in-other-carts": CROWD - shop.LAST_UNITS}
    if outcome.answers != told:
        result.faults.append(f"the last units: {outcome.answers} instead of {told}, such as {outcome.odd}")


def _count(result: Result) -> None:
    result.faults += shop.count(shop.HOT).faults(result.placed)
    result.faults += shop.count(shop.SCARCE).faults(shop.LAST_UNITS)


# --- telling ------------------------------------------------------------------------------------------------------


def report(result: Result, size: Size) -> str:
    """The table of a run, in plain text."""
    lines = [
        f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {_setting('server_version')} with"
        f" fsync {_setting('fsync')}, {size.past:,} orders before; {size.rounds} rounds of {size.seconds:g} s a turn,"
        f" {Job.connections} connections",
        "",
        f"{'':10}{'a second':>10}{'least–most':>16}{'of bare':>9}{'least–most':>13}{'CPU ms a piece: web':>22}"
        f"{'PostgreSQL':>12}{'crowd':>7}",
    ]
    lines += [_line(result, name) for name in NAMES if result.turns[name]]
    lines += ["", _journey_times(result), _verdict(result)]
    return "\n".join(lines)


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


def main(size: Size) -> int:
    result = measure(size)
    print(report(result, size))
    return 1 if result.faults else 0


if __name__ == "__main__":
    rounds, seconds, past = sys.argv[1:]
    sys.exit(main(Size(int(rounds), float(seconds), int(past))))
