"""The pages for what is not there and for what went wrong with us."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "merchant/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without the request's context: what failed may be what that context reads."""
    return HttpResponse(render_to_string("merchant/500.html"), status=500)
