"""The order's own pages, known by its token alone."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from checkout import attempts, breaker, expiry, fallback, payments, waiting_offers
from checkout.after_sale_queries import after_sale_view
from checkout.errors import BeingPaid, GatewayError, GatewayRefused, IllegalMove, NothingToPay, NotWaiting, TooManyCards
from checkout.models import Order, OrderState, PaymentPath
from checkout.order_request import PAYMENT_TOKEN
from checkout.orders import OPEN
from checkout.queries import OrderView, order_by_token, order_view
from checkout.refusals import in_words, problem_of
from checkout.views.checkout import pay_config
from merchant import journal
from merchant.client_address import client_ip
from merchant.clock import now
from merchant.htmx import page_or_fragment
from merchant.store import current_store

View = Callable[[HttpRequest, str], HttpResponse]
HTTP_FOUND = 302
STOP_POLLING = 286  # htmx's own code: swap, and ask no more
AWAY = "The payment provider does not answer right now. Your order is kept; try again in a minute."
UNCLOSED = "Our payment provider did not let us close it, so nothing was changed. Write to {support}, and we see to it."
OVER = "This order cannot be changed any more."
UNUSED = "unused"
BUSY = "We are asking about your payment right now, so nothing else was tried. This page changes by itself."
READY = "We were asking about your payment just then, so nothing else was tried. You can pay now."
BANK_FIRST = "Nothing else was tried: your bank still waits for your answer to the card that you gave."
PAY_THERE = "Nothing else was tried: you began to pay on our payment provider's page, and can go on there."


def secret_address(view: View) -> View:
    """For pages whose address is the key: never cached, never told to another page by a referrer.

    Who can post here already holds the key, and no cookie speaks for them: there is nothing to forge, so no CSRF token
    is asked for. (With ``no-referrer`` a browser posts with ``Origin: null``, which the CSRF check would refuse.)
    """

    @csrf_exempt
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        response = view(request, token)
        response["Referrer-Policy"] = "no-referrer"
        return response

    return guarded


def posted_from(page: str) -> Callable[[View], View]:
    """For the address of a deed, which a form on ``page`` posts to: who opens it, from a restored tab, is led there."""

    def of(view: View) -> View:
        @wraps(view)
        @require_http_methods(["GET", "HEAD", "POST"])
        def guarded(request: HttpRequest, token: str) -> HttpResponse:
            return view(request, token) if request.method == "POST" else redirect(page, token)

        return guarded

    return of


def _found(token: str) -> Order:
    order = order_by_token(token)
    if order is None:
        raise Http404
    return order


@secret_address
def order(request: HttpRequest, token: str) -> HttpResponse:
    """What happened to the order, what happens next, and the one thing the fan can do."""
    return _order_page(request, _found(token))


def _order_page(request: HttpRequest, found: Order, problem: str = "") -> HttpResponse:
    view = order_view(found, now())
    unused = UNUSED in request.GET
    context = {
        "order": view,
        "after": after_sale_view(found, now()),
        "next_action": _next_action(found) if view.needs_bank else None,
        "other_way_url": _other_way(view),
        "problem": _why_unused(found, view) if unused else problem,
        "look_again": f"?{UNUSED}" if unused else "",
    }
    response = page_or_fragment(request, "checkout/order.html", "checkout/_order_status.html", context)
    if request.headers.get("HX-Request") and not view.poll:
        response.status_code = STOP_POLLING
    return response


@secret_address
def returned(request: HttpRequest, token: str) -> HttpResponse:
    """The fan came back from the bank or the provider's page: look at once. Looking changes nothing by itself."""
    payments.look_again(_found(token).pk, now=now())
    return redirect("checkout:order", token)


@secret_address
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks for a card here; POST leads to the provider's own page."""
    found = _found(token)
    if request.method != "POST":
        return _pay_page(request, found)
    try:
        attempts.require_address(client_ip(request))
        return HttpResponseRedirect(fallback.open_session(found.pk, now=now()), status=303)
    except NothingToPay:
        return _unused(token)
    except TooManyCards as refusal:
        return _slow_down(request, found, refusal)
    except GatewayError:
        return _pay_page(request, found, AWAY)


