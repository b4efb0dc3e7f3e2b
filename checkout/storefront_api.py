"""The headless door: the same verbs as the pages, for machines. No cookie is read; an order is known by its token."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Header, NinjaAPI, Status
from ninja.errors import HttpError, ValidationError

from checkout.contact import Contact, read_contact, read_country
from checkout.errors import Invalid, PoliciesChanged, QuoteExpired, TotalChanged
from checkout.forms import read_person
from checkout.models import Order
from checkout.place_order import OrderRequest, place_order
from checkout.pricing import PricedLine, Wanted
from checkout.queries import order_by_token, order_view
from checkout.quote import Quote, quote
from checkout.refusals import TELLERS, problem_of
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
from drops.disclosures import disclosures
from drops.models import Drop, DropState
from drops.queries import DropView, drop_page, home
from merchant.clock import now
from merchant.money import Money
from merchant.problems import Problem
from policies.acceptance import Answer
from policies.models import Surface
from policies.shown import ShownPolicy

PROBLEM_JSON = "application/problem+json"
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
    return [_drop(drop) for drop in (*shelves.live, *shelves.upcoming)]


@api.get("/drops/{slug}", response={200: DropDetailOut, 404: ProblemOut}, summary="One drop with its offers and texts")
def get_drop(request: HttpRequest, slug: str) -> dict[str, Any]:
    at = now()
    view = _drop_view(slug, at)
    texts = disclosures(Drop.objects.get(slug=slug), now=at)
    return _drop(view) | {
        "offers": [_offer(offer) for offer in view.offers],
        "policies": [_policy(text) for text in texts],
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
    return _order(order)


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
    return _quote(
        quote(_sold_drop(slug), _wanted(body.lines), country=country, shipping_option=body.shipping_option, now=now())
    )


@api.post(
    "/drops/{slug}/orders",
    response={201: PlacedOut, (400, 403, 404, 409, 422): ProblemOut},
    summary="Place an order, once",
)
def post_order(
    request: HttpRequest,
    slug: str,
    body: OrderIn,
    idempotency_key: str | None = Header(None, alias="Idempotency-Key"),
) -> Status[dict[str, Any]]:
    """The units are held and the order stands when this answers 201; paying begins after it.

    The same key and body again get the identical answer.
    """
    if not idempotency_key:
        raise Problem(
            "idempotency-key-missing", 400, "Send an Idempotency-Key header: a new random one for each order."
        )
    wanted = _order_request(body, idempotency_key)
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
    )


def _contact(body: OrderIn) -> Contact:
    return read_contact(body.address.dict() | {"email": body.email, "name": body.name, "phone": body.phone})


def _wanted(lines: list[LineIn]) -> tuple[Wanted, ...]:
    return tuple(Wanted(line.sku, line.quantity) for line in lines)


def _sold_drop(slug: str) -> Drop:
    drop = Drop.objects.exclude(state=DropState.DRAFT).filter(slug=slug).first()
    if drop is None:
        raise Http404
    return drop


def _drop_view(slug: str, at: datetime) -> DropView:
    try:
        return drop_page(slug, at)
    except Drop.DoesNotExist as nothing:
        raise Http404 from nothing


# --- shapes ---------------------------------------------------------------------------------------


def _money(minor: int, currency: str) -> dict[str, int | str]:
    return Money(minor, currency).as_json()


def _drop(view: Any) -> dict[str, Any]:
    return {
        "slug": view.slug,
        "title": view.title,
        "strapline": view.strapline,
        "phase": view.phase,
        "kind": view.kind,
        "starts_at": view.starts_at,
        "ends_at": view.ends_at,
        "url": settings.PUBLIC_URL + reverse("drops:drop", args=[view.slug]),
    }


def _offer(offer: Any) -> dict[str, Any]:
    return {
        "sku": offer.sku,
        "title": f"{offer.product}, {offer.title}",
        "price": _money(offer.price_minor, offer.currency),
        "available": offer.available,
        "in_carts": offer.in_carts,
        "limit": offer.limit,
    }


def _policy(text: ShownPolicy) -> dict[str, Any]:
    names = ("id", "sha256", "title", "summary", "html", "box_wording", "language", "mandatory")
    return {name: getattr(text, name) for name in names}


def _line(line: PricedLine) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "unit_price": _money(line.unit_minor, line.currency),
        "total": _money(line.total_minor, line.currency),
    }


def _quote(quoted: Quote) -> dict[str, Any]:
    money = {
        name: _money(getattr(quoted, f"{name}_minor"), quoted.currency)
        for name in ("subtotal", "shipping", "tax", "total")
    }
    return money | {
        "quote": quoted.token,
        "lines": [_line(line) for line in quoted.lines],
        "shipping_options": [
            {"code": o.code, "title": o.title, "note": o.note, "price": _money(o.amount_minor, quoted.currency)}
            for o in quoted.shipping_options
        ],
        "shipping_option": quoted.shipping_option,
        "policies": [_policy(text) for text in quoted.policies],
        "verdict": {"allowed": quoted.verdict.allowed, "reason": quoted.verdict.reason},
        "expires_at": quoted.expires_at,
    }


def _order(order: Order) -> dict[str, Any]:
    view = order_view(order, now())
    return {
        "reference": view.reference,
        "status": view.state,
        "headline": view.headline,
        "explanation": view.explanation,
        "next_step": view.next_step,
        "total": _money(view.total_minor, view.currency),
        "refunded": _money(view.refunded_minor, view.currency),
        "hold_expires_at": view.hold_expires_at,
        "lines": [
            {
                "sku": line.sku,
                "title": line.title,
                "quantity": line.quantity,
                "unit_price": _money(line.unit_price_minor, view.currency),
                "total": _money(line.unit_price_minor * line.quantity, view.currency),
            }
            for line in order.lines.all()
        ],
        "timeline": [{"at": at, "text": text} for at, text in view.timeline],
        "next_action": _next_action(order, view.needs_bank, view.pay_url),
    }


def _next_action(order: Order, needs_bank: bool, pay_url: str | None) -> dict[str, str] | None:  # two facts of one view
    if needs_bank:
        return {"type": "use_stripe_sdk", "client_secret": order.payment.client_secret}
    return {"type": "pay", "url": settings.PUBLIC_URL + pay_url} if pay_url else None


# --- refusals -------------------------------------------------------------------------------------


def _answer(problem: Problem) -> HttpResponse:
    body = api.renderer.render(None, problem.as_json(), response_status=problem.status)
    return HttpResponse(body, status=problem.status, content_type=PROBLEM_JSON, headers=problem.headers)


def _refuse(request: HttpRequest, error: Exception) -> HttpResponse:
    problem = problem_of(error)
    if problem is None:
        raise error
    if isinstance(error, QuoteExpired | TotalChanged | PoliciesChanged):
        problem.extra["fresh"] = _quote(error.fresh)
    return _answer(problem)


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = {".".join(str(part) for part in one["loc"][2:] or one["loc"]): one["msg"] for one in error.errors}
    return _answer(Problem("invalid", 422, "Some fields need another look.", {"errors": fields}))


def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(Problem("not-found", 404, "There is nothing at this address."))


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _answer(Problem("invalid", error.status_code, str(error)))


for _kind in TELLERS:
    api.add_exception_handler(_kind, _refuse)
api.add_exception_handler(Problem, lambda request, problem: _answer(problem))
api.add_exception_handler(ValidationError, _invalid)
api.add_exception_handler(Http404, _not_found)
api.add_exception_handler(HttpError, _http_error)
