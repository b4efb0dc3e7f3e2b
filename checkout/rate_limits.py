"""How often the API may be asked from one address, and with one cart's or order's token.

Counted in Redis by the minute of the clock: one round trip for an address, another only where a token is shown. A
fixed minute lets twice the quota through around its turn, which guards as well; a moving window would have to be asked
twice in every order, to count and to say what is left. While Redis is away nobody is counted: the shop goes on selling.

The headers are those of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (draft 10).
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from merchant import moving_windows
from merchant.client_address import client_ip
from merchant.keyed import keyed
from merchant.problems import Problem

log = logging.getLogger(__name__)
NAME = "api"
API = "/api/v1/"
ORDER = re.compile(r"/api/v1/orders/([^/]+)")
WINDOW_SECONDS = 60
REST_SECONDS = 2.0  # after Redis did not answer: a time-out in each request would be worse than not counting
_rests_until = [0.0]


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
    def policy(self) -> str:
        return f'"{self.name}";q={self.quota};w={WINDOW_SECONDS}'


class RateLimits:
    """Counts requests to the API, says what is left, and answers 429 when nothing is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(API):
            return self.get_response(request)
        counts, again = _counted(request)
        used_up = any(count.used > count.quota for count in counts)
        response = _slow_down(again) if used_up else self.get_response(request)
        if counts:
            response["RateLimit-Policy"] = ", ".join(count.policy for count in counts)
            response["RateLimit"] = ", ".join(f'"{count.name}";r={count.left};t={again}' for count in counts)
        return response


def forget() -> None:
    """Start afresh, as if nobody had ever asked, and Redis had always answered."""
    _rests_until[0] = 0.0
    moving_windows.forget(NAME)


def _counted(request: HttpRequest) -> tuple[list[Count], int]:
    """Count this request under each of its names; and in how many seconds the minute is over."""
    minute, second = divmod(int(time.time()), WINDOW_SECONDS)
    names = [
        ("address", int(settings.API_REQUESTS_PER_ADDRESS), client_ip(request)),
        ("token", int(settings.API_REQUESTS_PER_TOKEN), _token(request)),
    ]
    wanted = [(name, quota, f"{_mark(whose)}:{minute}") for name, quota, whose in names if quota > 0 and whose]
    if time.monotonic() < _rests_until[0]:
        return [], 0
    try:
        storage = moving_windows.shared(NAME).storage
        counts = [Count(name, quota, storage.incr(f"{name}:{key}", WINDOW_SECONDS)) for name, quota, key in wanted]
    except redis.RedisError:
        _rests_until[0] = time.monotonic() + REST_SECONDS
        log.warning("rate_limits.redis_away")
        return [], 0
    return counts, WINDOW_SECONDS - second


def _token(request: HttpRequest) -> str:
    """The secret that the request shows: an order's in its address, else a cart's in its header."""
    if found := ORDER.match(request.path):
        return found[1]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # An order is counted by its address alone: one round trip, and a token that is made up costs no other.
    ordering = request.method == "POST" and request.path.endswith("/orders")
    return token if scheme.lower() == "bearer" and not ordering else ""


def _mark(whose: str) -> str:
    """An address or a secret as Redis may keep it."""
    return keyed("frontrow.rate-limits", whose).hex()[:32]


def _slow_down(again: int) -> HttpResponse:
    problem = too_fast(again)
    headers = problem.headers
    return JsonResponse(
        problem.as_json(), status=problem.status, headers=headers, content_type="application/problem+json"
    )


def too_fast(again: int) -> Problem:
    told = f"That is more than we answer in a minute. Go on in {again} s; what you ordered stays."
    return Problem("slow-down", 429, told, headers={"Retry-After": str(again)})
