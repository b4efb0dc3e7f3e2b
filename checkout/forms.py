"""What the checkout page posts, turned into an order request."""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from django.http import HttpRequest, QueryDict
from django.utils import timezone

from checkout.contact import read_contact
from checkout.errors import Invalid
from checkout.order_request import OrderRequest
from checkout.pricing import Wanted
from checkout.quote import PICKUP
from merchant.client_address import client_ip
from merchant.client_place import client_place
from merchant.clock import now
from merchant.money import Money
from merchant.store import store_zone
from policies import ages
from policies.acceptance import Answer, Person
from policies.models import Surface

FIELDS = (  # as they stand on the page, from top to bottom
    "email",
    "name",
    "phone",
    "birth_date",
    "country",
    "line1",
    "line2",
    "postal_code",
    "city",
    "region",
    "shipping_option",
    "discount_code",
)
SHOWN = re.compile(r"(?P<id>[\w-]+/v\d+):(?P<sha256>[0-9a-f]{64})")
MAX_QUOTE = 20_000
MAX_CODE = 200
MOST_TEXTS = 50


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
        confirmation_token=posted.get("confirmation_token", ""),
        surface=Surface.CHECKOUT,
        cart_id=cart_id,
        discount_code=posted.get("discount_code", "")[:MAX_CODE],
        seen=posted.get("seen", "")[:MAX_QUOTE],
        payment_method="pickup" if posted.get("shipping_option") == PICKUP else "card",
        birth_date=read_birth_date(posted.get("birth_date")),
        of_age=posted.get("of_age") == "yes",
    )


def read_person(request: HttpRequest, email: str) -> Person:
    agent = request.headers.get("User-Agent", "")[:300]
    return Person(ip=client_ip(request), user_agent=agent, email=email, place=client_place(request))


def read_birth_date(given: str | None) -> date | None:
    """Raises Invalid when something was given that is no date of birth."""
    born, wrong = ages.read_birth_date(given, timezone.localdate(now(), store_zone()))
    if wrong:
        raise Invalid({"birth_date": wrong})
    return born


def ticked(posted: QueryDict) -> set[str]:
    """The digests of the texts that the form says it showed and whose boxes were ticked there.

    A box names its bytes, like the text beside it. One that names a version alone (an older page, an order that a
    device kept) stands for the bytes of that version in the same form, and for no others.
    """
    boxes = set(posted.getlist("accept")[:MOST_TEXTS])
    return {one["sha256"] for one in _shown(posted) if not boxes.isdisjoint((one[0], one["id"]))}


def _answers(posted: QueryDict) -> tuple[Answer, ...]:
    yes = ticked(posted)
    return tuple(Answer(one["id"], one["sha256"], accepted=one["sha256"] in yes) for one in _shown(posted))


def _shown(posted: QueryDict) -> Iterable[re.Match[str]]:
    return filter(None, map(SHOWN.fullmatch, posted.getlist("policy")[:MOST_TEXTS]))


def _whole(text: str) -> int:
    # A total that is not a number was not agreed to; no real one is negative.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
