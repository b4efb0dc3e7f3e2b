"""Placing an order and following it, for machines. Whoever knows an order's token is its fan."""

from typing import Annotated, Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Header, Router, Status

from checkout import attempts, expiry, payments
from checkout.contact import Contact, read_contact
from checkout.errors import BeingPaid
from checkout.forms import read_birth_date, read_person
from checkout.models import Order, OrderState
from checkout.order_request import OrderRequest
from checkout.ordering import order_once
from checkout.queries import order_by_token
from checkout.storefront_reading import cart_shown, sold_terms, wanted_of
from checkout.storefront_schemas import CardIn, OrderIn, OrderOut, PlacedOut
from checkout.storefront_shapes import order_json, order_url
from merchant import journal
from merchant.client_address import client_ip
from merchant.clock import now
from merchant.money import Money
from merchant.problems import Problem
from policies.acceptance import Answer
from policies.models import Surface

orders_door = Router(tags=["order"])


@orders_door.post(
    "/drops/{slug}/orders",
    response={201: PlacedOut},
    summary="Place an order, once",
    openapi_extra={"security": [{}, {"CartBearer": []}]},  # without a cart, or with one
)
def post_order(
    request: HttpRequest,
    slug: str,
    body: OrderIn,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Status[dict[str, Any]]:
    """The units are held and the order stands when this answers 201; paying begins after it.

    The same key and body again get the identical answer. With a cart's bearer token the order takes over what the cart
    holds, and its clock; without one it takes its units from the stock.
    """
    if not idempotency_key:
        raise key_missing()
    drop = sold_terms(slug).drop
    cart = cart_shown(request, drop)
    wanted = _order_request(body, idempotency_key, cart_id=cart.pk if cart else None)
    placed = order_once(drop, wanted, person=read_person(request, body.email), now=now())
    return Status(201, placed.reply | {"token": placed.token, "status_url": order_url(placed.token)})


@orders_door.get("/orders/{token}", response=OrderOut, summary="An order, by its token")
def get_order(request: HttpRequest, token: str, response: HttpResponse) -> dict[str, Any]:
    return _told(_found(token), response)


@orders_door.put("/orders/{token}/card", response=OrderOut, summary="Pay with another card")
def put_card(request: HttpRequest, token: str, body: CardIn, response: HttpResponse) -> dict[str, Any]:
    """When `next_action` is `pay`: the same order, the same hold, another confirmation token of Stripe.js."""
    order = _found(token)
    attempts.require_address(client_ip(request))
    payments.use_card(order.pk, body.confirmation_token, now=now())
    return _told(_found(token), response)


@orders_door.post("/orders/{token}/returned", response=OrderOut, summary="The fan is back from their bank")
def post_returned(request: HttpRequest, token: str, response: HttpResponse) -> dict[str, Any]:
    """After `stripe.handleNextAction`, whatever it said: the provider is asked at once what became of it."""
    payments.look_again(_found(token).pk, now=now())
    return _told(_found(token), response)


@orders_door.post("/orders/{token}/cancel", response=OrderOut, summary="Let the order go")
def cancel_order(request: HttpRequest, token: str, response: HttpResponse) -> dict[str, Any]:
    """The units go back once the provider has confirmed that nothing can be paid any more."""
    found = _found(token)
    if not expiry.close(found.pk, OrderState.CANCELLED, why="by the fan", actor=journal.FAN, now=now()):
        raise BeingPaid
    return _told(_found(token), response)


def key_missing() -> Problem:
    return Problem("idempotency-key-missing", 400, "Send an Idempotency-Key header: a new random one for each order.")


def _found(token: str) -> Order:
    order = order_by_token(token)
    if order is None:
        raise Http404
    return order


def _told(order: Order, response: HttpResponse) -> dict[str, Any]:
    response["Cache-Control"] = "no-store"
    return order_json(order)


def _order_request(body: OrderIn, key: str, *, cart_id: int | None) -> OrderRequest:
    return OrderRequest(
        idempotency_key=key,
        quote=body.quote,
        agreed_total=Money(body.agreed_total.amount, body.agreed_total.currency),
        lines=wanted_of(body.lines),
        contact=_contact(body),
        shipping_option=body.shipping_option,
        answers=tuple(Answer(given.id, given.sha256, given.accepted) for given in body.policies),
        confirmation_token=body.confirmation_token or "",
        surface=Surface.API,
        cart_id=cart_id,
        payment_method=body.payment_method,
        discount_code=body.discount_code,
        birth_date=read_birth_date(body.birth_date),
        of_age=body.of_age,
        seen=body.seen,
    )


def _contact(body: OrderIn) -> Contact:
    return read_contact(body.address.model_dump() | {"email": body.email, "name": body.name, "phone": body.phone})
