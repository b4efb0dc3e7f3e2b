"""A webhook endpoint in a thread."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import stripe

LIMIT = 10.0


class Receiver:
    """Verifies and keeps every event; answers the statuses in `answers` first, then 200."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.events: list[stripe.Event] = []
        self.answers: list[int] = []
        self.failures: list[str] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/stripe/"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        assert not self.failures

    def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """The types of the events so far, once they satisfy the condition."""
        self.wait_until(lambda: condition(self.types))
        return self.types

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, LIMIT), (self.types, self.failures)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def _take(self, payload: bytes, header: str) -> int:
        try:
            event = stripe.Webhook.construct_event(payload, header, self.secret)
        except (ValueError, stripe.SignatureVerificationError) as error:
            with self._changed:
                self.failures.append(str(error))
                self._changed.notify_all()
            return 200
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["content-length"]))
                status = receiver._take(payload, self.headers["stripe-signature"])
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Tests are quiet."""

        return Handler
