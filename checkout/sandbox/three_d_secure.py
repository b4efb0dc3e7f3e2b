"""The bank's 3-D Secure page: framed by the stand-in for Stripe.js, or a page of its own without JavaScript."""

import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from . import checkout_sessions, confirming
from .errors import Json
from .pages import money, page
from .params import decode
from .state import Sandbox
from .store import PRIVATE


@dataclass(frozen=True)
class ThreeDSecure:
    box: Sandbox

    async def show(self, request: Request) -> Response:
        query = dict(request.query_params)
        intent = self._intent(request.path_params["id"], query.get("client_secret", ""))
        if intent is None:
            return page("notice.html", status=404, title="No such payment", text="Go back to the shop and try again.")
        if intent["status"] != "requires_action":
            return self._leave(intent, query.get("host", ""))
        return page(
            "three_d_secure.html",
            amount=money(intent["amount"], intent["currency"]),
            client_secret=intent["client_secret"],
            host=query.get("host", ""),
            action=request.url.path,
        )

    async def answer(self, request: Request) -> Response:
        values = decode((await request.body()).decode())
        intent = self._intent(request.path_params["id"], str(values.get("client_secret", "")))
        if intent is None:
            return page("notice.html", status=404, title="No such payment", text="Go back to the shop and try again.")
        confirming.authenticate(self.box, intent, passed=values.get("outcome") == "complete")
        checkout_sessions.follow(self.box, intent)
        return self._leave(intent, str(values.get("host", "")))

    def _leave(self, intent: Json, host: str) -> Response:
        """Back to the page that frames us, or to the return URL, or to a word of goodbye."""
        if host:
            return page("three_d_secure_done.html", host=host, payment_intent=intent["id"])
        if return_url := intent.get(PRIVATE, {}).get("return_url"):
            return RedirectResponse(_with_result(return_url, intent), status_code=303)
        text = "You may close this page and return to the shop."
        return page("notice.html", title="Your bank has answered", text=text)

    def _intent(self, identifier: str, client_secret: str) -> Json | None:
        intent = self.box.store.find("payment_intent", identifier)
        known = intent is not None and hmac.compare_digest(intent["client_secret"].encode(), client_secret.encode())
        return intent if known else None


def _with_result(return_url: str, intent: Json) -> str:
    """Stripe adds these to a return URL."""
    failed = intent["status"] in ("requires_payment_method", "canceled")
    query = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "failed" if failed else "succeeded",
    }
    return f"{return_url}{'&' if '?' in return_url else '?'}{urlencode(query)}"
