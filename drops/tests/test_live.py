"""Live news over the real thing: granian, the event stream, Redis and PostgreSQL."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
import redis
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from drops import live, scheduling, stock
from drops.models import Drop, DropState
from drops.tests.factories import NOW, cart, drop, hold, item, offer, order
from merchant.clock import now
from merchant.models import StoreProfile
from merchant.redis_client import client
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 120.0  # seconds; of a machine that does much else at the same time. Nobody waits so long for nothing
SLUG = f"robe-{os.getpid()}"  # the tests beside this one share the channel


@pytest.fixture
def robe() -> Drop:
    made = drop(SLUG, starts_at=now() - timedelta(hours=1))
    offer(made, "ROBE-M", total=5)
    return made


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    client().flushdb()


def said(news: live.News) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(news.body)
    return body


def fresh(one: Drop) -> Drop:
    return Drop.objects.get(pk=one.pk)


# --- numbering -----------------------------------------------------------------------------------------------------


def test_says_everything_a_page_follows(robe: Drop) -> None:
    hold(item("ROBE-M"), 2, owner=cart())
    assert said(live.refresh(robe, now())) == {
        "version": 1,
        "slug": SLUG,
        "phase": "live",
        "stock": {"ROBE-M": {"available": 3, "in_carts": 2}},
        "starts_at": robe.starts_at.isoformat() if robe.starts_at else None,
        "ends_at": None,
        "banner": "",
    }


def test_only_a_change_gets_a_new_number(robe: Drop) -> None:
    assert [live.refresh(fresh(robe), now()).version for _ in range(3)] == [1, 1, 1]
    hold(item("ROBE-M"), owner=cart())
    assert live.refresh(fresh(robe), now()).version == 2


def test_time_alone_changes_the_phase(robe: Drop) -> None:
    Drop.objects.update(starts_at=NOW, ends_at=NOW + timedelta(hours=1))
    phases = [said(live.refresh(fresh(robe), NOW + timedelta(minutes=at)))["phase"] for at in (-1, 0, 60)]
    assert phases == ["upcoming", "live", "closed"]


def test_a_stale_reader_does_not_number_old_news_anew(robe: Drop) -> None:
    stale = fresh(robe)
    hold(item("ROBE-M"), owner=cart())
    assert live.refresh(fresh(robe), now()).version == 1
    assert live.refresh(stale, now()).version == 1


# --- publishing ----------------------------------------------------------------------------------------------------


@contextmanager
def subscription() -> Iterator["redis.client.PubSub"]:
    with client().pubsub() as listening:  # type: ignore[no-untyped-call]  # redis-py
        listening.subscribe(live.CHANNEL)
        assert listening.get_message(timeout=PATIENCE)["type"] == "subscribe"
        yield listening


def heard(listening: "redis.client.PubSub") -> list[dict[str, Any]]:
    """Everything until now. A last word of our own ends it: Redis keeps the order of what is published."""
    client().publish(live.CHANNEL, json.dumps({"slug": "the end", "by": SLUG}))
    bodies = []
    while (body := json.loads(listening.get_message(timeout=PATIENCE)["data"])).get("by") != SLUG:
        if body["slug"] == SLUG:
            bodies.append(body)
    return bodies


def test_publishes_what_is_new_once(robe: Drop) -> None:
    with subscription() as listening:
        assert [live.publish(now()), live.publish(now())] == [1, 0]
        hold(item("ROBE-M"), owner=cart())
        assert live.publish(now()) == 1
        assert [body["version"] for body in heard(listening)] == [1, 2]


def test_publishes_again_what_redis_forgot(robe: Drop) -> None:
    live.publish(now())
    client().flushdb()
    assert live.publish(now()) == 1
    assert fresh(robe).live_version == 1


def test_a_burst_becomes_five_messages_a_second_at_most(robe: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each but the first waits until the gap is over; here it ends when the test says so, however slow a machine is."""
    assert live.GAP_MILLISECONDS == 200
    gap, naps = f"{settings.REDIS_PREFIX}live:gap", []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        client().delete(gap)

    monkeypatch.setattr(live, "GAP_MILLISECONDS", 600_000)
    monkeypatch.setattr(live, "time", SimpleNamespace(sleep=sleep))
    for _ in range(4):
        live.publish(now())
    assert len(naps) == 3
    assert all(0 < nap <= 600 for nap in naps)


def test_says_goodbye_once_when_a_drop_closes(robe: Drop) -> None:
    live.publish(now())
    scheduling.close(robe, actor="staff:owner", now=now())
    assert [live.publish(now()), live.publish(now())] == [1, 0]
    client().flushdb()
    assert live.publish(now()) == 0


