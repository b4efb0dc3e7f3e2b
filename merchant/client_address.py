"""The address of who asks, believed only as far as our own proxies vouch for it."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """The client's IP address: from ``X-Forwarded-For`` when ``TRUSTED_PROXIES`` proxies of ours stand before us.

    Each proxy appends who spoke to it, so the client is that many places from the right; what stands further left was
    written by the client and is not read.
    """
    hops = settings.TRUSTED_PROXIES
    if hops:
        said = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
        found = said[-hops] if len(said) >= hops else ""
    else:
        found = request.META.get("REMOTE_ADDR", "")
    return _tidy(found)


@lru_cache(maxsize=1024)  # asked three times in an order
def _tidy(found: str) -> str | None:
    try:
        return str(ipaddress.ip_address(found.partition("%")[0]))  # fe80::1%eth0: the database takes no interface
    except ValueError:
        return None
