"""The door for orders that a device kept and sends again: the checkout form's fields, without its cookies.

A kept order may come hours after its page, from a worker in the background. So nothing is read that may have changed
meanwhile: the cart is named by a seal in the body, not by the cookie (which may stand for another cart by now), and no
CSRF token is asked for. A quote counts for a day, by our clock, as long as it comes out the same: the fan agreed to
that total and those texts, and the device could not say so earlier. No cookie speaks for anybody here, and the
Idempotency-Key is a header that a page of another site cannot send: there is nothing to forge.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from checkout.carts import contents
from checkout.errors import AlreadyOrdered, CheckoutError
from checkout.forms import read_order, read_person
from checkout.models import Cart
from checkout.ordering import order_once
from checkout.quote import KEPT
from checkout.refusals import problem_of
from checkout.tokens import cart_in, order_token
from checkout.views.cart import visible_drop
from drops.errors import DropError
from drops.models import Drop
from merchant.clock import now
from merchant.problems import Problem
from merchant.store import current_store
from policies.errors import PolicyUnanswered

KEY_MISSING = Problem("idempotency-key-missing", 400, "Send an Idempotency-Key header, the same one with every try.")


@csrf_exempt
@never_cache
@require_POST
def kept_order(request: HttpRequest, slug: str) -> HttpResponse:
    """POST places the kept order; 201 with the address of its page, or a problem. The same key is the same order."""
    drop = visible_drop(slug)
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return _no(KEY_MISSING)
    try:
        token = _placed(request, drop, key)
    except AlreadyOrdered as before:
        token = order_token(before.order.token_nonce)
    except (CheckoutError, DropError, PolicyUnanswered) as error:
        return _refused(error)
    return JsonResponse({"location": reverse("checkout:order", args=[token])}, status=201)


def _placed(request: HttpRequest, drop: Drop, key: str) -> str:
    # A closed cart, too: after a lost reply it is the one that became the order.
    cart = get_object_or_404(Cart, pk=cart_in(request.POST.get("cart", "")), drop=drop)
    fields = request.POST.copy()
    fields["idempotency_key"] = key
    wanted = read_order(fields, cart_id=cart.pk, lines=contents(cart), currency=current_store().currency)
    person = read_person(request, wanted.contact.email)
    return order_once(drop, wanted, person=person, now=now(), quote_lasts=KEPT).token


def _refused(error: Exception) -> HttpResponse:
    problem = problem_of(error)
    if problem is None:
        raise error
    return _no(problem)


def _no(problem: Problem) -> HttpResponse:
    headers = problem.headers
    return JsonResponse(
        problem.as_json(), status=problem.status, headers=headers, content_type="application/problem+json"
    )
