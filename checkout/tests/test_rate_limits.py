"""The API answers so often in a minute and no more, and says what is left."""

from typing import Any

import pytest
import time_machine
from django.test import Client

from checkout.tests import fan
from checkout.tests.test_payments import clock
from checkout.tests.test_storefront_api import API, body_of, post, quoted
from drops.models import Drop, StockItem as Stock
from merchant import tallies
from merchant.redis_client import client
from merchant.tallies import Tallies

pytestmark = pytest.mark.django_db(transaction=True)
STOCK = f"{API}/stock"


@pytest.fixture(autouse=True)
def _afresh(settings: Any) -> None:
    settings.API_REQUESTS_PER_ADDRESS, settings.API_REQUESTS_PER_TOKEN = 3, 2
    tallies.mine.forget()
    for key in client().scan_iter("*tally:*"):
        client().delete(key)


@pytest.fixture(autouse=True)
def _half_past() -> Any:
    with time_machine.travel("2026-11-20T18:00:30Z", tick=False):
        yield


def at(ip: str) -> Client:
    browser = Client()
    browser.defaults["REMOTE_ADDR"] = ip
    return browser


def test_says_what_is_left_and_then_slow_down(robe: Drop) -> None:
    answers = [at("203.0.113.7").get(STOCK) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit"] for answer in answers] == [f'"address";r={left};t=30' for left in (2, 1, 0, 0)]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"address";q=3;w=60'}
    refused = answers[3]
    assert (refused["Retry-After"], refused["Content-Type"]) == ("30", "application/problem+json")
    assert refused.json()["type"] == "slow-down"
    assert at("203.0.113.8").get(STOCK).status_code == 200, "somebody else"
    with time_machine.travel("2026-11-20T18:01:00Z", tick=False):
        assert at("203.0.113.7").get(STOCK).status_code == 200


def test_a_token_has_a_quota_of_its_own_wherever_it_is_shown(robe: Drop) -> None:
    token = fan.orders(robe, at=clock()).token
    asked = [at(f"203.0.113.{number}").get(f"/api/v1/orders/{token}") for number in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert asked[0]["RateLimit-Policy"] == '"address";q=3;w=60, "token";q=2;w=60'
    assert asked[1]["RateLimit"] == '"address";r=2;t=30, "token";r=0;t=30'
    shown = [
        at(f"203.0.113.{number}").get("/api/v1/cart", headers={"authorization": "Bearer x"}) for number in (3, 4, 5)
    ]
    assert [answer.status_code for answer in shown] == [401, 401, 429]


def test_a_waiting_places_token_has_one_too(robe: Drop) -> None:
    Stock.objects.update(total=0)
    token = post(f"{API}/waiting-list", {"sku": "ROBE-M", "email": "fan@example.com"}).json()["token"]
    asked = [at(f"203.0.113.{number}").get(f"/api/v1/waiting-list/{token}") for number in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert asked[0]["RateLimit"] == '"address";r=2;t=30, "token";r=1;t=30'


def test_made_up_tokens_are_not_counted_once_their_address_is_used_up(robe: Drop) -> None:
    for number in range(9):
        at("203.0.113.7").get("/api/v1/cart", headers={"authorization": f"Bearer made-up-{number}"})
    tallies.mine.tell()
    assert len(list(client().scan_iter("*tally:*:token:*"))) == 3


def test_an_answer_that_is_kept_for_others_says_nothing_of_who_asked(robe: Drop) -> None:
    shop = Client().get("/api/v1/shop")
    assert (shop["Cache-Control"], "RateLimit" in shop.headers) == ("public, max-age=60", False)


def test_nothing_but_the_api_is_counted(robe: Drop) -> None:
    for _ in range(5):
        assert "RateLimit" not in Client().get("/").headers


def test_no_request_waits_for_redis(robe: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "client", None)
    assert post(f"{API}/orders", body_of(quoted()), "key-1").status_code == 201


def test_what_other_processes_let_through_counts(robe: Drop) -> None:
    other = Tallies()
    assert at("203.0.113.7").get(STOCK).status_code == 200
    tallies.mine.tell()
    for _ in range(2):
        other.count("address", "203.0.113.7")
    other.tell()
    assert at("203.0.113.7").get(STOCK).status_code == 200, "not heard of yet"
    tallies.mine.tell()
    assert at("203.0.113.7").get(STOCK).status_code == 429


def test_zero_counts_nobody(robe: Drop, settings: Any) -> None:
    settings.API_REQUESTS_PER_ADDRESS = settings.API_REQUESTS_PER_TOKEN = 0
    answers = [Client().get(STOCK) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers
