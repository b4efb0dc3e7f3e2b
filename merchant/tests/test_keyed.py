"""A fingerprint stays what it was: those in the database were made by Django."""

from typing import Any

import pytest
from django.utils.crypto import salted_hmac

from merchant.keyed import keyed


@pytest.mark.parametrize("value", ["", "fan@example.com", "Ж 🧥", "x" * 10_000])
def test_it_is_djangos_salted_hmac(value: str) -> None:
    assert keyed("a.purpose", value) == salted_hmac("a.purpose", value, algorithm="sha256").digest()


def test_another_purpose_or_another_secret_is_another_fingerprint(settings: Any) -> None:
    before = keyed("a.purpose", "value")
    assert keyed("another.purpose", "value") != before
    settings.SECRET_KEY = "another secret"
    assert keyed("a.purpose", "value") != before
