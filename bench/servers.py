"""The processes under measure: two granian servers of one size, and PostgreSQL; what they cost in CPU time."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.db import connection

CHECKOUT = Path(__file__).resolve().parents[1]
SIZE = ("--interface", "wsgi", "--workers", "2", "--blocking-threads", "2", "--log-level", "warning")
SHOP = ("merchant.demo.serve", "merchant.wsgi:application")
BARE = ("granian", "bench.bare:application")
START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """What all of its processes have used since they began."""
        return sum(_used(each) for each in [self.process, *self.process.children(recursive=True)])


@contextmanager
def serving(module: str, application: str, **env: str) -> Iterator[Server]:
    """Run ``python -m module … application`` on a free port until the block ends."""
    port = _free_port()
    given = os.environ | env | {"DATABASE_URL": database_url(), "PORT": str(port)}
    command = [sys.executable, "-m", module, *SIZE, "--port", str(port), application]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=given)
    try:
        _wait_until_it_answers(port, process)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)


def database_url() -> str:
    """The address of the database that Django is connected to: in a test it is not the one of the environment."""
    given = connection.settings_dict
    return f"postgresql://{given['USER']}:{given['PASSWORD']}@/{given['NAME']}?host={given['HOST'] or _host_option()}"


def postgres_cpu_seconds() -> float:
    """What PostgreSQL has used so far, those of its processes that have ended included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    postmaster = psutil.Process(pid).parent()
    assert postmaster is not None
    ended = postmaster.cpu_times()
    running = sum(_used(each) for each in [postmaster, *postmaster.children()])
    return running + float(ended.children_user + ended.children_system)


def _host_option() -> str:
    return str(connection.settings_dict["OPTIONS"]["host"])


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            knock = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            knock.request("GET", "/healthz")
            if knock.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            knock.close()
    raise RuntimeError("A server did not start; what it said stands above.")
