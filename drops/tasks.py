from celery import shared_task

from drops import live, scheduling, visits
from merchant.clock import now


@shared_task
def turn_drops() -> None:
    scheduling.turn_due(now())


@shared_task
def publish_live() -> None:
    live.publish(now())


@shared_task
def keep_visits() -> None:
    visits.keep()
