"""PostgreSQL does not answer: every door says so politely, and that the same request may come again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

NOBODY_LISTENS = {"HOST": "127.0.0.1", "PORT": "1"}


@pytest.fixture
def fan(django_db_blocker: Any) -> Iterator[Client]:
    """Somebody in front of a shop whose database is away."""
    before = connection.settings_dict.copy()
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict.update(NOBODY_LISTENS)
        yield Client(raise_request_exception=False)
        connection.close()
        connection.settings_dict.update(before)


@pytest.mark.parametrize("path", ["/", "/drops/winter-robe/", "/drops/winter-robe/cart/", "/orders/a-token/"])
def test_a_page_asks_for_patience_in_plain_words(fan: Client, path: str) -> None:
    answer = fan.get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "3")
    assert "One moment, please" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/drops", "/api/v1/drops/winter-robe/stock", "/api/v1/orders/a-token"])
def test_the_api_says_try_again(fan: Client, path: str) -> None:
    answer = fan.get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "3")
    assert (answer["Content-Type"], answer.json()["type"]) == ("application/problem+json", "try-again")
