"""What the checkout page posts, turned into an order request."""

from collections.abc import Mapping, Sequence

from django.http import HttpRequest, QueryDict

from checkout.contact import read_contact
from checkout.errors import Invalid
from checkout.place_order import OrderRequest
from checkout.pricing import Wanted
from merchant.client_address import client_ip
from merchant.money import Money
from policies.acceptance import Answer, Person
from policies.models import Surface

FIELDS = ("email", "name", "phone", "line1", "line2", "city", "postal_code", "region", "country", "shipping_option")
MAX_TOKEN = 120
MAX_QUOTE = 20_000


def read_order(posted: QueryDict, *, cart_id: int, lines: Sequence[Wanted], currency: str) -> OrderRequest:
    """The order of a checkout form. Raises Invalid with a message for each field."""
    return OrderRequest(
        idempotency_key=posted.get("idempotency_key", ""),
        quote=posted.get("quote", "")[:MAX_QUOTE],
        agreed_total=Money(_whole(posted.get("agreed_total", "")), currency),
        lines=tuple(lines),
        contact=read_contact(posted.dict()),
        shipping_option=posted.get("shipping_option", ""),
        answers=_answers(posted),
        confirmation_token=_token(posted),
        surface=Surface.CHECKOUT,
        cart_id=cart_id,
    )


def read_person(request: HttpRequest, email: str) -> Person:
    return Person(ip=client_ip(request), user_agent=request.headers.get("User-Agent", "")[:300], email=email)


def _answers(posted: QueryDict) -> tuple[Answer, ...]:
    ticked = set(posted.getlist("accept"))
    shown = (text.rpartition(":") for text in posted.getlist("policy")[:50])
    return tuple(Answer(id=policy, sha256=sha256, accepted=policy in ticked) for policy, _, sha256 in shown)


def _token(posted: Mapping[str, str]) -> str:
    token = posted.get("confirmation_token", "")
    if len(token) > MAX_TOKEN:
        raise Invalid({"confirmation_token": "Enter your card again."})
    return token


def _whole(text: str) -> int:
    # A total that is not a number was not agreed to; no real one is negative.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
