"""The pages for what is not there and for what went wrong with us."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "merchant/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    return render(request, "merchant/500.html", status=500)
