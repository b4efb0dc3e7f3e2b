"""What the browser loads: the stand-in for Stripe.js and the card form in its frame."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from .pages import HERE, money, page
from .state import Sandbox

SCRIPT_OPERATION = "stripe.js"


@dataclass(frozen=True)
class Elements:
    box: Sandbox

    async def script(self, request: Request) -> Response:
        """`Stripe(key)` with the part of Stripe.js that a shop's checkout uses. The fault `stripe.js` breaks it."""
        if fault := self.box.faults.take(SCRIPT_OPERATION, "error", "before"):
            return Response(status_code=fault.status)
        headers = {"Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "cross-origin"}
        return FileResponse(HERE / "static" / "stripe.js", media_type="text/javascript", headers=headers)

    async def card_form(self, request: Request) -> Response:
        return page("card_form.html")

    async def receipt(self, request: Request) -> Response:
        charge = self.box.store.find("charge", request.path_params["id"])
        if charge is None:
            return page("notice.html", status=404, title="No such receipt", text="Check the link in your message.")
        text = f"{money(charge['amount'], charge['currency'])}, paid by card. Receipt {charge['id']}."
        return page("notice.html", title="Receipt", text=text)
