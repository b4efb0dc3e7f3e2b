"""The order's own pages, known by its token alone."""

from contextlib import suppress

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from checkout import expiry, fallback, payments
from checkout.errors import GatewayError, IllegalMove, NothingToPay
from checkout.models import Order, OrderState
from checkout.queries import order_by_token, order_view
from checkout.views.checkout import pay_config
from merchant import journal
from merchant.clock import now
from merchant.htmx import page_or_fragment

STOP_POLLING = 286  # htmx's own code: swap, and ask no more
AWAY = "The payment provider does not answer right now. Your order is kept; try again in a minute."
OVER = "This order cannot be changed any more."


def _found(token: str) -> Order:
    order = order_by_token(token)
    if order is None:
        raise Http404
    return order


@never_cache
def order(request: HttpRequest, token: str, problem: str = "") -> HttpResponse:
    """What happened to the order, what happens next, and the one thing the fan can do."""
    found = _found(token)
    view = order_view(found, now())
    context = {"order": view, "next_action": _next_action(found) if view.needs_bank else None, "problem": problem}
    response = page_or_fragment(request, "checkout/order.html", "checkout/_order_status.html", context)
    if request.headers.get("HX-Request") and not view.poll:
        response.status_code = STOP_POLLING
    return response


@never_cache
def returned(request: HttpRequest, token: str) -> HttpResponse:
    """The fan came back from the bank or the provider's page: look at once. Looking changes nothing by itself."""
    payments.look_again(_found(token).pk, now=now())
    return redirect("checkout:order", token)


@never_cache
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks for a card here; POST leads to the provider's own page."""
    found = _found(token)
    if request.method != "POST":
        return _pay_page(request, found)
    try:
        return HttpResponseRedirect(fallback.open_session(found.pk, now=now()), status=303)
    except NothingToPay:
        return redirect("checkout:order", token)
    except GatewayError:
        return _pay_page(request, found, AWAY)


@require_POST
def card(request: HttpRequest, token: str) -> HttpResponse:
    """Another card for the same order."""
    found = _found(token)
    card_token = request.POST.get("confirmation_token", "")
    if not 1 <= len(card_token) <= 120:
        return _pay_page(request, found, "Enter your card.")
    with suppress(NothingToPay):  # paid or over meanwhile: the order's page says which
        payments.use_card(found.pk, card_token, now=now())
    return redirect("checkout:order", token)


@require_POST
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """The fan lets go; the units go back once the provider has confirmed that nothing can be paid."""
    found = _found(token)
    try:
        expiry.close(found.pk, OrderState.CANCELLED, why="by the fan", actor=journal.FAN, now=now())
    except GatewayError:
        return order(request, token, problem=AWAY)
    except IllegalMove:
        return order(request, token, problem=OVER)
    return redirect("checkout:order", token)


def _pay_page(request: HttpRequest, found: Order, error: str = "") -> HttpResponse:
    view = order_view(found, now())
    if view.pay_url is None:
        return redirect("checkout:order", view.token)
    context = {"order": view, "pay": pay_config(view.total_minor, view.currency), "error": error}
    return render(request, "checkout/pay.html", context, status=503 if error == AWAY else 422 if error else 200)


def _next_action(found: Order) -> dict[str, str]:
    return {
        "client_secret": found.payment.client_secret,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        "stripe_js": settings.STRIPE_JS_URL,
    }
