"""The event streams ``/live/<slug>``: a small ASGI application beside Django, whose own handler costs far more.

Nothing here blocks: the database is asked in a thread of the hub.
"""

import asyncio
import gc
import re
from functools import cache
from urllib.parse import urlsplit

from asgiref.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPScope,
    LifespanScope,
    Scope,
)
from django.conf import settings
from django.db import DatabaseError

from drops.hub import Feed, Hub

_PATH = re.compile(r"/live/([-\w]{1,60})/?")
_PING = b": still here\n\n"
_OPENING = b"retry: 2000\n\n"
_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]

Headers = list[tuple[bytes, bytes]]


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
    elif scope["type"] == "http":
        await _http(scope, receive, send)


async def _lifespan(scope: LifespanScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    hub = _the_hub()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            gc.collect()
            gc.freeze()  # the collector's walk over what never dies made pauses of half a second
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await hub.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


@cache
def _the_hub() -> Hub:
    """The hub of this process, started in the event loop that first asks for it."""
    hub = Hub()
    hub.start()
    return hub


async def _http(scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    found = _PATH.fullmatch(scope["path"])
    if found and scope["method"] == "GET":
        await _listen(found[1], scope, receive, send)
    elif found:
        await _say(send, 405, "Streams are read with GET.\n", [(b"allow", b"GET")])
    elif scope["path"] == "/healthz":
        await _say(send, 200, "ok\n")
    else:
        await _say(send, 404, "No such stream.\n")


async def _listen(slug: str, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    hub = _the_hub()
    allowed = await _allowed_origin(hub, scope)
    with hub.listening(slug) as feed:
        try:
            known = await hub.loaded(feed)
        except DatabaseError:
            await _say(send, 503, "Try again in a moment.\n", [(b"retry-after", b"3"), *allowed])
            return
        if known:
            await _stream(hub, feed, scope, receive, send, allowed=allowed)
        else:
            await _say(send, 404, "No such drop.\n", allowed)


async def _stream(
    hub: Hub, feed: Feed, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable, *, allowed: Headers
) -> None:
    """What the listener has not seen yet, then whatever comes, until it goes."""
    seen = _last_event_id(scope, feed)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": _STREAM + allowed,
                "trailers": False,
            }
        )
        await _write(send, _OPENING)
        while not gone.done() and not hub.closing:
            if feed.version > seen:
                seen = feed.version
                await _write(send, feed.frame)
                continue  # newer news may have come while this was written
            await feed.turned()
            if feed.version == seen:
                await _write(send, _PING)
        await _write(send, b"", more=False)
    finally:
        gone.cancel()


async def _disconnected(receive: ASGIReceiveCallable) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: ASGISendCallable, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _say(send: ASGISendCallable, status: int, words: str, headers: Headers | None = None) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _TEXT + (headers or []), "trailers": False})
    await _write(send, words.encode(), more=False)


def _last_event_id(scope: HTTPScope, feed: Feed) -> int:
    """What a reconnecting client has seen; -1 for a new one, or one that saw numbers we never gave."""
    said = _header(scope, b"last-event-id")
    return int(said) if said.isascii() and said.isdigit() and int(said) <= feed.version else -1


async def _allowed_origin(hub: Hub, scope: HTTPScope) -> Headers:
    """Our own pages may read the stream, from PUBLIC_URL or from the stream's host on another port; and those of the
    sites that the merchant named."""
    origin = _header(scope, b"origin")
    may = origin and (_is_ours(origin, scope) or await hub.is_named(origin))
    return [(b"vary", b"origin"), *([(b"access-control-allow-origin", origin.encode())] if may else [])]


def _is_ours(origin: str, scope: HTTPScope) -> bool:
    host = urlsplit(f"//{_header(scope, b'host')}").hostname
    return origin == settings.PUBLIC_URL or urlsplit(origin).hostname == host


def _header(scope: HTTPScope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")
