"""The waiting list's doors: joining a drop's list, and one's own place, known by its token alone."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from checkout import waiting_asks, waiting_list
from checkout.contact import read_email
from checkout.cookies import set_cart_token
from checkout.errors import CheckoutError, Invalid, NotWaiting
from checkout.refusals import problem_of
from checkout.tokens import offer_token
from checkout.views.cart import visible_drop
from checkout.views.order import posted_from, secret_address
from checkout.waiting_models import PlaceState, WaitingPlace
from checkout.waiting_queries import asked_view, place_view, waiting_page
from drops.errors import DropError
from drops.models import Drop
from merchant.client_address import client_ip
from merchant.clock import now
from merchant.htmx import page_or_fragment

STOP_POLLING = 286  # htmx's own code: swap, and ask no more
OVER = "This place on the list is over."


@never_cache
def waiting(request: HttpRequest, slug: str) -> HttpResponse:
    """GET says what one can wait for; POST joins with ``sku``, ``quantity`` and ``email``.

    Then it goes to a page that is the same whoever's address was typed: what became of it goes there by e-mail.
    """
    drop = visible_drop(slug)
    if request.method != "POST":
        return _page(request, drop)
    try:
        token = _join(request, drop)
    except Invalid as wrong:
        return _page(request, drop, errors=wrong.fields, status=422)
    except (CheckoutError, DropError) as refusal:
        return _refused(request, drop, refusal)
    to = reverse("checkout:place", args=[token])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": to})
    return HttpResponseRedirect(to, status=303)


@secret_address
def place(request: HttpRequest, token: str) -> HttpResponse:
    """Which one in line, or the offer with its button; to who has just asked, that it is in their mail."""
    if asked := waiting_asks.opened(token):
        return render(request, "checkout/place.html", {"place": asked_view(asked, now())})
    return _place_page(request, _found(token))


@secret_address
@posted_from("checkout:place")
def buy(request: HttpRequest, token: str) -> HttpResponse:
    """Take the offer to the checkout: its cart becomes this browser's."""
    found = _found(token)
    view = place_view(found, now())
    if not view.can_buy:
        return redirect("checkout:place", token)
    response = HttpResponseRedirect(reverse("checkout:checkout", args=[found.drop.slug]), status=303)
    set_cart_token(response, found.drop, offer_token(found.token_nonce))
    return response


@secret_address
@posted_from("checkout:place")
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Wait no longer; an offer goes to the next."""
    found = _found(token)
    try:
        waiting_list.leave(found.pk, now=now())
    except NotWaiting:
        return _place_page(request, found, OVER)
    return HttpResponseRedirect(reverse("checkout:place", args=[token]), status=303)


def _join(request: HttpRequest, drop: Drop) -> str:
    """Join; the token of the page about having asked."""
    wrong: dict[str, str] = {}
    email = read_email(request.POST.get("email"), wrong)
    sku, quantity = request.POST.get("sku", "")[:40], request.POST.get("quantity", "")
    if not sku.isprintable() or not sku:
        wrong["sku"] = "Choose what you wait for."
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) < 4):
        wrong["quantity"] = "Choose a number."
    if wrong:
        raise Invalid(wrong)
    waiting_list.require_few(client_ip(request))
    waiting_list.join(drop, sku, int(quantity), email, now=now())
    return waiting_asks.seal(drop, sku, int(quantity))


def _page(request: HttpRequest, drop: Drop, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "drop": drop,
        "page": waiting_page(drop, now()),
        "values": {
            name: request.POST.get(name, request.GET.get(name, ""))[:254] for name in ("sku", "quantity", "email")
        },
        **more,
    }
    response = page_or_fragment(request, "checkout/waiting.html", "checkout/_waiting_form.html", context)
    response.status_code = status
    return response


def _refused(request: HttpRequest, drop: Drop, refusal: Exception) -> HttpResponse:
    problem = problem_of(refusal)
    if problem is None:
        raise refusal
    # htmx shows a refusal as it shows a page; what asks for patience is no other to it
    status = 409 if problem.status == 429 and request.headers.get("HX-Request") else problem.status
    response = _page(request, drop, problem=problem.detail, status=status)
    for name, value in problem.headers.items():
        response[name] = value
    return response


def _found(token: str) -> WaitingPlace:
    found = waiting_list.by_token(token)
    if found is None:
        raise Http404
    return found


def _place_page(request: HttpRequest, found: WaitingPlace, problem: str = "") -> HttpResponse:
    view = place_view(found, now())
    context = {"place": view, "problem": problem}
    response = page_or_fragment(request, "checkout/place.html", "checkout/_place.html", context)
    if request.headers.get("HX-Request") and view.state not in (PlaceState.WAITING, PlaceState.OFFERED):
        response.status_code = STOP_POLLING
    return response
