"""What a fan on a waiting list is told by e-mail, each once, planned in the transaction of the deed it tells about."""

import uuid
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from checkout.addresses import list_url, place_url
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Drop
from drops.terms import OfferTerms
from merchant.store import current_store, store_zone
from merchant.templatetags.shop import clock
from segments import delivery

ENOUGH = "waiting_enough"
HEADLINES = {
    "joined": "You are on the waiting list",
    "again": "You are on the list already",
    "offered": "It is yours for now",
    "lapsed": "Your time ended",
    "closed": "The drop is over",
}


def joined(place: WaitingPlace, number: int) -> None:
    """That they are on it, which one they are, and how to leave."""
    _plan(place, "joined", f"You are on the waiting list: {_what(place)}", number=number)


def again(place: WaitingPlace, number: int, now: datetime) -> None:
    """To who is on it and was typed again: where they are, and the way to their place."""
    subject = f"You are on the waiting list already: {_what(place)}"
    is_offered = place.state == PlaceState.OFFERED
    _plan(place, "again", subject, number=number, is_offered=is_offered, at=f":{now:%Y%m%dT%H%M%S}")


def enough(drop: Drop, offer: OfferTerms, email: str) -> None:
    """To who may not have more, and so is not on the list."""
    delivery.plan(
        f"{ENOUGH}:{uuid.uuid4().hex}",  # by no name that would find the address again; the caller has counted it
        kind=ENOUGH,
        to=email,
        subject=f"More than one person may have: {offer.title} · {current_store().name}",
        template="checkout/email/waiting_enough",
        context={
            "headline": "That is more than one person may have",
            "drop": drop,
            "what": offer.title,
            "limit": offer.limit,
            "drop_url": f"{settings.PUBLIC_URL}{reverse('drops:drop', args=[drop.slug])}",
            "shop_url": settings.PUBLIC_URL,
        },
    )


def offered(place: WaitingPlace, now: datetime) -> None:
    """That it is theirs now, until when, and where to buy it."""
    until = place.offered_until
    if until is not None:
        _plan(place, "offered", f"It is yours until {_shop_clock(until, now)}: {_what(place)}", until=until)


def lapsed(place: WaitingPlace) -> None:
    """That the offer went to the next, and how to wait again."""
    _plan(place, "lapsed", f"Your time ended: {_what(place)}")


def closed(place: WaitingPlace) -> None:
    """That nothing came back before the drop ended."""
    _plan(place, "closed", f"The drop is over: {_what(place)}")


def _shop_clock(until: datetime, now: datetime) -> str:
    with timezone.override(store_zone()):
        return clock(until, now)


def _what(place: WaitingPlace) -> str:
    variant = place.offer.variant if place.offer else None
    return f"{variant.product.title}, {variant.title}" if variant else place.drop.title


def _plan(place: WaitingPlace, name: str, subject: str, *, at: str = "", **said: object) -> None:
    """Once a ``name``; of one that may be said more than once, once at a time."""
    delivery.plan(
        f"place:{place.pk}:{name}{at}",
        kind=f"waiting_{name}",
        to=place.email,
        subject=f"{subject} · {current_store().name}",
        template=f"checkout/email/waiting_{name}",
        context={
            "headline": HEADLINES[name],
            "place": place,
            "what": _what(place),
            "minutes": place.drop.waiting_minutes,
            "place_url": place_url(place),
            "list_url": list_url(place),
            "shop_url": settings.PUBLIC_URL,
            **said,
        },
    )