def test_without_redis_publishing_is_no_error(robe: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = redis.Redis(port=free_port(), socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(live, "client", lambda: nobody)
    assert live.publish(now()) == 0


# --- the stream ----------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def live_process(**environment: str) -> Iterator[str]:
    """The live process as in production, on this test's database."""
    port = free_port()
    name = connection.settings_dict["NAME"]
    database = os.environ["DATABASE_URL"].replace("/frontrow", f"/{name}", 1)
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--workers", "1", "--host", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "--port", str(port), "merchant.asgi:application"],
        env=os.environ | {"DATABASE_URL": database} | environment,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/healthz", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(server)


def end(server: "subprocess.Popen[bytes]") -> None:
    """Ask it to stop; one that is asked while it starts may never hear it and is killed with its worker."""
    workers = psutil.Process(server.pid).children() if server.poll() is None else []
    server.terminate()
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        for process in [*workers, server]:
            process.kill()
        server.wait()
        raise


@pytest.fixture(scope="module")
def stream(django_db_setup: None) -> Iterator[str]:
    """One live process for the tests that do nothing to it."""
    with live_process(PUBLIC_URL="http://localhost:8000") as base:
        yield base


def wait_until_it_answers(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE  # a worker needs two seconds of a processor that others may be using
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(url, timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the live process did not start")


@contextmanager
def listen(base: str, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    with httpx.stream("GET", f"{base}/live/{SLUG}", headers=headers, timeout=PATIENCE) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))


def left(message: dict[str, Any]) -> tuple[int, int]:
    return message["version"], message["stock"]["ROBE-M"]["available"]


def test_a_stream_begins_with_a_snapshot_and_goes_on_with_news(robe: Drop, stream: str) -> None:
    with listen(stream) as one, listen(stream) as another:
        assert left(next(one)) == left(next(another)) == (1, 5)
        hold(item("ROBE-M"), 2, owner=order())
        live.publish(now())
        assert left(next(one)) == left(next(another)) == (2, 3)
        stock.release(order())
        live.publish(now())
        assert left(next(one)) == (3, 5)
    with listen(stream, **{"Last-Event-ID": "2"}) as late:
        assert left(next(late)) == (3, 5)
    with listen(stream, **{"Last-Event-ID": "3"}) as again:
        hold(item("ROBE-M"), owner=cart())
        live.publish(now())
        assert left(next(again)) == (4, 4)  # version 3 was not repeated


def test_doors_of_the_live_process(robe: Drop, stream: str) -> None:
    drop("secret", DropState.DRAFT)
    for path in ("/live/secret", "/live/no-such-drop", "/live/../etc", "/"):
        assert httpx.get(stream + path, timeout=PATIENCE).status_code == 404
    assert httpx.post(f"{stream}/live/{SLUG}", timeout=PATIENCE).status_code == 405
    assert allowed(stream, "http://localhost:8000") == "http://localhost:8000"
    assert allowed(stream, "http://127.0.0.1:8000") == "http://127.0.0.1:8000"
    assert allowed(stream, "http://localhost.evil.test:8000") is None
    assert allowed(stream, "null") is None


def test_pages_of_the_sites_that_the_merchant_named_may_listen(robe: Drop, stream: str) -> None:
    """The live process knows within seconds; this one has not asked for any site yet."""
    StoreProfile.objects.create(pk=1, name="Shop", allowed_origins=["https://brand.example"])
    until(lambda: allowed(stream, "https://brand.example") == "https://brand.example")
    for other in ("https://other.example", "http://brand.example", "https://brand.example.evil.test"):
        assert allowed(stream, other) is None


def allowed(base: str, origin: str) -> str | None:
    with httpx.stream("GET", f"{base}/live/{SLUG}", headers={"Origin": origin}, timeout=PATIENCE) as answer:
        found: str | None = answer.headers.get("access-control-allow-origin")
        return found


def test_without_redis_the_stream_reads_postgresql(robe: Drop) -> None:
    with live_process(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as base, listen(base) as news:
        assert left(next(news)) == (1, 5)
        hold(item("ROBE-M"), 2, owner=order())
        assert left(next(news)) == (2, 3)


def test_a_stream_ends_when_its_process_does(robe: Drop) -> None:
    """The process is asked to stop while somebody listens, and is not held up: ``end`` would have to kill it."""
    with ExitStack() as streams, live_process() as base:
        answer = streams.enter_context(httpx.stream("GET", f"{base}/live/{SLUG}", timeout=PATIENCE))
        assert next(answer.iter_lines()) == "retry: 2000"
