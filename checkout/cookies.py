"""The guest's cart token: one cookie a drop, readable by us alone."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from drops.models import Drop

WEEK = 7 * 24 * 3600


def cart_token(request: HttpRequest, drop: Drop) -> str:
    return request.COOKIES.get(_name(drop), "")[:100]


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
