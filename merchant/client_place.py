"""The place an IP address seems to be in: from a header of our own proxy, or from a file. It advises, no more."""

import re
from functools import cache

import maxminddb
from django.conf import settings
from django.http import HttpRequest

from merchant.client_address import client_ip

UNKNOWN = ""
PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
NOWHERE = {"XX", "T1", "ZZ", "EU", "AP", "A1", "A2", "O1"}  # what providers say for "unknown", "Tor" and "somewhere"


def client_place(request: HttpRequest) -> str:
    """``DE`` or ``US-CA`` (ISO 3166), or "" where nobody knows.

    The header counts only behind ``TRUSTED_PROXIES``: whoever reaches us directly could write it themselves.
    """
    if settings.PLACE_HEADER:
        return _read(request.headers.get(settings.PLACE_HEADER, "")) if settings.TRUSTED_PROXIES else UNKNOWN
    ip = client_ip(request)
    return _look_up(settings.PLACE_DATABASE, ip) if settings.PLACE_DATABASE and ip else UNKNOWN


def open_file(path: str) -> maxminddb.Reader:
    """Raises OSError or maxminddb.InvalidDatabaseError when it is no such file."""
    return maxminddb.open_database(path)


_file = cache(open_file)


def _read(said: str) -> str:
    said = said.strip().upper()
    return said if PLACE.fullmatch(said) and said[:2] not in NOWHERE else UNKNOWN


def _look_up(path: str, ip: str) -> str:
    try:
        found = _file(path).get(ip)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError):  # a file that went away, or has no IPv6
        return UNKNOWN
    if not isinstance(found, dict):
        return UNKNOWN
    country = _code(found.get("country"))
    regions = found.get("subdivisions")
    region = _code(regions[0]) if isinstance(regions, list) and regions else ""
    return _read(f"{country}-{region}") or _read(country)


def _code(record: object) -> str:
    return str(record.get("iso_code", "")) if isinstance(record, dict) else ""
