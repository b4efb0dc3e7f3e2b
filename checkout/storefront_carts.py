"""A cart for machines: its token is told once, and shown as a bearer token from then on."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status

from checkout import carts
from checkout.models import Cart
from checkout.storefront_reading import CartBearer, sold_terms, wanted_of
from checkout.storefront_schemas import CartIn, CartLinesIn, CartOut, CartStartedOut
from checkout.storefront_shapes import cart_json
from merchant.clock import now

carts_door = Router(tags=["cart"])
BEARER = CartBearer()


@carts_door.post("/drops/{slug}/carts", response={201: CartStartedOut}, summary="Start a cart")
def start_cart(request: HttpRequest, slug: str, body: CartIn, response: HttpResponse) -> Status[dict[str, Any]]:
    """All of its lines or none. Where the drop holds from the cart on, their clock starts here."""
    cart, token = carts.start(sold_terms(slug).drop, wanted_of(body.lines), now=now())
    return Status(201, _told(_fresh(cart), response) | {"token": token})


@carts_door.get("/cart", response=CartOut, auth=BEARER, summary="The cart and the time it has left")
def get_cart(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    cart = _cart(request)
    carts.refuse_closed(cart)
    return _told(cart, response)


@carts_door.put("/cart", response=CartOut, auth=BEARER, summary="Change what the cart holds")
def put_cart(request: HttpRequest, body: CartLinesIn, response: HttpResponse) -> dict[str, Any]:
    """All of it or nothing of it. Changing never makes the hold longer."""
    cart = _cart(request)
    carts.fill(cart, wanted_of(body.lines), now=now())
    return _told(_fresh(cart), response)


@carts_door.delete("/cart", response={204: None}, auth=BEARER, summary="Empty the cart and free its units")
def delete_cart(request: HttpRequest) -> Status[None]:
    carts.fill(_cart(request), (), now=now())
    return Status(204, None)


@carts_door.post("/cart/prolong", response=CartOut, auth=BEARER, summary="Keep its units for longer")
def prolong_cart(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    """For the drop's hold time from now, at most to its cap. What ended is taken again, if the stock allows it."""
    cart = _cart(request)
    carts.keep(cart, now=now())
    return _told(_fresh(cart), response)


def _cart(request: HttpRequest) -> Cart:
    cart: Cart = request.auth  # type: ignore[attr-defined]  # ninja's own door for what CartBearer found
    return cart


def _fresh(cart: Cart) -> Cart:
    return Cart.objects.select_related("drop").get(pk=cart.pk)


def _told(cart: Cart, response: HttpResponse) -> dict[str, Any]:
    response["Cache-Control"] = "no-store"
    return cart_json(cart, now())
