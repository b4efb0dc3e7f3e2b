from celery import shared_task

from merchant.health import worker_was_here


@shared_task
def heartbeat() -> None:
    worker_was_here()
