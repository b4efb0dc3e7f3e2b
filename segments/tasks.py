from celery import shared_task

from merchant import clock
from merchant.wake import awake
from segments.delivery import drain


@shared_task
def drain_messages() -> None:
    """Hand over everything that is due, a batch at a time."""
    awake("messages")
    while drain(clock.now()):
        pass
