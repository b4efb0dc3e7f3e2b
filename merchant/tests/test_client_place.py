"""Where an IP address seems to be, believed no further than our own proxy or file vouch for it."""

from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from merchant import checks
from merchant.client_place import client_place


def _sized(kind: int, size: int) -> bytes:
    return bytes([(kind << 5) | size]) if kind <= 7 else bytes([size, kind - 7])


def _value(value: Any) -> bytes:
    """A value as the MaxMind DB format 2.0 writes it: https://maxmind.github.io/MaxMind-DB/"""
    match value:
        case str():
            return _sized(2, len(value)) + value.encode()
        case bytes():
            return value
        case dict():
            return _sized(7, len(value)) + b"".join(_value(k) + _value(v) for k, v in value.items())
        case list():
            return _sized(11, len(value)) + b"".join(map(_value, value))
    raise TypeError(value)


def _number(kind: int, size: int, value: int) -> bytes:
    return _sized(kind, size) + value.to_bytes(size, "big")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file that knows the lower half of IPv4, all of it in Berlin."""
    tree = (1 + 16).to_bytes(3, "big") + (1).to_bytes(3, "big")
    place = {"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "BE"}]}
    about = {
        "node_count": _number(6, 4, 1),
        "record_size": _number(5, 2, 24),
        "ip_version": _number(5, 2, 4),
        "database_type": "Test",
        "languages": ["en"],
        "binary_format_major_version": _number(5, 2, 2),
        "binary_format_minor_version": _number(5, 2, 0),
        "build_epoch": _number(9, 8, 1),
        "description": {"en": "a test"},
    }
    path = tmp_path / "places.mmdb"
    path.write_bytes(tree + bytes(16) + _value(place) + b"\xab\xcd\xefMaxMind.com" + _value(about))
    return str(path)


@pytest.mark.parametrize(
    ("ip", "place"), [("10.1.2.3", "DE-BE"), ("203.0.113.7", ""), ("2001:db8::1", ""), ("nonsense", "")]
)
def test_a_file_says_where_an_address_is(file: str, settings: Any, ip: str, place: str) -> None:
    settings.PLACE_DATABASE = file
    assert client_place(RequestFactory().get("/", REMOTE_ADDR=ip)) == place


def test_without_a_file_or_a_header_nobody_knows(settings: Any, tmp_path: Path) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.1.2.3", headers={"CF-IPCountry": "DE"})
    assert client_place(request) == ""
    settings.PLACE_DATABASE = str(tmp_path / "gone.mmdb")
    assert client_place(request) == ""


@pytest.mark.parametrize(("said", "place"), [("DE", "DE"), ("us-ca", "US-CA"), ("XX", ""), ("T1", ""), ("<b>", "")])
def test_a_header_counts_behind_a_proxy_of_ours_alone(settings: Any, said: str, place: str) -> None:
    settings.PLACE_HEADER = "CF-IPCountry"
    request = RequestFactory().get("/", headers={"CF-IPCountry": said})
    assert client_place(request) == ""
    settings.TRUSTED_PROXIES = 1
    assert client_place(request) == place


def test_settings_that_cannot_work_are_refused_at_the_start(settings: Any, file: str, tmp_path: Path) -> None:
    assert list(checks.places()) == []
    settings.PLACE_HEADER, settings.PLACE_DATABASE = "CF-IPCountry", file
    assert ["TRUSTED_PROXIES" in said for said in checks.places()] == [True]
    (tmp_path / "no.mmdb").write_text("no such file")
    settings.PLACE_HEADER, settings.PLACE_DATABASE = "", str(tmp_path / "no.mmdb")
    assert ["no MaxMind file" in said for said in checks.places()] == [True]
