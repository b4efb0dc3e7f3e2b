from celery import shared_task

from merchant import clock
from merchant.wake import awake
from segments import policy_news
from segments.delivery import drain


@shared_task
def tell_policy_news() -> None:
    policy_news.tell(clock.now())


@shared_task
def drain_messages() -> None:
    """Hand over everything that is due, a batch at a time."""
    awake("messages")
    while drain(clock.now()):
        pass
