"""What every operation of the storefront API reads from a request."""

from collections.abc import Iterable

from django.http import Http404, HttpRequest
from ninja.security import HttpBearer

from checkout import carts
from checkout.models import Cart
from checkout.pricing import Wanted
from checkout.storefront_schemas import LineIn
from drops.models import Drop
from drops.terms import Terms, known
from merchant.problems import Problem

LONGEST_TOKEN = 100


class CartBearer(HttpBearer):
    """`Authorization: Bearer` and the token that the cart was started with."""

    def authenticate(self, request: HttpRequest, token: str) -> Cart | None:
        return carts.by_token(token) if len(token) <= LONGEST_TOKEN else None


def token_unknown() -> Problem:
    told = "There is no cart with this token. Send it as Authorization: Bearer, or start a new cart."
    return Problem("token-unknown", 401, told, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def cart_shown(request: HttpRequest, drop: Drop) -> Cart | None:
    """The cart in this drop whose token the request shows; None where it shows none. Raises Problem."""
    if "Authorization" not in request.headers:
        return None
    cart: Cart | None = CartBearer()(request)
    if cart is None or cart.drop_id != drop.pk:
        raise token_unknown()
    return cart


def wanted_of(lines: Iterable[LineIn]) -> tuple[Wanted, ...]:
    return tuple(Wanted(line.sku, line.quantity) for line in lines)


def sold_terms(slug: str) -> Terms:
    """The terms of a public drop. Raises Http404."""
    try:
        return known(slug)
    except Drop.DoesNotExist as nothing:
        raise Http404 from nothing
