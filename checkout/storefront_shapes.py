"""Our values in the shapes of the storefront API."""

import math
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse

from checkout import gateway
from checkout.cart_queries import CartLineView, HoldView, cart_view
from checkout.contact import countries
from checkout.models import Cart, Order
from checkout.pricing import PricedLine
from checkout.queries import OrderView, order_view
from checkout.quote import Quote
from checkout.totals import tables
from drops.queries import DropView
from merchant.clock import now
from merchant.models import StoreProfile
from merchant.money import Money
from merchant.theme import DARK_PAPER, LIGHT_PAPER, ink_on, readable
from policies.meanwhile import Changed
from policies.restrictions import Verdict
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
        "cover_url": _absolute(view.cover_url),
        "cover_alt": view.cover_alt,
    }


def drop_detail_json(view: DropView, texts: Sequence[ShownPolicy]) -> dict[str, Any]:
    return drop_json(view) | {
        "live_url": f"{settings.LIVE_URL}/live/{view.slug}",
        "server_now": view.server_now,
        "capture_method": view.capture_method,
        "offers": [offer_json(offer) for offer in view.offers],
        "policies": [policy_json(text) for text in texts],
        "waiting_list_url": _waiting_list_url(view),
    }


def _waiting_list_url(view: DropView) -> str:
    return settings.PUBLIC_URL + reverse("checkout:waiting", args=[view.slug]) if view.waiting_list else ""


def shop_json(store: StoreProfile) -> dict[str, Any]:
    return {
        "name": store.name,
        "tagline": store.tagline,
        **_accents(store.accent),
        "currency": store.currency,
        "country": store.country,
        "countries": store.ships_to or [code for code, _ in countries()],
        "support_email": store.support_email,
        "policies_url": settings.PUBLIC_URL + reverse("policies:index"),
        "stripe_js": settings.STRIPE_JS_URL,
        "excluded_payment_methods": gateway.left_out(slow=store.slow_payments),
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
    }


def _accents(accent: str) -> dict[str, str]:
    light, dark = readable(accent.lower(), LIGHT_PAPER), readable(accent.lower(), DARK_PAPER)
    return {"accent": light, "on_accent": ink_on(light), "accent_dark": dark, "on_accent_dark": ink_on(dark)}


def cart_json(cart: Cart, at: datetime) -> dict[str, Any]:
    view = cart_view(cart, cart.drop, at)
    return {
        "drop": cart.drop.slug,
        "lines": [_cart_line(line) for line in view.lines],
        "subtotal": _money(view.subtotal_minor, view.currency) if view.lines else None,
        "hold": _hold(view.hold, at),
        "server_now": at,
    }


def order_url(token: str) -> str:
    """Where an order is followed. Its token is of letters that an address may hold."""
    return f"{settings.PUBLIC_URL}{_before_token()}{token}"


@cache
def _before_token() -> str:
    return reverse("api:get_order", args=["-"]).removesuffix("-")


def _absolute(address: str) -> str:
    return urljoin(f"{settings.PUBLIC_URL}/", address) if address else ""


def _hold(hold: HoldView, at: datetime) -> dict[str, Any]:
    return {
        "state": "ended" if hold.ended else "held" if hold.until else "none",
        "expires_at": hold.until,
        "seconds_left": max(0, math.ceil((hold.until - at).total_seconds())) if hold.until else 0,
        "prolong_minutes": hold.keep_minutes,
    }


def _cart_line(line: CartLineView) -> dict[str, Any]:
    return _line(line) | {"limit": line.limit, "available": line.available}


def offer_json(offer: Any) -> dict[str, Any]:
    return {
        "sku": offer.sku,
        "title": f"{offer.product}, {offer.title}",
        "picture_url": _absolute(offer.picture_url),
        "picture_alt": offer.picture_alt,
        "price": _money(offer.price_minor, offer.currency),
        "available": offer.available,
        "in_carts": offer.in_carts,
        "limit": offer.limit,
    }


def policy_json(text: ShownPolicy) -> dict[str, Any]:
    names = ("id", "kind", "sha256", "title", "summary", "html", "box_wording", "language", "mandatory")
    more = {"because": list(text.because), "fallback": text.is_fallback, "url": settings.PUBLIC_URL + text.url}
    return {name: getattr(text, name) for name in names} | more


def change_json(changed: Changed) -> dict[str, Any]:
    """What differs between the text a fan answered and the one in force: pieces that stayed, came or went.

    ``id`` and ``was`` are the same where only a value that is filled in moved; the digests tell the two apart.
    """
    return {
        "id": changed.version.ref,
        "was": changed.before.ref if changed.before else "",
        "sha256": changed.sha256,
        "was_sha256": changed.was_sha256,
        "change": changed.change_class,
        "change_summary": changed.headline,
        "headlines": list(changed.headlines),
        "pieces": [{"kind": piece.kind, "text": piece.text} for piece in changed.pieces],
    }


def _line(line: PricedLine | CartLineView) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "unit_price": _money(line.unit_minor, line.currency),
        "total": _money(line.total_minor, line.currency),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    age = verdict.age
    return {
        "allowed": verdict.allowed,
        "reason": verdict.reason,
        "minimum_age": age.minimum if age else None,
        "age_proof": age.proof if age else None,
        "age_question": age.question if age else None,
    }


def quote_json(quoted: Quote) -> dict[str, Any]:
    money = {
        name: _money(getattr(quoted, f"{name}_minor"), quoted.currency)
        for name in ("subtotal", "shipping", "discount", "tax", "total")
    }
    return money | {
        "quote": quoted.token,
        "lines": [_line(line) for line in quoted.lines],
        "shipping_options": [
            {"code": o.code, "title": o.title, "note": o.note, "price": _money(o.amount_minor, quoted.currency)}
            for o in quoted.shipping_options
        ],
        "shipping_option": quoted.shipping_option,
        "discounts": _discounts(quoted),
        "discount_code": quoted.discount_code,
        "discount_problem": quoted.discount_problem,
        "takes_codes": any(one.code for one in tables.known().discounts),
        "tax_title": quoted.tax_title,
        "tax_included": not quoted.tax_added_minor,
        "tax_source": quoted.tax_source,
        "policies": [policy_json(text) for text in quoted.policies],
        "verdict": _verdict(quoted.verdict),
        "expires_at": quoted.expires_at,
    }


def _discounts(of: Quote | OrderView) -> list[dict[str, Any]]:
    return [
        {"title": used.title, "code": used.code, "amount": _money(used.amount_minor, of.currency)}
        for used in of.discounts
    ]


def order_json(order: Order) -> dict[str, Any]:
    view = order_view(order, now())
    return {
        "reference": view.reference,
        "status": view.state,
        "headline": view.headline,
        "explanation": view.explanation,
        "next_step": view.next_step,
        "subtotal": _money(view.subtotal_minor, view.currency),
        "shipping": _money(view.shipping_minor, view.currency),
        "shipping_title": view.shipping_title,
        "discount": _money(view.discount_minor, view.currency),
        "discounts": _discounts(view),
        "tax": _money(view.tax_minor, view.currency),
        "tax_included": not view.tax_added_minor,
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
        "can_cancel": view.can_cancel,
    }


def _next_action(order: Order, needs_bank: bool, pay_url: str | None) -> dict[str, str] | None:  # two facts of one view
    if needs_bank:
        return {"type": "use_stripe_sdk", "client_secret": order.payment.client_secret}
    return {"type": "pay", "url": settings.PUBLIC_URL + pay_url} if pay_url else None
