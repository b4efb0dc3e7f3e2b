"""Waits until the shop answers, then says where to look."""

import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from merchant.demo.surroundings import HOST, Surroundings

PATIENCE_SECONDS = 60.0


def welcome_when_ready(surroundings: Surroundings, started: float, say: Callable[[str], None]) -> None:
    """Says once that everything is up; after a minute, what is still missing."""
    warned = False
    while missing := _missing(surroundings):
        if not warned and time.monotonic() - started > PATIENCE_SECONDS:
            say(f"Not ready yet, still waiting for: {', '.join(missing)}.")
            warned = True
        time.sleep(0.1)
    say(_text(surroundings, time.monotonic() - started))


def using(surroundings: Surroundings) -> list[str]:
    """One line for each service: whose it is."""
    services = "its own (from Python wheels)" if surroundings.own_services else None
    return [
        f"PostgreSQL: {services or _without_password(os.environ['DATABASE_URL']) + ' (DATABASE_URL)'}",
        f"Redis:      {services or _without_password(os.environ['REDIS_URL']) + ' (REDIS_URL)'}",
        f"Stripe:     {'the sandbox on this machine' if surroundings.own_stripe else 'real, by STRIPE_SECRET_KEY'}",
    ]


def _missing(surroundings: Surroundings) -> list[str]:
    neighbours = {"live": surroundings.port + 1} | (
        {"sandbox": surroundings.port + 2} if surroundings.own_stripe else {}
    )
    deaf = [name for name, port in neighbours.items() if not _listens(port)]
    return deaf or _not_ready(surroundings.home_page)


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def _not_ready(home_page: str) -> list[str]:
    try:
        with urllib.request.urlopen(f"{home_page}readyz", timeout=5):  # noqa: S310  # our own http address
            return []
    except urllib.error.HTTPError as answer:
        try:
            return [name for name, there in json.load(answer).items() if not there] or ["web"]
        except ValueError:
            return ["web"]
    except OSError:
        return ["web"]


def _text(surroundings: Surroundings, seconds: float) -> str:
    page, password = surroundings.home_page, surroundings.variables["FRONTROW_DEMO_PASSWORD"]
    lines = [
        f"Ready after {seconds:.1f} s. Open {page}",
        "",
        f"  the shop        {page}",
        f"  the policies    {page}policies/changelog/",
        f"  the merchant    {page}admin/",
        f"  the API         {page}api/v1/docs",
        *([f"  Stripe sandbox  {surroundings.sandbox}/"] if surroundings.own_stripe else []),
        *([f"  what it mails   {surroundings.mails}/"] if surroundings.mails else []),
        "",
        f"  sign in at /admin/ as owner, manager or reviewer, password {password}",
        "  pay with 4242 4242 4242 4242; …0002 is declined, 4000 0027 6000 3184 asks back",
        "",
        "Ctrl-C stops everything; the data stays until `make demo-reset`.",
    ]
    return "\n".join(lines)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url
