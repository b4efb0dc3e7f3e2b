"""A wake-up call can be lost, but it can neither fail nor slow the answer."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import redis.connection
from django.conf import settings as real
from django.db import connection, transaction

import merchant.redis_client
import merchant.wake
from merchant.redis_client import client
from merchant.wake import awake, ring_in_background, wake
from tests.waiting import until

FLAG = f"{real.REDIS_PREFIX}wake:messages"


@pytest.fixture(autouse=True)
def _nobody_rang_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a slow machine does not outsleep the flag."""
    monkeypatch.setattr(merchant.wake, "ASLEEP_SECONDS", 600)
    client().delete(FLAG)


def calls() -> int:
    """Tasks waiting in the queue of messages."""
    return int(client().llen(f"{real.REDIS_PREFIX}messages"))


@pytest.mark.django_db(transaction=True)
class TestWithRedis:
    def test_rings_when_the_deed_is_committed_and_not_before(self) -> None:
        before = calls()
        with transaction.atomic():
            wake("messages")
            assert calls() == before
        assert calls() == before + 1

    def test_a_deed_that_is_rolled_back_wakes_nobody(self) -> None:
        before = calls()
        with transaction.atomic():
            wake("messages")
            transaction.set_rollback(True)
        assert calls() == before

    def test_a_burst_is_one_call_until_the_worker_is_awake(self) -> None:
        before = calls()
        for _ in range(10):
            wake("messages")
        assert calls() == before + 1

        awake("messages")
        wake("messages")
        assert calls() == before + 2

    def test_one_transaction_rings_once_for_all_that_it_wakes(self) -> None:
        with transaction.atomic():
            wake("messages")
            with transaction.atomic():
                wake("live")
            wake("messages")
            assert len(connection.run_on_commit) == 1

    def test_what_a_rolled_back_part_woke_does_not_silence_the_rest(self) -> None:
        before = calls()
        with transaction.atomic():
            with transaction.atomic():
                wake("messages")
                transaction.set_rollback(True)
            wake("messages")
        assert calls() == before + 1


@pytest.mark.django_db(transaction=True)
class TestInAWebServer:
    """There a thread rings, so that an answer does not wait for it."""

    @pytest.fixture(autouse=True)
    def _a_bell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(merchant.wake, "_bell", [])
        ring_in_background()

    def test_it_rings_soon(self) -> None:
        before = calls()
        wake("messages")
        until(lambda: calls() == before + 1)

    def test_a_burst_is_few_rounds_and_loses_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rung: list[set[str]] = []
        monkeypatch.setattr(merchant.wake, "_ring", rung.append)
        for _ in range(200):
            wake("messages")
        wake("live")
        until(lambda: any("live" in queues for queues in rung))
        assert "messages" in set().union(*rung)
        assert len(rung) < 200

    def test_a_server_that_forks_rings_in_each_of_its_processes(self) -> None:
        program = f"""
import os, time, django
django.setup()
from merchant import wake
from merchant.redis_client import client
wake.ring_in_background()
wake.wake("live")  # a thread in the parent, which the child will not have
child = os.fork()
if not child:
    client().delete({FLAG!r})
    wake.wake("messages")
    while not client().exists({FLAG!r}):
        time.sleep(0.01)
    os._exit(0)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ.copy(),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert ended.stdout.strip() == "0"


@pytest.mark.django_db(transaction=True)
class TestWithoutRedis:
    """What it costs is counted in tries, each of half a second at most: a clock would measure the machine."""

    @pytest.fixture
    def tries(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """The connections that were tried, and how long each would wait for an answer."""
        tried: list[Any] = []
        connect: Any = redis.connection.Connection._connect

        def try_once(self: Any) -> Any:
            tried.append((self.socket_connect_timeout, self.socket_timeout))
            return connect(self)

        monkeypatch.setattr(redis.connection.Connection, "_connect", try_once)
        monkeypatch.setattr(merchant.redis_client, "SOCKET_SECONDS", 0.5)
        return tried

    @pytest.fixture
    def _redis_refuses(self, settings: Any) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{closed_port()}/0"

    @pytest.fixture
    def _redis_hangs(self, settings: Any) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            yield
            client().close()

    @pytest.mark.usefixtures("_redis_refuses")
    def test_a_refusing_redis_is_no_error_and_is_asked_once(self, tries: list[Any]) -> None:
        wake("messages")
        assert tries == [(0.5, 0.5)]
        awake("messages")

    @pytest.mark.usefixtures("_redis_hangs")
    def test_a_hanging_redis_is_given_half_a_second(self, tries: list[Any]) -> None:
        wake("messages")
        assert tries == [(0.5, 0.5)]

    def test_a_broker_that_goes_after_the_flag_was_set_is_not_asked_again(self) -> None:
        """Publishing by itself would try for six seconds: kombu's own retries are off."""
        publish = f"""
import time
slept = []
time.sleep = slept.append  # before the others import it
import django
from django.conf import settings
settings.CELERY_BROKER_URL = "redis://127.0.0.1:{closed_port()}/0"
django.setup()
from merchant.redis_client import client
from merchant.wake import awake, wake
awake("messages")
wake("messages")
print(len(slept), client().exists({FLAG!r}))
"""
        ended = subprocess.run(
            [sys.executable, "-c", publish],
            env=os.environ.copy(),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert ended.stdout.split() == ["0", "1"]
        assert "wake.lost" in ended.stderr


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
