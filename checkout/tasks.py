"""One line each. Every task may be lost or run twice. What talks to others takes turns, so that it leaves threads."""

from celery import shared_task
from celery.signals import worker_shutting_down

from checkout import (
    delays,
    evidence_packs,
    expiry,
    fallback,
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
from merchant.turns import in_turn
from merchant.wake import awake

worker_shutting_down.connect(payers.stop)


@shared_task
def drain_payments() -> None:
    awake("payments")
    payers.put_to_work(now)
    in_turn("money back", _give_money_back)


def _give_money_back() -> None:
    refunds.drain(now)
    settle.drain_set_aside(now)


@shared_task
def drain_webhooks() -> None:
    awake("webhooks")
    in_turn("webhooks", lambda: webhooks.drain(now), most=2)


@shared_task
def sweep_expired() -> None:
    """Database only: it waits for nobody."""
    in_turn("sweep", _sweep)


def _sweep() -> None:
    expiry.free_carts(now())
    fallback.take_up_abandoned(now())
    pickup.sweep(now())
    waiting_offers.sweep(now())


@shared_task
def close_ended() -> None:
    in_turn("closing", lambda: expiry.close_ended(now()), most=2)


@shared_task
def forget_old() -> None:
    retention.sweep(now())


@shared_task
def pull_news() -> None:
    in_turn("news", lambda: puller.pull(now()))


@shared_task
def sweep_after_sale() -> None:
    delays.sweep(now())


@shared_task
def drain_evidence() -> None:
    awake("evidence")
    in_turn("evidence", lambda: evidence_packs.drain(now))
