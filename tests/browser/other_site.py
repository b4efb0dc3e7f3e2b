"""Somebody else's site: a folder of plain files on another origin, with the strictest policy such a site may have."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from merchant.models import StoreProfile
from merchant.store import FRESH_SECONDS
from tests.running_shop import RunningShop
from tests.waiting import until

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@dataclass
class OtherSite:
    """Named ``localhost`` where the shop is ``127.0.0.1``: for a browser another site, not just another port."""

    shop: RunningShop
    pages: dict[str, str] = field(default_factory=dict)
    frames: str = ""  # what else it shows in frames
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://localhost:{self._server.server_address[1]}"

    @property
    def third_party(self) -> str:
        """The same files under the shop's name: for a page of this site those of another one."""
        return self.url.replace("localhost", "127.0.0.1")

    @property
    def policy(self) -> str:
        """What docs/embed.md tells such a site to send, with the sandbox in the place of Stripe."""
        shop, stripe = self.shop.url, self.shop.sandbox.base_url
        live = f"http://127.0.0.1:{self.shop.port + 1}"
        return (
            f"default-src 'none'; script-src 'self' {shop} {stripe}; style-src 'self' {stripe}; img-src 'self' {shop}; "
            f"connect-src {shop} {live} {stripe}; frame-src {stripe} {self.frames}; base-uri 'none'; form-action 'none'"
        )

    @contextmanager
    def open(self) -> Iterator["OtherSite"]:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def is_named_by_the_merchant(self) -> None:
        """Returns when every process of the shop knows."""
        StoreProfile.objects.update(allowed_origins=[self.url])
        self.knows_the_profile()

    def knows_the_profile(self) -> None:
        """Returns when every process has to look at the shop's profile anew: none remembers it for longer."""
        forgotten = time.monotonic() + FRESH_SECONDS
        until(lambda: time.monotonic() > forgotten)


def _handler(site: OtherSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = urlsplit(self.path).path.lstrip("/")
            if name not in site.pages:
                self.send_error(404 if name != "favicon.ico" else 204)
                return
            body = site.pages[name].encode()
            self.send_response(200)
            self.send_header("Content-Type", TYPES[name[name.rindex(".") :]])
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", site.policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name for it
            """Tests are quiet."""

    return Handler