@secret_address
@posted_from("checkout:order")
def card(request: HttpRequest, token: str) -> HttpResponse:
    """Another card for the same order."""
    found = _found(token)
    card_token = request.POST.get("confirmation_token", "")
    if not card_token or not PAYMENT_TOKEN.fullmatch(card_token):
        return _pay_page(request, found, "Enter your card.")
    try:
        attempts.require_address(client_ip(request))
        payments.use_card(found.pk, card_token, now=now())
    except NothingToPay:
        return _unused(token)
    except TooManyCards as refusal:
        return _slow_down(request, found, refusal)
    return redirect("checkout:order", token)


@secret_address
@posted_from("checkout:order")
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """The fan lets go; the units go back once the provider has confirmed that nothing can be paid. An order that was
    paid too late and waits in line has its money back."""
    found = _found(token)
    try:
        if found.state == OrderState.LATE_PAID:
            waiting_offers.give_money_back(found.pk, why="wanted by the fan", actor=journal.FAN, now=now())
        elif not expiry.close(found.pk, OrderState.CANCELLED, why="by the fan", actor=journal.FAN, now=now()):
            return _order_page(request, _found(token), in_words(BeingPaid()))
    except GatewayRefused:
        return _order_page(request, found, UNCLOSED.format(support=current_store().support_email or "us"))
    except GatewayError:
        return _order_page(request, found, AWAY)
    except (IllegalMove, NotWaiting):
        return _order_page(request, found, OVER)
    return redirect("checkout:order", token)


def _unused(token: str) -> HttpResponse:
    """What they wanted to pay with was not used: the order's page tells why, for as long as that is so."""
    return redirect(f"{reverse('checkout:order', args=[token])}?{UNUSED}")


def _why_unused(found: Order, view: OrderView) -> str:
    """Nothing for an order that is paid or over: that says so by itself."""
    if found.state not in OPEN:
        return ""
    if view.needs_bank:
        return BANK_FIRST
    if view.pay_url is None:
        return BUSY
    return PAY_THERE if found.payment.path == PaymentPath.SESSION else READY


def _pay_page(request: HttpRequest, found: Order, error: str = "") -> HttpResponse:
    view = order_view(found, now())
    other_way = view.other_way_url if error else _other_way(view)
    if view.pay_url is None and other_way is None and not view.cards_used_up:
        return redirect("checkout:order", view.token)
    # Once the provider's page was opened the order is paid there alone: a card here would be refused.
    # So would one while a bank, or the provider, still has to answer about the card before.
    here = view.other_way_url is None and found.payment.path == PaymentPath.INTENT
    pay = pay_config(found.drop, view.total_minor, view.currency) if here else None
    stopped = found.payment.path == PaymentPath.INTENT and attempts.used_up(found.payment)
    said = in_words(TooManyCards()) if stopped else error
    context = {"order": view, "pay": None if stopped else pay, "error": said, "stopped": stopped}
    response = render(request, "checkout/pay.html", context, status=503 if error == AWAY else 422 if error else 200)
    if error == AWAY:
        response["Retry-After"] = "60"
    return response


def _other_way(view: OrderView) -> str | None:
    """Where they may pay instead; nowhere while the provider, whose page it is, does not answer."""
    return view.other_way_url if view.needs_bank or breaker.is_closed() else None


def _slow_down(request: HttpRequest, found: Order, refusal: TooManyCards) -> HttpResponse:
    problem = problem_of(refusal)
    if problem is None:
        raise refusal
    response = _pay_page(request, found, problem.detail)
    if response.status_code != HTTP_FOUND:
        response.status_code = problem.status
        for name, value in problem.headers.items():
            response[name] = value
    return response


def _next_action(found: Order) -> dict[str, str]:
    return {
        "client_secret": found.payment.client_secret,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        "stripe_js": settings.STRIPE_JS_URL,
    }
