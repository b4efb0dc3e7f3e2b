"""`/sandbox/…`: what a test or a person may turn, and what they may look at. Not a part of Stripe."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from . import checkout_sessions, confirming, disputes, payment_intents
from .errors import Json, StripeError
from .faults import BadFault, parse_fault, parse_webhook_faults
from .params import decode
from .state import Sandbox


class BadSwitch(ValueError):
    """The request cannot be understood; the message says why."""


@dataclass(frozen=True)
class Switches:
    box: Sandbox

    async def faults(self, request: Request) -> Response:
        """GET shows the switches, POST adds one (or sets `webhooks`), DELETE clears all, or the one in the path."""
        if request.method == "POST":
            return await self._change(request, self._add_fault)
        if request.method == "DELETE":
            self._clear(request.path_params.get("id"))
        return JSONResponse(self.box.faults.as_json())

    async def clear_faults(self, request: Request) -> Response:
        """The console's button; forms know no DELETE."""
        return await self._change(request, lambda values: self._clear(values.get("id")))

    async def requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.box.log.clear()
        return JSONResponse({"requests": self.box.log.entries(request.query_params.get("operation"))})

    async def charges(self, request: Request) -> Response:
        """The money, counted: one row a charge, failed attempts included."""
        order = request.query_params.get("order")
        rows = [_summary(charge) for charge in self.box.store.all("charge")]
        return JSONResponse({"charges": [row for row in rows if order in (None, row["order"])]})

    async def clock(self, request: Request) -> Response:
        """Moves the sandbox's time forward by `advance` seconds and lets everything due happen."""
        return await self._change(request, self._advance)

    async def webhook(self, request: Request) -> Response:
        """Where events go from now on, and with which secret they are signed."""
        return await self._change(request, self._set_webhook)

    async def reset(self, request: Request) -> Response:
        """Forgets every object, switch and logged request."""
        return await self._change(request, lambda values: self._reset())

    async def settle(self, request: Request) -> Response:
        """Ends the waiting of a slow payment: `outcome` is succeeded or failed."""

        def act(values: Json) -> None:
            intent = self.box.store.get("payment_intent", request.path_params["id"])
            confirming.settle(self.box, intent, succeeded=_outcome(values, "succeeded", "failed"))

        return await self._change(request, act)

    async def authenticate(self, request: Request) -> Response:
        """Answers 3-D Secure in the fan's place: `outcome` is complete or fail."""

        def act(values: Json) -> None:
            intent = self.box.store.get("payment_intent", request.path_params["id"])
            confirming.authenticate(self.box, intent, passed=_outcome(values, "complete", "fail"))
            checkout_sessions.follow(self.box, intent)

        return await self._change(request, act)

    async def open_dispute(self, request: Request) -> Response:
        """A bank takes the money of `charge` (or of `payment_intent`) back; with `due_by` 0 or null for good."""

        def act(values: Json) -> Json:
            intent = self.box.store.find("payment_intent", values.get("payment_intent"))
            charge = self.box.store.get("charge", values.get("charge") or (intent or {}).get("latest_charge") or "")
            reason = values.get("reason") or "fraudulent"
            return {"id": disputes.open_(self.box, charge, reason=reason, due_by=values.get("due_by", -1))["id"]}

        return await self._change(request, act)

    async def decide_dispute(self, request: Request) -> Response:
        def act(values: Json) -> None:
            dispute = self.box.store.get("dispute", request.path_params["id"])
            disputes.decide(self.box, dispute, won=_outcome(values, "won", "lost"))

        return await self._change(request, act)

    async def _change(self, request: Request, act: Callable[[Json], Json | None]) -> Response:
        """Reads JSON or a form of the console itself, acts, and answers in kind."""
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if is_form and request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return JSONResponse({"error": "only the sandbox's own pages may do this"}, status_code=403)
        try:
            values = decode((await request.body()).decode()) if is_form else await _json(request)
            result = act(values)
        except (BadFault, BadSwitch) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except StripeError as error:
            return JSONResponse({"error": error.error["message"]}, status_code=error.status)
        return RedirectResponse("/", status_code=303) if is_form else JSONResponse(result or {"ok": True})

    def _add_fault(self, values: Json) -> Json:
        if "webhooks" in values:
            self.box.faults.set_webhooks(parse_webhook_faults(values["webhooks"]))
            if not self.box.faults.webhooks.reorder:
                self.box.webhooks.release()
            return self.box.faults.as_json()
        return {"id": self.box.faults.add(parse_fault(values)).id}

    def _clear(self, identifier: str | None) -> None:
        if identifier:
            if not str(identifier).isdecimal():
                raise BadSwitch("id must be a number")
            self.box.faults.remove(int(identifier))
            return
        self.box.faults.clear()
        self.box.webhooks.release()

    def _advance(self, values: Json) -> Json:
        try:
            self.box.clock.advance(float(values.get("advance", 0)))
        except (TypeError, ValueError) as error:
            raise BadSwitch(str(error)) from error
        sweep(self.box)
        return {"now": self.box.now}

    def _set_webhook(self, values: Json) -> None:
        self.box.webhooks.url = values.get("url") or None
        self.box.webhooks.secret = values.get("secret") or self.box.webhooks.secret

    def _reset(self) -> None:
        self.box.faults.clear()
        self.box.webhooks.forget()
        self.box.store.clear()
        self.box.log.clear()


def sweep(box: Sandbox) -> None:
    """What time alone brings about."""
    checkout_sessions.expire_due(box)
    confirming.settle_due(box)
    payment_intents.lapse_due(box)


def _summary(charge: Json) -> Json:
    return {
        "id": charge["id"],
        "payment_intent": charge["payment_intent"],
        "order": charge["metadata"].get("order"),
        "amount": charge["amount"],
        "currency": charge["currency"],
        "status": charge["status"],
        "paid": charge["paid"] and charge["captured"],
        "authorised": charge["paid"] and not charge["captured"] and not charge["refunded"],
        # What was let go was no money, whatever Stripe calls it.
        "refunded": charge["amount_refunded"] if charge["captured"] else 0,
        "created": charge["created"],
    }


def _outcome(values: Json, good: str, bad: str) -> bool:
    outcome = values.get("outcome")
    if outcome not in (good, bad):
        raise BadSwitch(f"outcome must be {good} or {bad}")
    return bool(outcome == good)


async def _json(request: Request) -> Json:
    try:
        values = await request.json() if await request.body() else {}
    except ValueError as error:
        raise BadSwitch("the body is not JSON") from error
    if not isinstance(values, dict):
        raise BadSwitch("the body must be a JSON object")
    return values
