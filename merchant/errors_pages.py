"""The pages for what is not there and for what went wrong with us."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from merchant.problems import Problem

RETRY_AFTER_SECONDS = 3


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "merchant/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without the request's context: what failed may be what that context reads.

    While the database is away the answer is 503, try again: a request that comes again finds what it did, or does it.
    """
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _try_again(request)
    return HttpResponse(render_to_string("merchant/500.html"), status=500)


def _try_again(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if not request.path.startswith("/api/"):
        return HttpResponse(render_to_string("merchant/503.html"), status=503, headers=headers)
    problem = Problem("try-again", 503, "The shop cannot be reached for a moment. Send the same request again.")
    return JsonResponse(problem.as_json(), status=503, headers=headers, content_type="application/problem+json")
