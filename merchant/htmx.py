"""Small helpers for pages that work without JavaScript first and swap fragments with it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def wants_fragment(request: HttpRequest) -> bool:
    """True for an htmx request that swaps a part of the page (not a boosted navigation)."""
    htmx = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.boosted


def page_or_fragment(request: HttpRequest, page: str, fragment: str, context: dict[str, Any]) -> HttpResponse:
    """Render ``fragment`` for htmx, the whole ``page`` for everybody else."""
    return render(request, fragment if wants_fragment(request) else page, context)
