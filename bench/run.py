"""The turns and the sums. Run by `python -m bench`, which gives it services of its own."""

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
django.setup()

from bench import paying, servers, shop  # noqa: E402  # models want Django set up
from bench.load import Job, Outcome, agreed, send  # noqa: E402
from bench.result import AT_ONCE, CROWD, Result, Size, Turn, report  # noqa: E402
from bench.servers import Server, serving  # noqa: E402
from checkout.models import Order  # noqa: E402
from drops.models import StockItem  # noqa: E402
from merchant.clock import now  # noqa: E402

# All of the crowd has one: counted, as in a shop, never refused.
ONE_ADDRESS = {"API_REQUESTS_PER_ADDRESS": "1000000000"}


def measure(size: Size) -> Result:
    """Open the shop in the database at hand, let the servers take turns, then count. Leaves its rows behind."""
    shop.open_shop(now())
    with ExitStack() as running:
        web = running.enter_context(serving(*servers.SHOP, PUBLIC_URL="http://127.0.0.1", **ONE_ADDRESS))
        job = _agreed_job(web, size)
        first = send(replace(job, connections=1, most=1))
        _refuse_a_bad_start(first)
        reference = Order.objects.get().reference
        shop.give_it_a_past(reference, size.past)
        stock_item = StockItem.objects.get(code=shop.BARE)
        bare = running.enter_context(serving(*servers.BARE, BENCH_ORDER=reference, BENCH_STOCK_ITEM=str(stock_item.pk)))
        result = Result(placed=first.placed)
        _take_turns(result, job, web=web, bare=bare, size=size)
        _sell_the_last(result, job)
    _count(result)
    result.paid = paying.pay(size.payments, size.latency)
    result.faults += result.paid.faults()
    return result


def _agreed_job(web: Server, size: Size) -> Job:
    """What the crowd sends: an order of the hot product under a quote of its own."""
    body = shop.order_body(shop.HOT)
    job = Job("orders", web.port, shop.SLUG, body, seconds=size.seconds, most=size.most)
    return replace(job, order=body | agreed(_quote(job)))


def _quote(job: Job) -> dict[str, Any]:
    wanted = {"lines": job.order["lines"], "country": job.order["address"]["country"]}
    url = f"http://127.0.0.1:{job.port}/api/v1/drops/{job.slug}/quote"
    asked = urllib.request.Request(url, json.dumps(wanted).encode(), {"Content-Type": "application/json"})
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


def main(size: Size) -> int:
    result = measure(size)
    print(report(result, size))
    return 1 if result.faults else 0


if __name__ == "__main__":
    rounds, seconds, past = sys.argv[1:]
    sys.exit(main(Size(int(rounds), float(seconds), int(past))))
