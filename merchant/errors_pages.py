"""The pages for what is not there, not allowed or not readable, and for what went wrong with us."""

import sys
from urllib.parse import urlsplit

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from merchant.middleware import STAFF_AREA
from merchant.problems import Problem
from merchant.store import remembered_store

RETRY_AFTER_SECONDS = 3


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _alone(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "merchant/403.html", _at(request), status=403)


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form whose token is not the browser's, with the way back to the page that the form stood on."""
    return render(request, "merchant/403_csrf.html", _at(request) | {"back": _page_before(request)}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "merchant/404.html", _at(request), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """While the database is away the answer is 503, try again: a request that comes again finds what it did, or does
    it."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _try_again(request)
    return _alone(request, 500)


def _try_again(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if not request.path.startswith("/api/"):
        return _alone(request, 503, headers)
    problem = Problem("try-again", 503, "The shop cannot be reached for a moment. Send the same request again.")
    return JsonResponse(problem.as_json(), status=503, headers=headers, content_type="application/problem+json")


def _alone(request: HttpRequest, status: int, headers: dict[str, str] | None = None) -> HttpResponse:
    """Rendered without the request's context: what failed may be what that context reads."""
    page = render_to_string(f"merchant/{status}.html", _at(request) | {"shop": remembered_store()})
    return HttpResponse(page, status=status, headers=headers)


def _at(request: HttpRequest) -> dict[str, object]:
    return {"at_the_desk": request.path.startswith(STAFF_AREA)}


def _page_before(request: HttpRequest) -> str:
    """Where the form stood, by what the browser says of it; "" for a page that is not ours."""
    before = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(before, {request.get_host()}):
        return ""
    parts = urlsplit(before)
    return parts.path + (f"?{parts.query}" if parts.query else "")
