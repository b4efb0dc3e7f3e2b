"""Middleware of our own: two Content-Security-Policies, a request id, the shop's time, other sites at the API, and what
only staff need."""

import uuid
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import SplitResult

import structlog
from axes.middleware import AxesMiddleware
from corsheaders.middleware import CorsMiddleware
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from merchant.store import current_store, store_zone

Handler = Callable[[HttpRequest], HttpResponse]
STAFF_AREA = "/admin/"
OWN_POLICIES = ("_csp_exempt", "_csp_config", "_csp_update", "_csp_replace")  # what django-csp reads of a response
API = "/api/v1/"
NO_PAGES = ("/api/", "/webhooks/", "/healthz", "/readyz", "/metrics")


def allow_only(response: HttpResponseBase, directives: dict[str, list[str]]) -> None:
    """Give ``response`` these directives and no other one of the fans' policy."""
    # django-csp replaces directive by directive; None takes one away.
    nothing = dict.fromkeys(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
    response._csp_replace = nothing | directives  # type: ignore[attr-defined]  # django-csp's own door


@cache
def _fans_policy() -> str:
    return str(build_policy())


class TwoPolicies(CSPMiddleware):
    """Strict for fans; under ``/admin/`` the looser one that Unfold's Alpine needs."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path.startswith(STAFF_AREA):
            allow_only(response, settings.ADMIN_CONTENT_SECURITY_POLICY)
        if settings.DEBUG or any(hasattr(response, own) for own in OWN_POLICIES):
            return super().process_response(request, response)
        # Nearly every answer has the fans' own policy: it is put together once.
        response.headers.setdefault("Content-Security-Policy", _fans_policy())
        return response


class RequestId:
    """Gives every request an id: in each log line, and in the ``X-Request-Id`` of the answer."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")
        response["X-Request-Id"] = request_id
        return response


class ShopTime:
    """Pages show times in the shop's zone."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(NO_PAGES):
            return self.get_response(request)
        with timezone.override(store_zone()):
            return self.get_response(request)


class ApiOrigins(CorsMiddleware):
    """Pages of the sites that the merchant named may use the API, and they alone. No cookie ever goes with it."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith(API):
            return super().__call__(request)
        return self.get_response(request)

    def is_enabled(self, request: HttpRequest) -> bool:
        return True  # asked under the API's addresses alone

    def origin_found_in_white_lists(self, origin: str, url: SplitResult) -> bool:
        return origin in current_store().allowed_origins

    def check_signal(self, request: HttpRequest) -> bool:
        return False


class _StaffOnly:
    """Mixed into a middleware: runs it under ``/admin/`` only, so that guests cost no session."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith(STAFF_AREA):
            return super().__call__(request)  # type: ignore[misc]  # the middleware beside us
        return self.get_response(request)


class StaffSession(_StaffOnly, SessionMiddleware):
    pass


class StaffAuthentication(_StaffOnly, AuthenticationMiddleware):
    pass


class StaffMessages(_StaffOnly, MessageMiddleware):
    pass


class StaffThrottle(_StaffOnly, AxesMiddleware):
    pass
