"""The guest's cart token: one cookie a drop, readable by us alone."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from checkout.tokens import first_token
from drops.models import Drop

WEEK = 7 * 24 * 3600


def cart_token(request: HttpRequest, drop: Drop) -> str:
    return request.COOKIES.get(_name(drop), "")[:100]


def first_cart_token(request: HttpRequest, drop: Drop) -> str:
    """The token of this browser's first cart in a drop: derived from the secret that the form's protection gave it, so
    that all of its first clicks name the same; "" without one. Nobody who does not hold that secret can name it."""
    secret = request.META.get("CSRF_COOKIE", "")
    return first_token(f"{drop.pk}:{secret}") if secret else ""


def set_cart_token(response: HttpResponse, drop: Drop, token: str) -> None:
    response.set_cookie(
        _name(drop),
        token,
        max_age=WEEK,
        path=f"/drops/{drop.slug}/",
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def _name(drop: Drop) -> str:
    return f"frontrow_cart_{drop.slug}"
