"""The cart of a drop: add, change, look."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from checkout import carts
from checkout.cart_queries import cart_view
from checkout.cookies import cart_token, first_cart_token, set_cart_token
from checkout.errors import AlreadyOrdered, CheckoutError
from checkout.refusals import in_words
from checkout.tokens import order_token
from drops.disclosures import disclosures
from drops.errors import DropError
from drops.models import Drop, DropState
from merchant.clock import now
from merchant.store import current_store
from policies.languages import asked_by
from policies.places import Where


def visible_drop(slug: str) -> Drop:
    return get_object_or_404(Drop.objects.exclude(state=DropState.DRAFT), slug=slug)


@never_cache
def cart(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows the cart; POST adds ``quantity`` (1) of ``sku`` and goes to the cart, or as ``go`` says."""
    drop = visible_drop(slug)
    if request.method != "POST":
        return cart_page(request, drop)
    try:
        quantity = int(request.POST.get("quantity") or 1)
        mine = {"token": cart_token(request, drop), "first_token": first_cart_token(request, drop)}
        _, token = carts.add(drop, request.POST.get("sku", ""), quantity, now=now(), **mine)
    except AlreadyOrdered as before:
        return redirect("checkout:order", order_token(before.order.token_nonce))
    except (CheckoutError, DropError, ValueError) as refusal:
        return cart_page(request, drop, problem=in_words(refusal))
    to = "checkout:checkout" if request.POST.get("go") == "checkout" else "checkout:cart"
    response = HttpResponseRedirect(_address(to, drop), status=303)
    set_cart_token(response, drop, token)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def line(request: HttpRequest, slug: str, sku: str) -> HttpResponse:
    """POST sets the ``quantity`` of a line; 0 removes it. GET, by who loads a refusal's page anew, goes to the cart."""
    drop = visible_drop(slug)
    cart = carts.open_cart(cart_token(request, drop), drop)
    if cart is None or request.method != "POST":
        return redirect("checkout:cart", slug)
    try:
        carts.change(cart, sku, int(request.POST.get("quantity", "")), now=now())
    except AlreadyOrdered as before:
        return redirect("checkout:order", order_token(before.order.token_nonce))
    except (CheckoutError, DropError, ValueError) as refusal:
        return cart_page(request, drop, problem=in_words(refusal))
    return redirect("checkout:cart", slug)


def cart_page(request: HttpRequest, drop: Drop, problem: str = "") -> HttpResponse:
    at = now()
    cart = carts.open_cart(cart_token(request, drop), drop)
    view = cart_view(cart, drop, at)
    country = current_store().country  # as the checkout page begins with
    context = {
        "drop": drop,
        "cart": view,
        "hold": view.hold,
        "policies": disclosures(
            drop, now=at, language=asked_by(request), skus=[line.sku for line in view.lines], place=Where(country)
        ),
        "problems": [problem] if problem else [],
        "server_now": at,
    }
    return render(request, "checkout/cart.html", context, status=409 if problem else 200)


def _address(name: str, drop: Drop) -> str:
    return reverse(name, args=[drop.slug])
