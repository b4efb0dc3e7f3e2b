"""Where the payment provider rings."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from checkout import webhooks
from checkout.errors import SignatureInvalid
from merchant.clock import now


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200 once the event is stored; 400 when nobody of ours signed it."""
    try:
        webhooks.receive(request.body, request.headers.get("Stripe-Signature", ""), now=now())
    except SignatureInvalid:
        return HttpResponse("The signature does not fit.\n", status=400, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
