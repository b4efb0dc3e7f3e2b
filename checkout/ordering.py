"""Placing an order behind the guard against card testing: what every door calls."""

from datetime import datetime, timedelta

from checkout import attempts
from checkout.errors import TooManyCards
from checkout.order_keys import standing
from checkout.order_request import OrderRequest, Placed
from checkout.place_order import place_order
from checkout.quote import LIFETIME
from drops.models import Drop
from policies.acceptance import Person


def order_once(
    drop: Drop, request: OrderRequest, *, person: Person, now: datetime, quote_lasts: timedelta = LIFETIME
) -> Placed:
    """``place_order``, unless too many cards were refused where this comes from: then no new card is taken from there.

    An order that stands gets its answer again all the same: sending it once more tries no card. Raises TooManyCards and
    what ``place_order`` raises.
    """
    try:
        if request.confirmation_token:
            attempts.require_address(person.ip)
    except TooManyCards:
        before = standing(drop, request)
        if before is None:
            raise
        return before
    return place_order(drop, request, person=person, now=now, quote_lasts=quote_lasts)
