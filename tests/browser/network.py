"""The network between a browser and the shop, with its faults: refused, too busy, an answer that is lost on its way."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

FILES = ("/static/", "/media/", "/theme.css", "/sw.js")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"}
LONGEST_WAY = 60.0


@dataclass
class Network:
    """A door to the shop on a port of its own. What it is told to do, it does until it is told else."""

    shop: str
    away: bool = False  # connections break, as with a server that is gone
    busy: dict[str, str] | None = None  # POSTs are answered 503 with these headers, and reach nobody
    too_often: str = ""  # POSTs are answered 429 in these words, as the shop says them, and reach nobody
    spike: bool = False  # pages are answered 503; their files come
    loses_answers: int = 0  # of that many POSTs the work is done and the answer lost
    posts: list[str] = field(default_factory=list)  # what reached the shop
    tried: list[str] = field(default_factory=list)  # what was sent, whatever became of it
    _posts_pass: threading.Event = field(default_factory=threading.Event)
    _pages_pass: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def heal(self) -> None:
        self.away, self.busy, self.too_often, self.spike, self.loses_answers = False, None, "", False, 0
        self._posts_pass.set()
        self._pages_pass.set()

    def stop_posts(self) -> None:
        """From now on every POST is on its way, until the network is healed."""
        self._posts_pass.clear()

    def stop_pages(self) -> None:
        """From now on every page is on its way, until the network is healed; their files come."""
        self._pages_pass.clear()

    def wait_on_the_way(self, *, posted: bool) -> None:
        (self._posts_pass if posted else self._pages_pass).wait(LONGEST_WAY)

    def forget(self) -> None:
        self.posts.clear()
        self.tried.clear()

    @contextmanager
    def open(self) -> Iterator["Network"]:
        network = self

        class Handler(_Handler):
            def pass_on(self) -> None:
                _pass_on(self, network)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.pass_on()

    do_POST = do_HEAD = do_GET  # noqa: N815  # the names that the base class calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        pass


def _pass_on(handler: _Handler, network: Network) -> None:
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    posted, page = handler.command == "POST", not handler.path.startswith(FILES)
    if posted:
        network.tried.append(handler.path)
    if page:
        network.wait_on_the_way(posted=posted)
    if network.away:
        return _break(handler)
    if network.spike and page:
        return _answer(handler, 503, [], b"busy")
    if posted and network.busy is not None:
        return _answer(handler, 503, list(network.busy.items()), b"busy")
    if posted and network.too_often:
        return _answer(handler, 429, *_refusal(handler.path, network.too_often))
    status, headers, content = _asked(network.shop, handler, body)
    if posted:
        network.posts.append(handler.path)
        if network.loses_answers:
            network.loses_answers -= 1
            return _break(handler)
    return _answer(handler, status, headers, content)


def _refusal(path: str, words: str) -> tuple[list[tuple[str, str]], bytes]:
    """From the door for kept orders a problem, from the form a page."""
    if path.endswith("/kept/"):
        problem = {"type": "slow-down", "status": 429, "detail": words}
        return [("Content-Type", "application/problem+json"), ("Retry-After", "3600")], json.dumps(problem).encode()
    page = f'<div id="trouble"><p data-detail>{words}</p></div><form id="checkout-form"></form>'
    return [("Content-Type", "text/html"), ("Retry-After", "1")], page.encode()


def _asked(shop: str, handler: _Handler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    to = http.client.HTTPConnection(urlsplit(shop).netloc, timeout=30)
    try:
        kept = {name: value for name, value in handler.headers.items() if name.lower() not in HOP_BY_HOP}
        to.request(handler.command, handler.path, body or None, kept)
        answer = to.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        to.close()


def _answer(handler: _Handler, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
    handler.send_response_only(status)
    for name, value in headers:
        if name.lower() not in HOP_BY_HOP | {"content-length"}:
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    # On a connection that was used before, Chromium would send what got no answer again by itself.
    handler.send_header("Connection", "close")
    handler.end_headers()
    if handler.command != "HEAD":
        with suppress(ConnectionError):  # the browser has gone to another page
            handler.wfile.write(content)


def _break(handler: _Handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
