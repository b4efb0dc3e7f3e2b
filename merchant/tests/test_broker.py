"""A task in hand when the connection is lost: nothing is given back, and nobody stumbles."""

from importlib import import_module
from typing import Any

import pytest
from django.conf import settings

from merchant import broker
from merchant.celery import app
from merchant.redis_client import client
from tests.waiting import until

QUEUE = "in-hand"
kombu: Any = import_module("kombu")  # half of it has no types


@pytest.fixture(autouse=True)
def _empty() -> None:
    client().delete(f"{settings.REDIS_PREFIX}{QUEUE}")


def in_hand_when_lost(transport: str) -> Any:
    """Take a message, then lose the connection it came by, as a worker does that cannot reach Redis any more."""
    taken: list[Any] = []
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    connection = kombu.Connection(settings.REDIS_URL, transport=transport, transport_options=options)
    kombu.Consumer(connection, [kombu.Queue(QUEUE)], callbacks=[lambda _, message: taken.append(message)]).consume()
    connection.SimpleQueue(QUEUE).put({"id": 1}, serializer="json")
    until(lambda: taken or connection.drain_events(timeout=1) or taken)
    connection.collect()
    taken[0].channel._disconnect_pools()  # to a Redis that is gone nothing is left open
    return taken[0]


def test_the_workers_use_it() -> None:
    assert type(app.connection_for_read().transport) is broker.Transport


def test_a_task_in_hand_is_done_with_when_the_connection_is_lost() -> None:
    message = in_hand_when_lost("merchant.broker:Transport")
    message.ack()
    assert message.acknowledged


def test_with_the_transport_as_it_comes_the_worker_stumbles() -> None:
    message = in_hand_when_lost("redis")
    # Which of the two it is depends on how far the closing got.
    with pytest.raises(AttributeError, match=r"'NoneType' object has no attribute '(client|hostname)'"):
        message.ack()
