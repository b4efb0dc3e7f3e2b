"""The waiting list's headless door: join, look at a place, leave. A place is known by its token; no cookie is read."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router, Status

from checkout import waiting_asks, waiting_list
from checkout.contact import read_email
from checkout.errors import Invalid
from checkout.storefront_schemas import JoinIn, PlaceOut
from checkout.waiting_asks import Asked
from checkout.waiting_models import WaitingPlace
from checkout.waiting_queries import PlaceView, asked_view, place_view
from drops.models import Drop
from drops.terms import known
from merchant.client_address import client_ip
from merchant.clock import now

router = Router(tags=["waiting list"])


@router.post(
    "/drops/{slug}/waiting-list",
    response={202: PlaceOut},
    summary="Wait for what is sold out",
    url_name="join_waiting_list",
)
def join(request: HttpRequest, slug: str, body: JoinIn) -> Status[dict[str, Any]]:
    """202 ``asked``, the same whoever's address it is: what became of it, and the place's key, go there by e-mail.

    Who is on the list keeps their place, and who has all that one person may have is not put on it; the mail says so.
    What comes back is offered to those who wait, in turn, before it is on sale. 409 ``still-there``: it can be bought;
    ``no-waiting-list``: the drop has none; ``not-open``: it has not started, or is over. 429 ``slow-down``: too many
    joined from one address.
    """
    wrong: dict[str, str] = {}
    email = read_email(body.email, wrong)
    if not body.sku.isprintable():
        wrong["sku"] = "This is not sold in this drop."
    if wrong:
        raise Invalid(wrong)
    drop = _drop(slug)
    waiting_list.require_few(client_ip(request))
    waiting_list.join(drop, body.sku, body.quantity, email, now=now())
    return Status(202, _asked_json(waiting_asks.opened(waiting_asks.seal(drop, body.sku, body.quantity))))


@router.get(
    "/waiting-list/{token}",
    response=PlaceOut,
    summary="A place in line, by its token",
    url_name="get_place",
)
def get_place(request: HttpRequest, token: str, response: HttpResponse) -> dict[str, Any]:
    """Where ``offered_until`` is set it is held for the fan until then: ``page_url`` leads on to the checkout.

    The key of a place came by e-mail. The token that joining answered says ``asked`` again, and never more.
    """
    response["Cache-Control"] = "no-store"
    asked = waiting_asks.opened(token)
    return _asked_json(asked) if asked else _json(_place(token))


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


def _asked_json(asked: Asked | None) -> dict[str, Any]:
    if asked is None:
        raise Http404
    return _view_json(asked_view(asked, now()), asked.offer.variant.sku)


def _json(place: WaitingPlace) -> dict[str, Any]:
    return _view_json(place_view(place, now()), place.offer.variant.sku if place.offer else "")


def _view_json(view: PlaceView, sku: str) -> dict[str, Any]:
    return {
        "token": view.token,
        "state": view.state,
        "sku": sku,
        "quantity": view.quantity,
        "number": view.number or None,
        "headline": view.headline,
        "explanation": view.explanation,
        "offered_until": view.offered_until,
        "page_url": settings.PUBLIC_URL + reverse("checkout:place", args=[view.token]),
    }
