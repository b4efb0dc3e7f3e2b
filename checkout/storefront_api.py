"""The headless door: the same verbs as the pages, for machines. No cookie is read; a cart and an order are known by
their tokens.

Here is what is for sale; carts and orders have files of their own beside this one.
"""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from checkout.contact import read_country
from checkout.errors import Invalid
from checkout.personal_quote import personal_quote
from checkout.storefront_carts import carts_door
from checkout.storefront_document import StorefrontAPI
from checkout.storefront_orders import orders_door
from checkout.storefront_problems import tell_problems
from checkout.storefront_reading import sold_terms, wanted_of
from checkout.storefront_schemas import DropDetailOut, DropOut, QuoteIn, QuoteOut, ShopOut, StockOut
from checkout.storefront_shapes import drop_detail_json, drop_json, quote_json, shop_json
from checkout.waiting_api import router as waiting_list
from drops.disclosures import disclosures
from drops.models import Drop
from drops.queries import DropView, drop_page, home
from merchant.client_place import client_place
from merchant.clock import now
from merchant.store import current_store
from policies.languages import tidy
from policies.places import Where

api = StorefrontAPI(
    title="Frontrow storefront",
    version="1",
    description="Sell a drop from any front end: cart, quote, order, follow the order. Money is minor units, times are "
    "UTC. Every refusal is a problem detail (RFC 9457) whose `type` never changes its meaning. An address that is none "
    "is answered with 404 `not-found`, a method that an address does not take with 405 `method-not-allowed`.",
    docs_url="docs",
    openapi_url="openapi.json",
    urls_namespace="api",
)
FRESH_SECONDS = 60


@api.get("/shop", response=ShopOut, summary="The shop, and what its payment form needs")
def get_shop(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    response["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    return shop_json(current_store())


@api.get("/drops", response=list[DropOut], summary="Upcoming and live drops")
def list_drops(request: HttpRequest) -> list[dict[str, Any]]:
    shelves = home(now())
    return [drop_json(drop) for drop in (*shelves.live, *shelves.upcoming)]


@api.get("/drops/{slug}", response=DropDetailOut, summary="One drop with its offers and texts")
def get_drop(request: HttpRequest, slug: str) -> dict[str, Any]:
    at = now()
    view = _drop_view(slug, at)
    return drop_detail_json(view, disclosures(Drop.objects.get(slug=slug), now=at))


@api.get("/drops/{slug}/stock", response=StockOut, summary="The stock of this moment")
def get_stock(request: HttpRequest, slug: str, response: HttpResponse) -> dict[str, Any]:
    view = _drop_view(slug, now())
    stock = {offer.sku: {"available": offer.available, "in_carts": offer.in_carts} for offer in view.offers}
    response["Cache-Control"] = "no-store"
    return {
        "version": Drop.objects.values_list("live_version", flat=True).get(slug=slug),
        "phase": view.phase,
        "stock": stock,
    }


@api.post("/drops/{slug}/quote", response=QuoteOut, summary="What it costs there, and what applies")
def post_quote(request: HttpRequest, slug: str, body: QuoteIn) -> dict[str, Any]:
    """Takes no hold and promises no stock. The order brings it back within half an hour.

    ``email`` changes nothing: how often a person has used a discount is said to who orders, by ``total-changed``.
    """
    wrong: dict[str, str] = {}
    country = read_country(body.address.country if body.address else body.country, wrong)
    if wrong:
        raise Invalid(wrong)
    terms, wanted = sold_terms(slug), wanted_of(body.lines)
    address = body.address
    place = Where(country, address.region if address else "", address.postal_code if address else "")
    return quote_json(
        personal_quote(
            terms.drop,
            wanted,
            place,
            ip_place=client_place(request),
            shipping_option=body.shipping_option,
            discount_code=body.discount_code,
            now=now(),
            terms=terms,
            language=tidy(body.language),
        )
    )


def _drop_view(slug: str, at: datetime) -> DropView:
    if not slug.isprintable():  # the database takes no NUL
        raise Http404
    try:
        return drop_page(slug, at)
    except Drop.DoesNotExist as nothing:
        raise Http404 from nothing


api.add_router("", carts_door)
api.add_router("", orders_door)
api.add_router("", waiting_list)
tell_problems(api)
