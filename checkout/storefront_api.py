"""The headless door: the same verbs as the pages, for machines. No cookie is read; an order is known by its token."""

from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Header, NinjaAPI, Status

from checkout import attempts
from checkout.contact import Contact, read_contact, read_country
from checkout.errors import Invalid
from checkout.forms import read_person
from checkout.place_order import OrderRequest, place_order
from checkout.pricing import Wanted
from checkout.queries import order_by_token
from checkout.quote import quote
from checkout.storefront_problems import tell_problems
from checkout.storefront_schemas import (
    DropDetailOut,
    DropOut,
    LineIn,
    OrderIn,
    OrderOut,
    PlacedOut,
    ProblemOut,
    QuoteIn,
    QuoteOut,
    StockOut,
)
from checkout.storefront_shapes import drop_json, offer_json, order_json, policy_json, quote_json
from drops.disclosures import disclosures
from drops.models import Drop
from drops.queries import DropView, drop_page, home
from drops.terms import Terms, known
from merchant.client_address import client_ip
from merchant.clock import now
from merchant.money import Money
from merchant.problems import Problem
from policies.acceptance import Answer
from policies.languages import tidy
from policies.models import Surface

api = NinjaAPI(
    title="Frontrow storefront",
    version="1",
    description="Sell a drop from any front end: quote, order, follow the order. Errors are RFC 9457 problem details.",
    docs_url="docs",
    openapi_url="openapi.json",
    urls_namespace="api",
)


# --- reading --------------------------------------------------------------------------------------


@api.get("/drops", response=list[DropOut], summary="Upcoming and live drops")
def list_drops(request: HttpRequest) -> list[dict[str, Any]]:
    shelves = home(now())
    return [drop_json(drop) for drop in (*shelves.live, *shelves.upcoming)]


@api.get("/drops/{slug}", response={200: DropDetailOut, 404: ProblemOut}, summary="One drop with its offers and texts")
def get_drop(request: HttpRequest, slug: str) -> dict[str, Any]:
    at = now()
    view = _drop_view(slug, at)
    texts = disclosures(Drop.objects.get(slug=slug), now=at)
    return drop_json(view) | {
        "offers": [offer_json(offer) for offer in view.offers],
        "policies": [policy_json(text) for text in texts],
    }


@api.get("/drops/{slug}/stock", response={200: StockOut, 404: ProblemOut}, summary="The stock of this moment")
def get_stock(request: HttpRequest, slug: str) -> dict[str, Any]:
    view = _drop_view(slug, now())
    stock = {offer.sku: {"available": offer.available, "in_carts": offer.in_carts} for offer in view.offers}
    return {
        "version": Drop.objects.values_list("live_version", flat=True).get(slug=slug),
        "phase": view.phase,
        "stock": stock,
    }


@api.get("/orders/{token}", response={200: OrderOut, 404: ProblemOut}, summary="An order, by its token")
def get_order(request: HttpRequest, token: str, response: HttpResponse) -> dict[str, Any]:
    order = order_by_token(token)
    if order is None:
        raise Http404
    response["Cache-Control"] = "no-store"
    return order_json(order)


# --- agreeing and ordering ------------------------------------------------------------------------


@api.post(
    "/drops/{slug}/quote",
    response={200: QuoteOut, (404, 409, 422): ProblemOut},
    summary="What it costs there, and what applies",
)
def post_quote(request: HttpRequest, slug: str, body: QuoteIn) -> dict[str, Any]:
    wrong: dict[str, str] = {}
    country = read_country(body.address.country if body.address else body.country, wrong)
    if wrong:
        raise Invalid(wrong)
    terms, wanted = _sold_terms(slug), _wanted(body.lines)
    return quote_json(
        quote(
            terms.drop,
            wanted,
            country=country,
            region=body.address.region if body.address else "",
            shipping_option=body.shipping_option,
            now=now(),
            terms=terms,
            language=tidy(body.language),
        )
    )


@api.post(
    "/drops/{slug}/orders",
    response={201: PlacedOut, (400, 403, 404, 409, 422, 429, 503): ProblemOut},
    summary="Place an order, once",
)
def post_order(
    request: HttpRequest,
    slug: str,
    body: OrderIn,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Status[dict[str, Any]]:
    """The units are held and the order stands when this answers 201; paying begins after it.

    The same key and body again get the identical answer.
    """
    if not idempotency_key:
        raise Problem(
            "idempotency-key-missing", 400, "Send an Idempotency-Key header: a new random one for each order."
        )
    wanted = _order_request(body, idempotency_key)
    if wanted.confirmation_token:
        attempts.require_address(client_ip(request))
    placed = place_order(_sold_drop(slug), wanted, person=read_person(request, body.email), now=now())
    status_url = settings.PUBLIC_URL + reverse("api:get_order", args=[placed.token])
    return Status(201, placed.reply | {"token": placed.token, "status_url": status_url})


def _order_request(body: OrderIn, key: str) -> OrderRequest:
    return OrderRequest(
        idempotency_key=key,
        quote=body.quote,
        agreed_total=Money(body.agreed_total.amount, body.agreed_total.currency),
        lines=_wanted(body.lines),
        contact=_contact(body),
        shipping_option=body.shipping_option,
        answers=tuple(Answer(given.id, given.sha256, given.accepted) for given in body.policies),
        confirmation_token=body.confirmation_token or "",
        surface=Surface.API,
        payment_method=body.payment_method,
        seen=body.seen,
    )


def _contact(body: OrderIn) -> Contact:
    return read_contact(body.address.model_dump() | {"email": body.email, "name": body.name, "phone": body.phone})


def _wanted(lines: list[LineIn]) -> tuple[Wanted, ...]:
    return tuple(Wanted(line.sku, line.quantity) for line in lines)


def _sold_drop(slug: str) -> Drop:
    return _sold_terms(slug).drop


def _sold_terms(slug: str) -> Terms:
    try:
        return known(slug)
    except Drop.DoesNotExist as nothing:
        raise Http404 from nothing


def _drop_view(slug: str, at: datetime) -> DropView:
    if not slug.isprintable():  # the database takes no NUL
        raise Http404
    try:
        return drop_page(slug, at)
    except Drop.DoesNotExist as nothing:
        raise Http404 from nothing


tell_problems(api)
