from celery import shared_task

from merchant import clock
from merchant.turns import in_turn
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
    in_turn("messages", _drain, most=2)


def _drain() -> None:
    while drain(clock.now()):
        pass
