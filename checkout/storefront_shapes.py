"""Our values in the shapes of the storefront API."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from checkout.models import Order
from checkout.pricing import PricedLine
from checkout.queries import order_view
from checkout.quote import Quote
from merchant.clock import now
from merchant.money import Money
from policies.changelog import Entry
from policies.shown import ShownPolicy


def _money(minor: int, currency: str) -> dict[str, int | str]:
    return Money(minor, currency).as_json()


def drop_json(view: Any) -> dict[str, Any]:
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


def offer_json(offer: Any) -> dict[str, Any]:
    return {
        "sku": offer.sku,
        "title": f"{offer.product}, {offer.title}",
        "price": _money(offer.price_minor, offer.currency),
        "available": offer.available,
        "in_carts": offer.in_carts,
        "limit": offer.limit,
    }


def policy_json(text: ShownPolicy) -> dict[str, Any]:
    names = ("id", "kind", "sha256", "title", "summary", "html", "box_wording", "language", "mandatory")
    return {name: getattr(text, name) for name in names} | {"because": list(text.because), "fallback": text.is_fallback}


def change_json(entry: Entry) -> dict[str, Any]:
    """What differs between the text a fan answered and the one in force: pieces that stayed, came or went."""
    return {
        "id": entry.version.ref,
        "was": entry.before.ref if entry.before else "",
        "change": entry.version.change_class,
        "change_summary": entry.headline,
        "pieces": [{"kind": piece.kind, "text": piece.text} for piece in entry.pieces],
    }


def _line(line: PricedLine) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "unit_price": _money(line.unit_minor, line.currency),
        "total": _money(line.total_minor, line.currency),
    }


def quote_json(quoted: Quote) -> dict[str, Any]:
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
        "policies": [policy_json(text) for text in quoted.policies],
        "verdict": {"allowed": quoted.verdict.allowed, "reason": quoted.verdict.reason},
        "expires_at": quoted.expires_at,
    }


def order_json(order: Order) -> dict[str, Any]:
    view = order_view(order, now())
    return {
        "reference": view.reference,
        "status": view.state,
        "headline": view.headline,
        "explanation": view.explanation,
        "next_step": view.next_step,
        "total": _money(view.total_minor, view.currency),
        "money_state": order.money_state,
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
