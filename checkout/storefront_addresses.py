"""What is no address of the storefront API, and what is no method of one, is said as a problem like any refusal."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, URLResolver, re_path
from django.views.decorators.csrf import csrf_exempt

from checkout.storefront_problems import method_not_allowed, not_found, told

View = Callable[..., HttpResponse]


def with_problems(paths: Sequence[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """The API's own addresses, and behind them every other one that begins like them."""
    for path in paths:
        if isinstance(path, URLPattern):
            path.callback = _said(path.callback)
    return [*paths, re_path("", nothing_here)]


@csrf_exempt  # no cookie is read here either
def nothing_here(request: HttpRequest, **_: Any) -> HttpResponse:
    return told(not_found())


def _said(view: View) -> View:
    @wraps(view)
    def said(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer = view(request, *args, **kwargs)
        except Http404:  # of ninja's own view, at /api/v1/ itself
            return told(not_found())
        return told(method_not_allowed(answer["Allow"])) if isinstance(answer, HttpResponseNotAllowed) else answer

    return said
