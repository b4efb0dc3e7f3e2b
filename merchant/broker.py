"""Redis as our workers use it: a task is handed over once, and nobody says thank you.

Every task may be lost and the sweeps find its work by query, so an acknowledgement would buy nothing. It would cost the
worker: when Redis is lost, kombu acknowledges over a connection that is gone, and the worker ends with ``'NoneType'
object has no attribute 'hostname'``. What a worker took and did not begin is lost with the worker, too.
"""

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> None:
        super().basic_consume(queue, True, *args, **kwargs)  # type: ignore[no-untyped-call]  # kombu's own

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        pass

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        pass


class Transport(redis.Transport):
    Channel = Channel
