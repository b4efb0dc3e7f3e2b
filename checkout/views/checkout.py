"""The one page where a fan agrees and orders."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from checkout import carts, gateway
from checkout.cart_queries import hold_view
from checkout.carts import contents, open_cart, ordered_from
from checkout.contact import countries, read_country
from checkout.cookies import cart_token
from checkout.errors import (
    AgeRequired,
    AlreadyOrdered,
    CheckoutError,
    Invalid,
    KeyReused,
    PoliciesChanged,
    QuoteExpired,
    TotalChanged,
)
from checkout.forms import FIELDS, MAX_QUOTE, read_order, read_person, ticked
from checkout.models import Cart
from checkout.ordering import order_once
from checkout.personal_quote import personal_quote
from checkout.quote import Quote, open_token
from checkout.refusals import in_words, problem_of
from checkout.tokens import order_token, sealed_cart
from checkout.totals import tables
from checkout.views.cart import cart_page, visible_drop
from drops.errors import DropError
from drops.models import Drop
from merchant.client_place import client_place
from merchant.clock import now
from merchant.problems import Problem
from merchant.store import current_store
from policies import meanwhile
from policies.errors import PolicyUnanswered
from policies.languages import asked_by
from policies.places import Where
from policies.rules_models import Proof
from policies.seen import LONGEST as MAX_SEEN

AGREE_AGAIN = (KeyReused, PoliciesChanged, QuoteExpired, TotalChanged)


@dataclass
class Trouble:
    """Why the page is shown again."""

    problem: Problem | None = None
    errors: dict[str, str] = field(default_factory=dict)
    seen: str = ""
    withheld: dict[int, str] = field(default_factory=dict)
    changes: list[meanwhile.Changed] = field(default_factory=list)
    headline: str = ""

    @classmethod
    def of(cls, error: Exception) -> "Trouble":
        if isinstance(error, Invalid):
            return cls(errors=error.fields)
        problem = problem_of(error)
        if problem is None:
            raise error
        if isinstance(error, QuoteExpired):
            return cls(problem, headline=TOO_OLD)
        if isinstance(error, AgeRequired):
            return cls(errors={"birth_date" if error.age.proof == Proof.BIRTH_DATE else "of_age": problem.detail})
        if isinstance(error, TotalChanged):
            return cls(problem, withheld=error.fresh.withheld)
        if isinstance(error, PoliciesChanged):
            return cls(problem, seen=error.seen, changes=meanwhile.since(error.answers, error.fresh.policies))
        return cls(errors={"accept": problem.detail}) if isinstance(error, PolicyUnanswered) else cls(problem)


@never_cache
def checkout(request: HttpRequest, slug: str) -> HttpResponse:
    """GET quotes the cart; POST places it as an order and goes to the order's page."""
    drop = visible_drop(slug)
    token = cart_token(request, drop)
    cart = open_cart(token, drop)
    if cart is None:
        before = ordered_from(token, drop)
        return (
            redirect("checkout:order", order_token(before.token_nonce)) if before else redirect("checkout:cart", slug)
        )
    if request.method == "POST":
        return _order(request, drop, cart)
    return _page(request, drop, cart, Trouble(), str(uuid.uuid4()))


@never_cache
def keep(request: HttpRequest, slug: str) -> HttpResponse:
    """POST keeps the cart's pieces for longer, or takes them again; then the page it came from, as it was filled in."""
    drop = visible_drop(slug)
    cart = open_cart(cart_token(request, drop), drop)
    if cart is None or request.method != "POST":
        return redirect("checkout:cart", slug)
    try:
        carts.keep(cart, now=now())
    except AlreadyOrdered as before:
        return _to_order(order_token(before.order.token_nonce))
    except (CheckoutError, DropError) as refusal:
        return cart_page(request, drop, problem=in_words(refusal))
    cart.refresh_from_db()
    key = request.POST.get("idempotency_key", "")
    return _page(request, drop, cart, Trouble(), key) if key else redirect("checkout:cart", slug)


@never_cache
def requote(request: HttpRequest, slug: str) -> HttpResponse:
    """POST shows the page as it was filled in, with the total that follows from it; ``remove_discount`` drops the code.

    htmx takes from the answer what depends on the total. Without JavaScript it is the page.
    """
    drop = visible_drop(slug)
    cart = open_cart(cart_token(request, drop), drop)
    if cart is None or request.method != "POST":
        return redirect("checkout:checkout", slug)
    return _page(request, drop, cart, Trouble(), request.POST.get("idempotency_key", "") or str(uuid.uuid4()))


def _order(request: HttpRequest, drop: Drop, cart: Cart) -> HttpResponse:
    key = request.POST.get("idempotency_key", "")
    try:
        wanted = read_order(request.POST, cart_id=cart.pk, lines=contents(cart), currency=current_store().currency)
        placed = order_once(drop, wanted, person=read_person(request, wanted.contact.email), now=now())
    except AlreadyOrdered as before:
        return _to_order(order_token(before.order.token_nonce))
    except (CheckoutError, DropError, PolicyUnanswered) as error:
        # What has to be agreed to anew is another order: it gets another key.
        return _page(
            request, drop, cart, Trouble.of(error), str(uuid.uuid4()) if isinstance(error, AGREE_AGAIN) else key
        )
    return _to_order(placed.token)


