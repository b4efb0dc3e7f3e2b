"""A sandbox process for tests: started, steered and stopped from Python."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx

from .errors import Json

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 300.0  # of a machine that does much else at the same time


class SandboxFailed(RuntimeError):
    """The process ended, or did not answer in time."""


@dataclass
class SandboxServer:
    """One Stripe sandbox on a free port. Use it as a context manager, or `start` and `stop` it."""

    base_url: str = ""
    webhook_secret: str = "whsec_sandbox"
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=60), repr=False)

    def start(self, port: int = 0, webhook_url: str | None = None, state: Path | None = None) -> str:
        """Starts the process, waits until it answers, and returns its base URL."""
        port = port or free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "checkout.sandbox", "--port", str(port)]
        command += ["--webhook-url", webhook_url] if webhook_url else []
        command += ["--state", str(state)] if state else []
        environment = {**os.environ, "STRIPE_WEBHOOK_SECRET": self.webhook_secret, "SANDBOX_PUBLIC_URL": self.base_url}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment)
        self._wait()
        return self.base_url

    def stop(self) -> None:
        """Ends the process; stopping twice does nothing."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        self._client.close()

    def __enter__(self) -> "SandboxServer":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def slow(self, operation: str, seconds: float, *, times: int | None = None, phase: str = "before") -> None:
        """Every matching call waits. `operation` is a name such as `payment_intents.confirm`, or a pattern."""
        self._fault(operation, "latency", phase, times, seconds=seconds)

    def fail(self, operation: str, status: int, *, times: int | None = None, phase: str = "before") -> None:
        """Matching calls answer 429 or 5xx; `after` means that their work was done all the same."""
        self._fault(operation, "error", phase, times, status=status)

    def drop_reply(self, operation: str, *, times: int | None = 1) -> None:
        """The work is done and the caller never hears of it."""
        self._fault(operation, "drop", "after", times)

    def drop_request(self, operation: str, *, times: int | None = 1) -> None:
        """The connection breaks and nothing has happened."""
        self._fault(operation, "drop", "before", times)

    def webhooks(self, **settings: float) -> None:
        """`delay`, `repeat`, `reorder`, `lose` (-1 = all), `retry_after`."""
        self.post("/sandbox/faults", {"webhooks": settings})

    def send_webhooks_to(self, url: str | None) -> None:
        self.post("/sandbox/webhook", {"url": url})

    def clear(self) -> None:
        """Everything works again: slow calls end, webhooks that were kept back go out."""
        self._client.delete(f"{self.base_url}/sandbox/faults").raise_for_status()

    def reset(self) -> None:
        """Forgets objects, switches and logged requests."""
        self.post("/sandbox/reset")

    def advance(self, seconds: float) -> None:
        """Moves the sandbox's time forward; what falls due happens before this returns."""
        self.post("/sandbox/clock", {"advance": seconds})

    def authenticate(self, payment_intent: str, *, passed: bool = True) -> None:
        """Answers 3-D Secure in the fan's place."""
        outcome = "complete" if passed else "fail"
        self.post(f"/sandbox/payment_intents/{payment_intent}/authenticate", {"outcome": outcome})

    def settle(self, payment_intent: str, *, succeeded: bool = True) -> None:
        outcome = "succeeded" if succeeded else "failed"
        self.post(f"/sandbox/payment_intents/{payment_intent}/settle", {"outcome": outcome})

    def dispute(self, payment_intent: str, *, reason: str = "fraudulent", due_by: int | None = -1) -> str:
        """Opens a dispute and returns its id. `due_by`: 0 or None where the bank takes no answer."""
        details = {"payment_intent": payment_intent, "reason": reason, "due_by": due_by}
        return str(self.post("/sandbox/disputes", details)["id"])

    def decide_dispute(self, dispute: str, *, won: bool) -> None:
        self.post(f"/sandbox/disputes/{dispute}/decide", {"outcome": "won" if won else "lost"})

    def requests(self, operation: str | None = None) -> list[Json]:
        """API calls in order: `operation`, `idempotency_key`, `status` (None: no reply), `replayed`, `fault`."""
        return list(self.get("/sandbox/requests", {"operation": operation} if operation else {})["requests"])

    def charges(self, order: str | None = None) -> list[Json]:
        """`payment_intent`, `order`, `amount`, `paid`, `refunded`, `status` of each charge, failed ones included."""
        return list(self.get("/sandbox/charges", {"order": order} if order else {})["charges"])

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        return self._json(self._client.get(self.base_url + path, params=dict(query or {})))

    def post(self, path: str, body: Json | None = None) -> Json:
        return self._json(self._client.post(self.base_url + path, json=body or {}))

    def _fault(self, operation: str, kind: str, phase: str, times: int | None, **details: float) -> None:
        self.post("/sandbox/faults", {"operation": operation, "kind": kind, "phase": phase, "times": times, **details})

    @staticmethod
    def _json(response: httpx.Response) -> Json:
        if response.is_error:
            raise SandboxFailed(f"{response.request.url}: {response.status_code} {response.text}")
        return dict(response.json())

    def _wait(self) -> None:
        assert self._process is not None
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                raise SandboxFailed(f"the sandbox ended with {self._process.returncode}")
            try:
                self._client.get(f"{self.base_url}/sandbox/health").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.02)  # polling a condition: the port is not open yet
            else:
                return
        self.stop()
        raise SandboxFailed("the sandbox did not answer in time")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
