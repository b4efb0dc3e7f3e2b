"""``/metrics``: what a monitor should watch, read from PostgreSQL and Redis at the moment it asks.

The same whichever of the web processes answers, and nothing is counted twice.
"""

import hmac
import ipaddress
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from checkout import breaker, budget
from checkout.models import Order, OrderState, Payment, PaymentState, WebhookEvent
from checkout.waiting_models import PlaceState, WaitingPlace
from checkout.webhooks import last_ring
from drops.models import Hold, HoldState, StockItem
from merchant.client_address import client_ip
from merchant.clock import now
from merchant.health import redis_and_worker
from segments.models import Message, MessageState

BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for this machine or who knows ``METRICS_TOKEN``; 404 for everybody else."""
    if not _may_read(request):
        return HttpResponse(status=404)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    if token and hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return True
    if "X-Forwarded-For" in request.headers and not settings.TRUSTED_PROXIES:
        return False  # a proxy that we were not told of: everybody would seem to be this machine
    address = client_ip(request)
    return address is not None and ipaddress.ip_address(address).is_loopback


class _Figures(Collector):
    def __init__(self, at: datetime) -> None:
        self._at = at

    def collect(self) -> Iterable[Metric]:
        yield _orders()
        yield from self._payments()
        yield from self._webhooks()
        yield from self._breaker()
        messages = Message.objects.filter(state=MessageState.DUE).count()
        yield _gauge("messages_due", "Messages that wait to be handed over", messages)
        yield _gauge("holds_active", "Holds of units", Hold.objects.filter(state=HoldState.ACTIVE).count())
        yield _waiting()
        awaited = StockItem.objects.aggregate(units=Sum("awaited"))["units"] or 0
        yield _gauge("units_awaited", "Units that people on waiting lists wait for", awaited)
        alive = redis_and_worker()
        yield _gauge("redis_up", "Whether Redis answers", alive["redis"])
        yield _gauge("worker_up", "Whether a worker was seen in the last half minute", alive["worker"])

    def _payments(self) -> Iterator[Metric]:
        due = Payment.objects.filter(state=PaymentState.DUE, due_at__lte=self._at)
        found = due.aggregate(count=Count("id"), oldest=Min("due_at"))
        yield _gauge("payments_due", "Payments that are due", found["count"])
        yield _gauge("payments_due_oldest_seconds", "How long the oldest has been due", self._age(found["oldest"]))
        unknown = Payment.objects.filter(state=PaymentState.DUE, outcome_unknown=True).count()
        yield _gauge("payments_unknown", "Payments whose outcome is being asked for", unknown)

    def _webhooks(self) -> Iterator[Metric]:
        waiting = WebhookEvent.objects.filter(processed_at=None).count()
        yield _gauge("webhook_events_waiting", "Stored and not worked through yet", waiting)
        last = last_ring()
        if last is not None:
            yield _gauge("webhook_last_seconds", "Age of the last one that came", self._age(last))

    def _breaker(self) -> Iterator[Metric]:
        seen = breaker.status(self._at)
        words = "Circuit breaker before the payment provider: 0 closed, 1 half-open, 2 open"
        yield _gauge("breaker_state", words, BREAKER_STATES[seen.state])
        yield _gauge("provider_calls_per_minute", "Calls to the payment provider in the last minute", seen.calls)
        yield _gauge("provider_failures_per_minute", "Those that failed or were slow", seen.failures)
        if (used := budget.used()) is not None:
            yield _gauge("provider_budget_used", "Calls in the last second", used)
        limit = settings.STRIPE_CALLS_PER_SECOND_IN_ALL
        yield _gauge("provider_budget_limit", "Calls a second that we allow ourselves", limit)

    def _age(self, since: datetime | None) -> float:
        return (self._at - since).total_seconds() if since else 0.0


def _orders() -> Metric:
    counts = dict(Order.objects.order_by().values_list("state").annotate(Count("id")))
    family = GaugeMetricFamily("frontrow_orders", "Orders by state", labels=["state"])
    for state in OrderState:
        family.add_metric([state.value], counts.get(state, 0))
    return family


def _waiting() -> Metric:
    counts = dict(WaitingPlace.objects.order_by().values_list("state").annotate(Count("id")))
    family = GaugeMetricFamily("frontrow_waiting_places", "Places on waiting lists by state", labels=["state"])
    for state in PlaceState:
        family.add_metric([state.value], counts.get(state, 0))
    return family


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"frontrow_{name}", words, value=value)
