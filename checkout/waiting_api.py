"""The waiting list's headless door: join, look at a place, leave. A place is known by its token; no cookie is read."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router, Status

from checkout import waiting_list
from checkout.contact import read_email
from checkout.errors import Invalid
from checkout.storefront_schemas import JoinIn, PlaceOut
from checkout.tokens import place_token
from checkout.waiting_list import Joined
from checkout.waiting_models import WaitingPlace
from checkout.waiting_queries import PlaceView, place_view
from drops.models import Drop
from drops.terms import known
from merchant.client_address import client_ip
from merchant.clock import now

router = Router(tags=["waiting list"])


@router.post(
    "/drops/{slug}/waiting-list",
    response={200: PlaceOut, 201: PlaceOut},
    summary="Wait for what is sold out",
    url_name="join_waiting_list",
)
def join(request: HttpRequest, slug: str, body: JoinIn) -> Status[dict[str, Any]]:
    """201 with the place and its key; 200 without the key where this address waits for it already.

    What comes back is offered to those who wait, in turn, before it is on sale. 409 ``still-there``: it can be bought;
    ``no-waiting-list``: the drop has none; ``not-open``: it has not started, or is over; ``limit-reached``: earlier
    orders included, that is more than one person may have. 429 ``slow-down``: too many joined from one address.
    """
    wrong: dict[str, str] = {}
    email = read_email(body.email, wrong)
    if not body.sku.isprintable():
        wrong["sku"] = "This is not sold in this drop."
    if wrong:
        raise Invalid(wrong)
    drop = _drop(slug)
    waiting_list.require_few(client_ip(request))
    joined = waiting_list.join(drop, body.sku, body.quantity, email, now=now())
    return Status(201 if joined.is_new else 200, _joined_json(joined))


@router.get(
    "/waiting-list/{token}",
    response=PlaceOut,
    summary="A place in line, by its token",
    url_name="get_place",
)
def get_place(request: HttpRequest, token: str, response: HttpResponse) -> dict[str, Any]:
    """Where ``offered_until`` is set it is held for the fan until then: ``page_url`` leads on to the checkout."""
    response["Cache-Control"] = "no-store"
    return _json(_place(token))


@router.delete(
    "/waiting-list/{token}",
    response=PlaceOut,
    summary="Wait no longer",
    url_name="leave_waiting_list",
)
def leave(request: HttpRequest, token: str) -> dict[str, Any]:
    """What was held in an offer goes to the next. 409 ``not-waiting``: the place is over, or became an order."""
    waiting_list.leave(_place(token).pk, now=now())
    return _json(_place(token))


def _drop(slug: str) -> Drop:
    try:
        return known(slug).drop
    except Drop.DoesNotExist as nothing:
        raise Http404 from nothing


def _place(token: str) -> WaitingPlace:
    found = waiting_list.by_token(token)
    if found is None:
        raise Http404
    return found


def _joined_json(joined: Joined) -> dict[str, Any]:
    place = waiting_list.by_token(place_token(joined.place.token_nonce))
    said = _json(place or joined.place)
    return said if joined.is_new else said | {"token": None, "page_url": None}


def _json(place: WaitingPlace) -> dict[str, Any]:
    view: PlaceView = place_view(place, now())
    return {
        "token": view.token,
        "state": view.state,
        "sku": place.offer.variant.sku if place.offer else "",
        "quantity": view.quantity,
        "number": view.number or None,
        "headline": view.headline,
        "explanation": view.explanation,
        "offered_until": view.offered_until,
        "page_url": settings.PUBLIC_URL + reverse("checkout:place", args=[view.token]),
    }
