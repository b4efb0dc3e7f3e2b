"""A shop's checkout page with the strictest policy a shop may have: the sandbox's origin and nothing inline."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent / "host_page"
TYPES = {".html": "text/html", ".js": "text/javascript"}


class HostPage:
    """Serves the folder `host_page` on loopback."""

    def __init__(self, sandbox_url: str) -> None:
        self.sandbox_url = sandbox_url
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/checkout.html"

    def __enter__(self) -> "HostPage":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def policy(self) -> str:
        url = self.sandbox_url
        return (
            f"default-src 'none'; script-src 'self' {url}; style-src 'self' {url}; frame-src {url}; "
            f"connect-src 'self' {url}; base-uri 'none'; form-action 'self'"
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = HERE / Path(self.path).name
                if not file.is_file():
                    self.send_error(404)
                    return
                body = file.read_text(encoding="utf-8").replace("SANDBOX", host.sandbox_url).encode()
                self.send_response(200)
                self.send_header("content-type", TYPES[file.suffix])
                self.send_header("content-length", str(len(body)))
                self.send_header("content-security-policy", host.policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Tests are quiet."""

        return Handler
