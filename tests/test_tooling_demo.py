"""`make demo` says in one clear line what is in its way."""

import fcntl
import os
import random
import re
import runpy
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
DEMO = [sys.executable, "-m", "merchant.demo"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout of its own, as far as the demo's start cares."""
    (tmp_path / "merchant").mkdir()
    for name in ("__init__.py", "embedded", "demo"):
        source = CHECKOUT / "merchant" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / "merchant" / name)
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """In an environment without any of our settings."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def taken_with_free_neighbours() -> socket.socket:
    """A port in use with two free ones below it: below the range out of which others are given ports meanwhile."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError):
            for neighbour in (port - 2, port - 1):
                socket.create_server(("127.0.0.1", neighbour)).close()
            return socket.create_server(("127.0.0.1", port))


@pytest.mark.parametrize("distance", [0, 1, 2])
def test_a_port_in_use(copy: Path, distance: int) -> None:
    with taken_with_free_neighbours() as taken:
        port = taken.getsockname()[1]
        result = run(DEMO, copy, PORT=str(port - distance))
    line = rf"Port {port} is in use by \S+, process {os.getpid()}: PORT=(7000|9000) make demo starts elsewhere\.\n"
    assert result.returncode == 1
    assert re.fullmatch(line, result.stderr)


@pytest.mark.parametrize("port", ["eight", "0", "65534", "-1"])
def test_a_port_that_is_none(copy: Path, port: str) -> None:
    result = run(DEMO, copy, PORT=port)
    assert result.returncode == 1
    assert result.stderr == f"PORT={port} is no port: it must be a number from 1 to 65533.\n"


