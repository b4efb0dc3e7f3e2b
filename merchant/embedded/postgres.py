"""One PostgreSQL cluster: made, started, found again, stopped."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from merchant.embedded import background
from merchant.embedded.account import Account
from merchant.embedded.errors import CannotStart
from merchant.embedded.owners import lives, wait_until_gone
from merchant.embedded.places import check_space, socket_folder

START_SECONDS = 60
STOP_SECONDS = 20
MODEST = {"max_connections": "100", "shared_buffers": "128MB", "jit": "off", "timezone": "UTC", "listen_addresses": ""}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass(frozen=True)
class Cluster:
    """A data folder, the programs for it, and the account that owns it. `durable=False` trades safety for speed."""

    data: Path
    programs: Path
    account: Account
    durable: bool = True

    def create(self) -> None:
        """Makes the data folder unless it is there. No server may be running on it."""
        if (self.data / "PG_VERSION").exists():
            return
        check_space(self.data.parent)
        shutil.rmtree(self.data, ignore_errors=True)  # an initdb that was interrupted leaves a part
        self.data.mkdir(mode=0o700)
        self.account.give(self.data)
        command: list[str | Path] = [
            self.programs / "initdb",
            "-D",
            self.data,
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
        ]
        # The same order of letters on every machine; the wheel is built without ICU.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        made = self.account.run(*command, *locale, *([] if self.durable else ["--no-sync"]), cwd=self.data)
        if made.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise CannotStart(f"PostgreSQL's data folder could not be made: {_last_line(made.stderr)}")

    def start(self) -> None:
        """Starts the server, or finds the one that a killed supervisor left running."""
        if self.url() is not None:
            return
        self._forget_a_dead_server()
        sockets = socket_folder()
        self.account.give(sockets)
        settings = MODEST | {"unix_socket_directories": str(sockets)} | ({} if self.durable else FORGETFUL)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data, *options]
        process = background.start(command, account=self.account, folder=self.data, log=self._log)
        try:
            self._wait_until_ready(process)
        except CannotStart:
            shutil.rmtree(sockets, ignore_errors=True)
            raise

    def url(self, database: str = "postgres") -> str | None:
        """The address of a database of the running server; None when no server runs on this folder."""
        lines = self._note()
        if len(lines) < 8 or lines[7].strip() != "ready":
            return None
        url = f"postgresql://postgres@/{database}?host={lines[4]}"
        return url if _answers(f"postgresql://postgres@/postgres?host={lines[4]}", self.data) else None

    def ensure_database(self, name: str) -> str:
        """Creates a database of the running server unless it is there; returns its address."""
        url = self.url(name)
        if url is None:
            raise CannotStart(f"PostgreSQL stopped again by itself; its log is {self._log}.")
        with psycopg.connect(self.url() or "", autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return url

    def stop(self) -> None:
        """Ends the server after rolling back what was open; returns when it is gone."""
        process = self._process()
        sockets = Path(lines[4]) if len(lines := self._note()) > 4 else None
        if process is not None:
            process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
            if wait_until_gone([process], seconds=STOP_SECONDS):
                process.send_signal(signal.SIGQUIT)
                wait_until_gone([process], seconds=STOP_SECONDS)
            background.reap(process.pid)
        if sockets is not None and sockets.name.startswith("frontrow-"):
            shutil.rmtree(sockets, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    def _note(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _process(self) -> psutil.Process | None:
        lines = self._note()
        if not lines:
            return None
        try:
            process = psutil.Process(int(lines[0]))
            return process if process.name() == "postgres" and lives(process) else None
        except psutil.NoSuchProcess:
            return None

    def _forget_a_dead_server(self) -> None:
        # After a restart of the machine the number in postmaster.pid may belong to somebody else;
        # PostgreSQL would then refuse to start for fear of a second server.
        if self._process() is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.url() is None:
            if process.poll() is not None or time.monotonic() > deadline:
                line = _last_line(self._log.read_text(errors="replace"))
                raise CannotStart(f"PostgreSQL did not start ({line}); its log is {self._log}.")
            time.sleep(0.03)


def _answers(url: str, data: Path) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and os.path.realpath(row[0]) == os.path.realpath(data)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines[-20:] if "FATAL" in line or "error" in line]
    return (fatal or lines or ["no reason given"])[-1]
