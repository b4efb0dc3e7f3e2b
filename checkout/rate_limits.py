"""How often the API may be asked from one address, and with one cart's, order's or waiting place's
token.

Counted by the minute of the clock, in this process at once and for all of them a moment later: no request waits for
Redis, and what several processes let through in that moment guards as well. A fixed minute lets twice the quota through
around its turn.

The headers are those of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (draft 10).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from merchant import tallies
from merchant.client_address import client_ip
from merchant.problems import Problem

API = "/api/v1/"
IN_THE_ADDRESS = re.compile(r"/api/v1/(?:orders|waiting-list)/([^/]+)")


@dataclass(frozen=True, slots=True)
class Count:
    """One quota and what is left of it in this minute."""

    name: str
    quota: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.quota - self.used)

    @property
    def is_used_up(self) -> bool:
        return self.used > self.quota

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.quota};w={tallies.WINDOW_SECONDS}'


class RateLimits:
    """Counts requests to the API, says what is left, and answers 429 when nothing is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(API):
            return self.get_response(request)
        counts, again = _counted(request), tallies.seconds_left()
        used_up = any(count.is_used_up for count in counts)
        response = _slow_down(again) if used_up else self.get_response(request)
        # An answer that is kept for others, too, says nothing of who asked first.
        if counts and "public" not in response.get("Cache-Control", ""):
            response["RateLimit-Policy"] = ", ".join(count.policy for count in counts)
            response["RateLimit"] = ", ".join(f'"{count.name}";r={count.left};t={again}' for count in counts)
        return response


def _counted(request: HttpRequest) -> list[Count]:
    """Count this request under each of its names; where one is used up already, under no further one."""
    names = [
        ("address", int(settings.API_REQUESTS_PER_ADDRESS), client_ip(request)),
        ("token", int(settings.API_REQUESTS_PER_TOKEN), _token(request)),
    ]
    counts: list[Count] = []
    for name, quota, whose in names:
        if quota > 0 and whose:
            counts.append(Count(name, quota, tallies.mine.count(name, whose)))
            if counts[-1].is_used_up:  # else made-up tokens would fill the memory
                break
    return counts


def _token(request: HttpRequest) -> str:
    """The secret that the request shows: an order's or a place's in its address, else a cart's in its header."""
    if found := IN_THE_ADDRESS.match(request.path):
        return found[1]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _slow_down(again: int) -> HttpResponse:
    problem = too_fast(again)
    headers = problem.headers
    return JsonResponse(
        problem.as_json(), status=problem.status, headers=headers, content_type="application/problem+json"
    )


def too_fast(again: int) -> Problem:
    told = f"That is more than we answer in a minute. Go on in {again} s; what you ordered stays."
    return Problem("slow-down", 429, told, headers={"Retry-After": str(again)})