def test_half_of_the_addresses(copy: Path) -> None:
    result = run(DEMO, copy, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert result.returncode == 1
    assert result.stderr == "Set both DATABASE_URL and REDIS_URL, or neither: then the demo starts both itself.\n"


def test_addresses_where_nobody_answers(copy: Path) -> None:
    (copy / ".env").write_text(
        "DATABASE_URL=postgresql://nobody:secret@127.0.0.1:1/nothing\nREDIS_URL=redis://127.0.0.1:1\n"
    )
    result = run(DEMO, copy)
    assert result.returncode == 1
    assert result.stdout.splitlines()[0] == "PostgreSQL: postgresql://…@127.0.0.1:1/nothing (DATABASE_URL)"
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("The database of DATABASE_URL does not answer: ")


def test_secrets_are_made_once_and_kept_private(copy: Path) -> None:
    nobody = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1"}
    run(DEMO, copy, **nobody)
    secrets = copy / ".frontrow" / "secrets.env"
    first = secrets.read_text()
    run(DEMO, copy, **nobody)

    assert secrets.read_text() == first
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert [line.split("=")[0] for line in first.splitlines()] == [
        "SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "FRONTROW_DEMO_PASSWORD",
    ]


def test_a_reset_leaves_a_database_that_is_not_its_own(copy: Path) -> None:
    addresses = {"DATABASE_URL": os.environ["DATABASE_URL"], "REDIS_URL": os.environ["REDIS_URL"]}
    result = run([*DEMO, "--reset"], copy, **addresses)
    assert result.returncode == 1
    assert result.stderr == "DATABASE_URL names a database that is not the demo's own: empty it yourself.\n"


def test_an_old_python(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    programs = tmp_path_factory.mktemp("programs")
    for name in ("sh", "echo", "test"):
        (programs / name).symlink_to(shutil.which(name) or "/bin/sh")
    old = programs / "python3"
    old.write_text('#!/bin/sh\ntest "$1" = --version && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    make = shutil.which("make")
    assert make is not None

    result = run([make, "demo"], copy, PATH=str(programs))

    assert result.stdout == "Frontrow needs Python 3.11 or newer; this machine has Python 3.9.2.\n"
    assert result.returncode == 2


def test_a_python_without_venv(copy: Path) -> None:
    program = "import runpy, sys; sys.modules['ensurepip'] = None; runpy.run_path({!r}, run_name='__main__')"
    result = run([sys.executable, "-c", program.format("merchant/demo/install.py")], copy)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert result.returncode == 1
    assert result.stderr == (
        f"This Python ({sys.executable}) comes without venv: on Debian `apt-get install python{version}-venv`, "
        "then again.\n"
    )


def test_a_full_disk(copy: Path) -> None:
    install = runpy.run_path(str(copy / "merchant" / "demo" / "install.py"))
    install["NEEDED_MB"]["demo"] = 10**9
    with pytest.raises(
        install["CannotInstall"], match=r"^Only \d+ MB are free on the disk of .+; 1000000000 MB are needed\.$"
    ):
        install["install"]("demo")


def test_of_two_at_once_the_second_waits_and_finds_it_done(copy: Path) -> None:
    """As in `.ci/run` on a machine without apt: the browser and the checks both want what is to be installed."""
    install = runpy.run_path(str(copy / "merchant" / "demo" / "install.py"))
    found, installed, second = iter([False, True]), [], os.open(copy, os.O_RDONLY)

    def is_installed(wanted: str) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(second, fcntl.LOCK_UN)
            installed.append("could go in")
        return next(found)

    install["install"].__globals__.update(is_installed=is_installed, install_alone=installed.append)
    install["install"]("demo")
    os.close(second)
    assert installed == ["could go in"], "before the first is inside, never while it is"


def test_unchanged_requirements_install_nothing(copy: Path) -> None:
    install = runpy.run_path(str(copy / "merchant" / "demo" / "install.py"))
    python = install["PYTHON"]
    python.parent.mkdir(parents=True)
    python.touch()
    assert install["is_installed"]("demo") is False

    install["stamp"]("dev").write_text(install["fingerprint"]("dev"))
    assert install["is_installed"]("demo") is True

    (copy / "requirements.txt").write_text("django==5.2.0\n")
    assert install["is_installed"]("demo") is False


def keep(*command: str) -> list[str]:
    return [sys.executable, "-m", "merchant.demo.keep", "worker", str(os.getpid()), *command]


def test_a_process_that_ends_is_started_again_until_it_ends_too_often(copy: Path) -> None:
    result = run(keep("sh", "-c", "echo up; kill -9 $$"), copy, PYTHONUNBUFFERED="1")
    again = ["up", "worker ended (killed by signal 9): starting it again."] * 4
    last = ["up", "worker ended 5 times within a minute (killed by signal 9): giving up."]
    assert result.stdout.splitlines() == again + last
    assert result.returncode == 1


def test_a_process_ends_with_a_supervisor_that_was_killed(copy: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as supervisor:
        kept = subprocess.Popen(
            [sys.executable, "-m", "merchant.demo.keep", "worker", str(supervisor.pid), "sleep", "60"], cwd=copy
        )
        supervisor.kill()
        supervisor.wait()
    assert kept.wait(timeout=120) == 0


def test_the_end_is_passed_on_once(copy: Path) -> None:
    """Celery takes a second SIGTERM for impatience and drops what it is doing."""
    program = (
        "import signal, time\n"
        "told = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: told.append(1))\n"
        "print('up', flush=True)\n"
        "while not told: time.sleep(0.05)\n"
        "time.sleep(1)  # for a second one, should it come\n"
        "print('told', len(told))\n"
    )
    with subprocess.Popen(keep(sys.executable, "-c", program), cwd=copy, stdout=subprocess.PIPE, text=True) as kept:
        assert kept.stdout is not None
        assert kept.stdout.readline() == "up\n"
        kept.terminate()
        kept.terminate()
        assert kept.stdout.read() == "told 1\n"
    assert kept.returncode == 0


def test_who_is_deaf_to_the_end_keeps_nobody_waiting(copy: Path) -> None:
    """A server that is told while it starts may forget it, and its output would keep the whole demo from ending."""
    program = (
        "import signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\n"
        "subprocess.run(['sleep', '600'])  # a child that keeps the output open, too\n"
    )
    with subprocess.Popen(keep(sys.executable, "-c", program), cwd=copy, stdout=subprocess.PIPE, text=True) as kept:
        assert kept.stdout is not None
        assert kept.stdout.readline() == "up\n"
        kept.terminate()
        assert kept.communicate(timeout=120)[0] == ""
    assert kept.returncode == 0