def _to_order(token: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("checkout:order", args=[token]), status=303)


def _page(request: HttpRequest, drop: Drop, cart: Cart, trouble: Trouble, key: str) -> HttpResponse:
    at = now()
    values = {name: request.POST.get(name, "")[:200] for name in FIELDS}
    values["country"] = values["country"] or current_store().country
    if "remove_discount" in request.POST:
        values["discount_code"] = ""
    lines = contents(cart)
    if not lines:
        return redirect("checkout:cart", drop.slug)
    withheld = trouble.withheld or _still_withheld(request)
    try:
        quoted = _quote(request, drop, lines, values, withheld=withheld, at=at)
    except Invalid as refusal:
        return cart_page(request, drop, problem=in_words(refusal))
    except (CheckoutError, DropError):
        return redirect("checkout:cart", drop.slug)  # the cart says what is wrong with it
    context = {
        "drop": drop,
        "quote": quoted,
        "hold": hold_view(cart, drop, at),
        "server_now": at,
        "values": values,
        "withheld_for": values["email"] if withheld else "",
        "ticked": ticked(request.POST),
        "of_age": request.POST.get("of_age") == "yes",
        "errors": trouble.errors,
        "summary": _in_their_order(trouble.errors),
        "problem": _say(trouble),
        "idempotency_key": key,
        "seen": trouble.seen or request.POST.get("seen", "")[:MAX_SEEN],
        "changes": trouble.changes,
        "sealed_cart": sealed_cart(cart.pk),
        "countries": countries(),
        "takes_codes": any(one.code for one in tables.known().discounts),
        "pay": pay_config(drop, quoted.total_minor, quoted.currency),
    }
    status = trouble.problem.status if trouble.problem else 422 if trouble.errors else 200
    response = render(request, "checkout/checkout.html", context, status=status)
    for name, value in (trouble.problem.headers if trouble.problem else {}).items():
        response[name] = value
    return response


def _in_their_order(errors: Mapping[str, str]) -> list[tuple[str, str]]:
    """As the fields stand on the page, from top to bottom; what is ticked comes last."""
    return sorted(errors.items(), key=lambda each: FIELDS.index(each[0]) if each[0] in FIELDS else len(FIELDS))


def _still_withheld(request: HttpRequest) -> dict[int, str]:
    """What an order was told it may not have, so long as the same address orders and the code was not taken out."""
    told, asks = (request.POST.get(name, "").strip().lower() for name in ("withheld_for", "email"))
    if not told or told != asks or "remove_discount" in request.POST:
        return {}
    return open_token(request.POST.get("quote", "")[:MAX_QUOTE]).withheld


def _quote(
    request: HttpRequest, drop: Drop, lines: Any, values: dict[str, str], *, withheld: dict[int, str], at: datetime
) -> Quote:
    country = read_country(values["country"], {}) or current_store().country
    ask = partial(
        personal_quote,
        drop,
        lines,
        Where(country, values["region"], values["postal_code"]),
        ip_place=client_place(request),
        discount_code=values["discount_code"],
        withheld=withheld,
        now=at,
        language=asked_by(request),
    )
    try:
        return ask(shipping_option=values["shipping_option"])
    except Invalid as refusal:
        if "shipping_option" not in refusal.fields:
            raise
        return ask(shipping_option="")  # it is not offered there: the first one that is


def pay_config(drop: Drop, amount: int, currency: str) -> dict[str, object]:
    """What the page's script needs to show the card form."""
    return {
        "stripe_js": settings.STRIPE_JS_URL,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        "amount": amount,
        "currency": currency.lower(),
        "capture_method": drop.capture_method,
        "excluded_payment_methods": gateway.left_out(slow=current_store().slow_payments),
        "return_url": settings.PUBLIC_URL,
    }


TOO_OLD = "This page stood open for a while"  # nothing need have changed
HEADLINES = {
    "total-changed": "The total changed",
    "policy-changed": "What you should know changed",
    "hold-expired": "Your hold ended",
    "sold-out": "Sold out",
    "in-other-carts": "In other carts",
    "not-open": "Not on sale now",
    "restricted": "We cannot send it there",
    "limit-reached": "That is more than one person can have",
    "slow-down": "Too many cards were refused",
    "try-again": "Many order at this moment",
    "idempotency-in-flight": "Your order is still on its way",
}


def _say(trouble: Trouble) -> dict[str, str] | None:
    if trouble.problem is None:
        return None
    return {
        "type": trouble.problem.type,
        "headline": trouble.headline or HEADLINES.get(trouble.problem.type, "Please look at your order once more"),
        "detail": trouble.problem.detail,
    }
