"""The figures for a monitor: true, complete, and nobody else's business."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from checkout import breaker, budget
from checkout.models import OrderState, WebhookEvent
from merchant.models import StoreProfile
from merchant.tests.test_dashboard import live, order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    StoreProfile.objects.create(pk=1, name="Shop", currency="USD")
    breaker.forget()
    budget.forget()
    yield
    breaker.forget()


def figures(client: Client) -> dict[str, float]:
    text = client.get("/metrics").content.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        "".join([sample.name, *(f" {value}" for value in sample.labels.values())]): sample.value for sample in samples
    }


def test_tells_what_waits(client: Client) -> None:
    drop = live()
    order(drop, "FR-1", OrderState.CONFIRMED, paid=True)
    order(drop, "FR-2", OrderState.DEFERRED, due=True)
    at = datetime.now(UTC) - timedelta(minutes=2)
    WebhookEvent.objects.create(event_id="evt_1", type="x", object_id="o", payload={}, received_at=at, due_at=at)
    found = figures(client)
    assert (found["frontrow_orders confirmed"], found["frontrow_orders deferred"]) == (1, 1)
    assert found["frontrow_orders placed"] == 0
    assert found["frontrow_payments_due"] == 1
    assert found["frontrow_payments_due_oldest_seconds"] == pytest.approx(300, abs=30)
    assert found["frontrow_webhook_events_waiting"] == 1
    assert found["frontrow_webhook_last_seconds"] == pytest.approx(120, abs=30)


def test_tells_how_the_provider_does(client: Client) -> None:
    assert figures(client)["frontrow_breaker_state"] == 0
    budget.take("payment_intents.create")
    for _ in range(breaker.LEAST_CALLS):
        breaker.record(well=False, now=datetime.now(UTC))
    found = figures(client)
    assert (found["frontrow_breaker_state"], found["frontrow_provider_failures_per_minute"]) == (2, 10)
    assert found["frontrow_provider_budget_limit"] == 80


def test_answers_without_redis_too(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = figures(client)
    assert (found["frontrow_redis_up"], found["frontrow_breaker_state"]) == (0, 0)
    assert "frontrow_provider_budget_used" not in found


def test_is_for_this_machine_alone(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404


def test_a_fan_behind_our_proxy_is_not_this_machine(client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}).status_code == 404


def test_or_for_who_knows_the_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-long-secret"
    answers = [
        client.get("/metrics", REMOTE_ADDR="203.0.113.7", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in ("a-long-secret", "another", "")
    ]
    assert answers == [200, 404, 404]
