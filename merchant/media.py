"""Pictures that the merchant uploaded, served so that a picture can never run as a page."""

from django.conf import settings
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.views.static import serve

from merchant.middleware import allow_only

SANDBOX = {"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "sandbox": [""]}


def media(request: HttpRequest, path: str) -> HttpResponseBase:
    """The file at ``path``; an SVG opened by itself is sandboxed and runs nothing."""
    response = serve(request, path, document_root=settings.MEDIA_ROOT)
    if isinstance(response, FileResponse):
        response["Cache-Control"] = "public, max-age=86400"
        response["X-Content-Type-Options"] = "nosniff"
    allow_only(response, SANDBOX)
    return response
