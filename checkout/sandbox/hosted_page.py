"""The payment page of a Checkout Session: plain forms, no JavaScript needed."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from . import checkout_sessions, confirming, payment_methods
from .errors import Json, StripeError, invalid
from .pages import Markup, join, money, page, render
from .params import Params, decode
from .state import Sandbox
from .store import PRIVATE


@dataclass(frozen=True)
class HostedPage:
    box: Sandbox

    async def show(self, request: Request) -> Response:
        session = self._session(request)
        return self._closed(session) or self._form(session or {}, {}, "")

    async def pay(self, request: Request) -> Response:
        session = self._session(request)
        if session is None or session["status"] != "open":
            return self._closed(session) or Response(status_code=404)
        values = decode((await request.body()).decode())
        try:
            method = payment_methods.from_data(self.box, _method_data(values))
        except StripeError as error:
            return self._form(session, values, str(error))
        decline = checkout_sessions.pay(self.box, session, method, str(values.get("email", "")) or None)
        if decline:
            return self._form(session, values, decline.message)
        intent = self.box.store.get("payment_intent", session["payment_intent"])
        if intent["status"] == "requires_action":
            return RedirectResponse(f"/c/pay/{session['id']}/3ds", status_code=303)
        return _success(session)

    async def bank(self, request: Request) -> Response:
        """The interstitial that asks the fan to answer their bank."""
        session = self._session(request)
        intent = self._waiting(session)
        if session is None or intent is None:
            return self._closed(session) or RedirectResponse(f"/c/pay/{request.path_params['id']}", status_code=303)
        return page(
            "three_d_secure.html",
            amount=money(intent["amount"], intent["currency"]),
            client_secret="",
            host="",
            action=request.url.path,
        )

    async def answer_bank(self, request: Request) -> Response:
        session = self._session(request)
        intent = self._waiting(session)
        if session is None or intent is None:
            return self._closed(session) or RedirectResponse(f"/c/pay/{request.path_params['id']}", status_code=303)
        outcome = decode((await request.body()).decode()).get("outcome")
        confirming.authenticate(self.box, intent, passed=outcome == "complete")
        checkout_sessions.complete_when_paid(self.box, session)
        error = intent["last_payment_error"]
        return self._form(session, {}, error["message"]) if error else _success(session)

    def _session(self, request: Request) -> Json | None:
        checkout_sessions.expire_due(self.box)
        return self.box.store.find(checkout_sessions.KIND, request.path_params["id"])

    def _waiting(self, session: Json | None) -> Json | None:
        """The PaymentIntent of an open session, when it waits for the fan's bank."""
        if session is None or session["status"] != "open":
            return None
        intent = self.box.store.find("payment_intent", session["payment_intent"])
        return intent if intent and intent["status"] == "requires_action" else None

    def _closed(self, session: Json | None) -> Response | None:
        """A page for a session that cannot be paid, None for one that can."""
        if session is None:
            return page("notice.html", status=404, title="No such payment page", text="Check the link in your message.")
        if session["status"] == "complete":
            return page("notice.html", title="This order is already paid", text="You will not be charged again.")
        if session["status"] == "expired":
            text = "Nothing was charged. Go back to the shop to start again."
            return page("notice.html", status=410, title="This payment page has expired", text=text)
        return None

    def _form(self, session: Json, values: Json, error: str) -> Response:
        items = [_item(item) for item in session[PRIVATE]["line_items"]]
        names = ("email", "number", "expiry", "cvc", "name", "country", "postal_code")
        filled = {name: str(values.get(name, "")) for name in names}
        filled["email"] = filled["email"] or session["customer_email"] or ""
        return page(
            "hosted_page.html",
            status=402 if error else 200,
            total=money(session["amount_total"], session["currency"]),
            items=join(items),
            error=render("error.html", text=error) if error else Markup(""),
            cancel=render("cancel.html", url=session["cancel_url"]) if session["cancel_url"] else Markup(""),
            **filled,
        )


def _item(item: Json) -> Markup:
    total = money(item["amount_total"], item["currency"])
    return render("line_item.html", description=item["description"], quantity=item["quantity"], total=total)


def _method_data(values: Json) -> Params:
    month, _, year = str(values.get("expiry", "")).replace(" ", "").partition("/")
    if not (month.isdigit() and year.isdigit()):
        raise invalid("Your card's expiration date is incomplete.", param="exp_month")
    if not str(values.get("cvc", "")).strip().isdigit():
        raise invalid("Your card's security code is incomplete.", param="cvc")
    address = {"country": values.get("country", ""), "postal_code": values.get("postal_code", "")}
    card = {"number": values.get("number", ""), "exp_month": month, "exp_year": year, "cvc": values["cvc"]}
    billing = {"name": values.get("name", ""), "email": values.get("email", ""), "address": address}
    return Params({"type": "card", "card": card, "billing_details": billing})


def _success(session: Json) -> Response:
    url = str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
    return RedirectResponse(url, status_code=303)
