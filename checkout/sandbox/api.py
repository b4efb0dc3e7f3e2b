"""The door of the API: key, faults, idempotency, the operation, the reply."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from .config import API_VERSION
from .errors import Json, StripeError, broken, invalid, rate_limited, unauthorised
from .faults import Phase
from .idempotency import IdempotencyKeys, Reply, fingerprint
from .ids import letters
from .listing import expanded
from .operations import Operation
from .params import Params, decode, decode_parts
from .request_log import Entry
from .state import Call, Sandbox

LONGEST_KEY = 255


class DroppedConnection(Response):
    """A reply that never arrives whole: the server closes the connection after the first byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Dropped(Exception):
    """A switch wants the connection closed here."""


@dataclass(frozen=True)
class Api:
    box: Sandbox
    keys: IdempotencyKeys

    def endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            entry = self.box.log.add(_entry(operation, request, self.box.now))
            try:
                reply = await self._reply(operation, request, entry)
                await self._interfere(operation.name, "after", entry)
            except Dropped:
                return DroppedConnection()
            entry.status, entry.replayed = reply.status, reply.replayed
            return _response(request, reply, entry)

        return answer

    async def _reply(self, operation: Operation, request: Request, entry: Entry) -> Reply:
        try:
            secret_key = _check_key(operation, request)
            values = await _values(request)
            if entry.idempotency_key is None:
                return await self._execute(operation, request, values, entry, secret_key=secret_key)
            return await self._once(operation, request, values, entry, secret_key=secret_key)
        except StripeError as error:
            return self._error(error, entry)

    async def _once(
        self, operation: Operation, request: Request, values: Json, entry: Entry, *, secret_key: bool
    ) -> Reply:
        """Executes a request with an idempotency key, or answers what it answered the first time."""
        key = _usable_key(entry.idempotency_key or "")
        known = self.keys.begin(key, fingerprint(request.method, request.url.path, values))
        if known is not None:
            return known
        reply: Reply | None = None
        try:
            reply = await self._execute(operation, request, values, entry, secret_key=secret_key)
        finally:
            self.keys.finish(key, reply)
        return reply

    async def _execute(
        self, operation: Operation, request: Request, values: Json, entry: Entry, *, secret_key: bool
    ) -> Reply:
        """Raises only what an idempotency key must not remember; other errors are replies."""
        try:
            await self._interfere(operation.name, "before", entry)
            self._fail(operation.name, "before", entry)
            reply = self._run(operation, request, values, entry, secret_key=secret_key)
            self._fail(operation.name, "after", entry)
        except StripeError as error:
            if not error.stored:
                raise
            return self._error(error, entry)
        return reply

    def _run(self, operation: Operation, request: Request, values: Json, entry: Entry, *, secret_key: bool) -> Reply:
        expand = Params(values).texts("expand")
        params = Params({name: value for name, value in values.items() if name != "expand"})
        self.box.cause = {"id": entry.id, "idempotency_key": entry.idempotency_key}
        try:
            version = request.headers.get("stripe-version")
            call = Call(params, dict(request.path_params), secret_key=secret_key, version=version)
            result = operation.run(self.box, call)
        finally:
            self.box.cause = {"id": None, "idempotency_key": None}
        return Reply(200, expanded(self.box.store, result, expand))

    async def _interfere(self, operation: str, phase: Phase, entry: Entry) -> None:
        """Latency and dropped connections. The work goes on even when the caller has hung up meanwhile."""
        if slow := self.box.faults.take(operation, "latency", phase):
            entry.fault = f"latency {phase}"
            await self.box.faults.wait(slow.seconds)
        if self.box.faults.take(operation, "drop", phase):
            entry.fault = f"drop {phase}"
            raise Dropped

    def _fail(self, operation: str, phase: Phase, entry: Entry) -> None:
        if fault := self.box.faults.take(operation, "error", phase):
            entry.fault = f"error {phase}"
            raise rate_limited() if fault.status == 429 else broken(fault.status)

    def _error(self, error: StripeError, entry: Entry) -> Reply:
        log_url = f"{self.box.config.public_url}/#{entry.id}"
        return Reply(error.status, {"error": {**error.error, "request_log_url": log_url}})


async def unknown_url(request: Request) -> Response:
    """Stripe's answer to a path that the sandbox does not have."""
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": {"type": "invalid_request_error", "message": message}}, status_code=404)


async def preflight(request: Request) -> Response:
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key, stripe-version",
    }
    return Response(status_code=204, headers=headers)


def _entry(operation: Operation, request: Request, now: int) -> Entry:
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    return Entry(f"req_{letters(14)}", operation.name, request.method, request.url.path, key, now)


def _usable_key(key: str) -> str:
    if len(key) > LONGEST_KEY:
        raise invalid("Idempotency keys may be at most 255 characters long.")
    return key


async def _values(request: Request) -> Json:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        values = decode_parts(kind, await request.body())
    else:
        text = (await request.body()).decode("utf-8", "replace") if request.method == "POST" else request.url.query
        values = decode(text)
    values.pop("key", None)
    # Stripe.js sends these with every call; they decide nothing here.
    values.pop("_stripe_version", None)
    return values


def _check_key(operation: Operation, request: Request) -> bool:
    """True for a secret key, False for a publishable one where that may be used. Raises a 401."""
    key = _bearer(request.headers.get("authorization", "")) or request.query_params.get("key", "")
    if key.startswith(("sk_test_", "rk_test_")):
        return True
    if key.startswith("pk_test_"):
        if operation.public:
            return False
        raise unauthorised("This API call cannot be made with a publishable API key. Please use a secret API key.")
    if not key:
        raise unauthorised("You did not provide an API key. Provide it in the Authorization header, using Bearer auth.")
    raise unauthorised(f"Invalid API Key provided: {key[:8]}****")


def _bearer(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return value.strip() if scheme.lower() == "bearer" else ""


def _response(request: Request, reply: Reply, entry: Entry) -> Response:
    headers = {
        "Request-Id": entry.id,
        "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "no-store",
    }
    if entry.idempotency_key:
        headers["Idempotency-Key"] = entry.idempotency_key
    if reply.replayed:
        headers["Idempotent-Replayed"] = "true"
    if reply.status == 429:
        headers["Stripe-Rate-Limited-Reason"] = "global-rate"
    return JSONResponse(reply.body, status_code=reply.status, headers=headers)
