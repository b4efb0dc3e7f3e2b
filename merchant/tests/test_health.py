from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from merchant.redis_client import client as redis
from merchant.tasks import heartbeat


@pytest.fixture(autouse=True)
def _no_worker_yet() -> None:
    redis().delete(f"{settings.REDIS_PREFIX}worker-seen")


def test_a_process_that_answers_is_healthy_and_asks_nobody(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
class TestReady:
    def test_when_all_three_answer(self, client: Client) -> None:
        heartbeat()
        answer = client.get("/readyz")

        assert (answer.status_code, answer.json()) == (200, {"database": True, "redis": True, "worker": True})

    def test_not_without_a_worker(self, client: Client) -> None:
        answer = client.get("/readyz")

        assert (answer.status_code, answer.json()) == (503, {"database": True, "redis": True, "worker": False})

    def test_not_without_redis(self, client: Client, settings: Any) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        answer = client.get("/readyz")

        assert (answer.status_code, answer.json()) == (503, {"database": True, "redis": False, "worker": False})


@pytest.mark.django_db(transaction=True)
def test_not_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    heartbeat()
    answer = client.get("/readyz")
    connection.close()

    assert (answer.status_code, answer.json()) == (503, {"database": False, "redis": True, "worker": True})
