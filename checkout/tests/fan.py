"""What a fan does, in one line each."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from checkout.contact import Address, Contact
from checkout.models import Order
from checkout.order_request import OrderRequest, Placed
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import Quote, quote
from checkout.sandbox.testing import SandboxServer
from checkout.tokens import hashed
from drops import catalog
from drops.models import Drop, DropState, Product, SaleWindow, StockItem as Stock, Variant
from merchant.money import Money
from policies.acceptance import Answer, Person
from policies.models import Surface

ADDRESS = Address("Long Street 1", "", "Springfield", "12345", "CA", "US")
PERSON = Person(ip="203.0.113.7", user_agent="a browser", email="fan@example.com")
START = datetime(2020, 11, 20, 18, 0, tzinfo=UTC)  # before any clock that the tests may run by


def live_drop(slug: str = "winter-robe", *, total: int = 5, skus: tuple[str, ...] = ("ROBE-M",), **fields: Any) -> Drop:
    """A live drop that sells ``total`` of each SKU at $48.00, two a person."""
    values: dict[str, Any] = {
        "title": "Winter Robe",
        "state": DropState.LIVE,
        "starts_at": START - timedelta(hours=1),
        "hold_from": "order",
    }
    drop = Drop.objects.create(slug=slug, **(values | fields))
    SaleWindow.objects.create(drop=drop, opens_at=fields.get("starts_at", values["starts_at"]))
    product, _ = Product.objects.get_or_create(slug="robe", defaults={"title": "Robe"})
    for sku in skus:
        variant, _ = Variant.objects.get_or_create(sku=sku, defaults={"product": product, "title": sku[-1]})
        catalog.add_offer(drop, variant, price=Money(4800, "USD"), limit=2)
        Stock.objects.filter(code=sku).update(total=total)
    return drop


def quoted(drop: Drop, *lines: tuple[str, int], at: datetime, country: str = "US") -> Quote:
    wanted = [Wanted(*line) for line in lines or [("ROBE-M", 1)]]
    return quote(drop, wanted, country=country, now=at)


def somebody(email: str = "fan@example.com") -> Contact:
    return Contact(email, "A Fan", "", ADDRESS)


def request(agreed: Quote, **changes: Any) -> OrderRequest:
    """The order that accepts a quote whole."""
    values: dict[str, Any] = {
        "idempotency_key": str(uuid.uuid4()),
        "quote": agreed.token,
        "agreed_total": agreed.total,
        "lines": tuple(Wanted(line.sku, line.quantity) for line in agreed.lines),
        "contact": somebody(),
        "shipping_option": "standard",
        "answers": tuple(Answer(text.id, text.sha256, True) for text in agreed.policies),
        "confirmation_token": "",
        "surface": Surface.API,
    }
    return OrderRequest(**(values | changes))


def orders(drop: Drop, *lines: tuple[str, int], at: datetime, **changes: Any) -> Placed:
    """Quote and order in one go."""
    return place_order(drop, request(quoted(drop, *lines, at=at), **changes), person=PERSON, now=at)


def placed(drop: Drop, *lines: tuple[str, int], at: datetime, **changes: Any) -> Order:
    """The same, as the order's row."""
    return found(orders(drop, *lines, at=at, **changes))


def found(answer: Placed) -> Order:
    return Order.objects.select_related("payment", "drop").get(token_hash=hashed(answer.token))


def card(sandbox: SandboxServer, name: str = "pm_card_visa") -> str:
    """A confirmation token for one of the provider's test cards."""
    client = stripe.StripeClient("sk_test_frontrow", base_addresses={"api": sandbox.base_url})
    return client.v1.test_helpers.confirmation_tokens.create({"payment_method": name}).id


def counts(sku: str = "ROBE-M") -> tuple[int, int, int]:
    """(held, sold, available)."""
    item = Stock.objects.get(code=sku)
    return item.held, item.sold, item.available
