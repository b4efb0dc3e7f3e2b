"""The real processes of a shop, on a database and ports of their own: what a person's browser, or a fault, meets.

They must not share the suite's database: their sweeps would act on the rows of other tests.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from psycopg import sql

from checkout.sandbox.testing import SandboxServer
from merchant.demo.processes import commands
from merchant.demo.surroundings import HOST, Surroundings

CHECKOUT = Path(__file__).resolve().parents[1]
START_LIMIT = 300.0  # of a machine that does much else at the same time
STOP_LIMIT = 10.0
REDIS_OFFSET = 8  # the suite's own processes use the first databases of Redis

PROVIDER_TIMEOUT_SECONDS = 2.0
BUDGET_WAIT_SECONDS = 0.2
LEASE_SECONDS = 9.0  # until another takes over; a check refuses less than four time-outs and waits


class NotRunning(RuntimeError):
    """A process ended, or did not answer in time."""


@dataclass
class RunningShop:
    """Web, live, worker, beat and the payment provider's sandbox, each on a port of its own."""

    folder: Path
    database: str
    port: int = field(default_factory=lambda: two_free_ports())
    sandbox: SandboxServer = field(default_factory=SandboxServer)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Returns when a page can be asked for and a worker has been seen."""
        with override_settings(STATIC_ROOT=self.folder / "static"):
            call_command("collectstatic", interactive=False, link=True, verbosity=0)
        self.sandbox.start(webhook_url=f"{self.url}/webhooks/stripe/")
        for name in ("web", "live", "worker", "beat"):
            self.start_one(name)
        self._wait_until_ready()

    def start_one(self, name: str) -> None:
        command = commands(Surroundings(self.port, own_stripe=False))[name]
        if name == "beat":
            command[command.index("-s") + 1] = str(self.folder / "beat-schedule")
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=CHECKOUT, env=self._environment(), stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """SIGKILL: no goodbye, no clean-up."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def restart(self, name: str) -> None:
        """Again, with the environment of now; returns when it answers."""
        process = self.processes.pop(name)
        process.terminate()  # not killed: its workers would outlive it and go on answering
        process.wait()
        self.start_one(name)
        self._wait_until_ready()

    @contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        """The process lives and does nothing."""
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.sandbox.stop()

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))

    def _environment(self) -> dict[str, str]:
        redis = urlsplit(os.environ["REDIS_URL"])
        number = int(redis.path.strip("/") or 0) + REDIS_OFFSET
        return os.environ | {
            "DATABASE_URL": with_database(self.database),
            "REDIS_URL": urlunsplit(redis._replace(path=f"/{number}")),
            "REDIS_PREFIX": f"{self.database}:",
            "CELERY_SKIP_CHECKS": "1",  # as in the demo: they take a second in each process
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "LIVE_URL": f"http://{HOST}:{self.port + 1}",
            "STATIC_ROOT": str(self.folder / "static"),
            "MEDIA_ROOT": str(self.folder / "media"),
            "STRIPE_API_BASE": self.sandbox.base_url,
            "STRIPE_JS_URL": f"{self.sandbox.base_url}/sandbox/stripe.js",
            "STRIPE_WEBHOOK_SECRETS": self.sandbox.webhook_secret,
            "REFUSALS_PER_ADDRESS_AN_HOUR": "1000",  # all fans of all tests share one address and a few test cards
            "REFUSALS_PER_CARD_AN_HOUR": "1000",
            "API_REQUESTS_PER_ADDRESS": "1000000",
            "JOINS_PER_ADDRESS_AN_HOUR": "1000000",
            "STRIPE_TIMEOUT_SECONDS": str(PROVIDER_TIMEOUT_SECONDS),
            "STRIPE_BUDGET_WAIT_SECONDS": str(BUDGET_WAIT_SECONDS),
            "PAYMENT_LEASE_SECONDS": str(LEASE_SECONDS),
        }

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            if ended := [name for name, process in self.processes.items() if process.poll() is not None]:
                raise NotRunning(f"{', '.join(ended)} ended:\n{self.logs()}")
            if self.answers():
                return
            time.sleep(0.1)  # polling a condition: the processes are starting
        raise NotRunning(f"not ready after {START_LIMIT:.0f} s:\n{self.logs()}")

    def answers(self) -> bool:
        """Whether a page can be asked for, and its live news."""
        addresses = (f"{self.url}/readyz", f"http://{HOST}:{self.port + 1}/healthz")
        try:
            return all(httpx.get(address, trust_env=False, timeout=5).is_success for address in addresses)
        except httpx.HTTPError:
            return False


def two_free_ports() -> int:
    """The first of two neighbours: the live process listens on the one after the web's."""
    while True:
        with closing(socket.create_server((HOST, 0))) as first:
            port = int(first.getsockname()[1])
            try:
                socket.create_server((HOST, port + 1)).close()
            except (OSError, OverflowError):
                continue
            return port


# --- the database --------------------------------------------------------------------------------------------------


@contextmanager
def own_database() -> Iterator[str]:
    """A copy of the suite's migrated database, dropped at the end."""
    connection.close()  # nobody may be connected to what is copied
    template = connection.settings_dict["NAME"]
    name = f"{template}_shop"
    _run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    _run("CREATE DATABASE {} TEMPLATE {}", name, template)
    try:
        yield name
    finally:
        _run("DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def working_in(database: str) -> Iterator[None]:
    """Let this process's verbs write there, too."""
    settings = connection.settings_dict
    before = settings["NAME"]
    connection.close()
    settings["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        settings["NAME"] = before


def with_database(name: str) -> str:
    """The address of a database of the suite's server."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def _run(statement: str, *names: str) -> None:
    with psycopg.connect(with_database("postgres"), autocommit=True) as server:
        server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
