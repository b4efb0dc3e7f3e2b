"""One Redis: started, found again, stopped. It keeps nothing: PostgreSQL is the truth."""

import json
import secrets
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis

from merchant.embedded import background
from merchant.embedded.account import myself
from merchant.embedded.binaries import redis_program
from merchant.embedded.errors import CannotStart
from merchant.embedded.owners import wait_until_gone
from merchant.embedded.places import write_private

START_SECONDS = 60
STOP_SECONDS = 10
ATTEMPTS = 5  # another process may take the free port before Redis does
DATABASES = 64  # one for each test process


@dataclass(frozen=True)
class RedisServer:
    """A folder with the server's port, password and log."""

    folder: Path

    def start(self) -> None:
        """Starts the server on a free loopback port, or finds the one that a killed supervisor left running."""
        if self.url() is not None:
            return
        for _ in range(ATTEMPTS):
            if self._start_on(_free_port()):
                return
        raise CannotStart(f"Redis did not start; its log is {self._log}.")

    def url(self) -> str | None:
        """The address of the running server; None when it does not answer."""
        try:
            note = json.loads(self._note.read_text())
        except FileNotFoundError:
            return None
        url = f"redis://:{note['password']}@127.0.0.1:{note['port']}/0"
        return url if _answers(url) else None

    def stop(self) -> None:
        """Ends the server; returns when it is gone."""
        url = self.url()
        if url is None:
            return
        with redis.Redis.from_url(url) as client:
            process = psutil.Process(int(client.info("server")["process_id"]))
            client.shutdown(nosave=True)
        wait_until_gone([process], seconds=STOP_SECONDS)
        background.reap(process.pid)

    def _start_on(self, port: int) -> bool:
        password = secrets.token_urlsafe(24)
        configuration = {
            "bind": "127.0.0.1",
            "port": port,
            "requirepass": password,
            "databases": DATABASES,
            "save": '""',
            "appendonly": "no",
            "dir": f'"{self.folder}"',
        }
        # In a private file, so that the password is in no list of processes.
        write_private(self._configuration, "".join(f"{name} {value}\n" for name, value in configuration.items()))
        write_private(self._note, json.dumps({"port": port, "password": password}))
        command = [redis_program(), self._configuration]
        return self._became_ready(background.start(command, account=myself(), folder=self.folder, log=self._log))

    @property
    def _configuration(self) -> Path:
        return self.folder / "redis.conf"

    @property
    def _note(self) -> Path:
        return self.folder / "redis.json"

    @property
    def _log(self) -> Path:
        return self.folder / "redis.log"

    def _became_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self.url() is not None:
                return True
            time.sleep(0.03)
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
