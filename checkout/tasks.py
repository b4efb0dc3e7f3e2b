"""One line each. Every task may be lost or run twice."""

from celery import shared_task
from celery.signals import worker_shutting_down

from checkout import (
    delays,
    evidence_packs,
    expiry,
    payers,
    pickup,
    puller,
    refunds,
    retention,
    settle,
    waiting_offers,
    webhooks,
)
from merchant.clock import now
from merchant.wake import awake

worker_shutting_down.connect(payers.stop)


@shared_task
def drain_payments() -> None:
    awake("payments")
    payers.put_to_work(now)
    refunds.drain(now)
    settle.drain_set_aside(now)


@shared_task
def drain_webhooks() -> None:
    awake("webhooks")
    webhooks.drain(now)


@shared_task
def sweep_expired() -> None:
    expiry.sweep(now())
    pickup.sweep(now())
    waiting_offers.sweep(now())


@shared_task
def forget_old() -> None:
    retention.sweep(now())


@shared_task
def pull_news() -> None:
    puller.pull(now())


@shared_task
def sweep_after_sale() -> None:
    delays.sweep(now())


@shared_task
def drain_evidence() -> None:
    awake("evidence")
    evidence_packs.drain(now)
