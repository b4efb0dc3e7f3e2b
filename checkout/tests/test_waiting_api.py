"""The waiting list's headless door."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from checkout import waiting_list, waiting_offers
from checkout.tests import fan
from checkout.tests.test_waiting_list import comes_back, gone, join, state
from checkout.tokens import place_token
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Drop, DropState
from merchant import moving_windows
from merchant.models import StoreProfile
from segments import opt_in

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["gone"]
LIST = "/api/v1/drops/winter-robe/waiting-list"
WANTED = {"sku": "ROBE-M", "quantity": 1, "email": "fan@example.com"}


@pytest.fixture(autouse=True)
def _nobody_joined_yet() -> None:
    moving_windows.forget(waiting_list.NAME)
    opt_in.forget_counts()


def post(body: Any = WANTED, path: str = LIST) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body)
    return Client().post(path, raw, content_type="application/json")


def place(token: str) -> Any:
    return Client().get(f"/api/v1/waiting-list/{token}")


def test_joins_looks_and_leaves(gone: Drop, now: datetime) -> None:
    answer = post()
    asked = answer.json()
    assert (answer.status_code, asked["state"], asked["number"], asked["quantity"]) == (202, "asked", None, 1)
    assert asked["page_url"].endswith(f"/waiting/{asked['token']}/")
    assert (place(asked["token"]).json(), place(asked["token"])["Cache-Control"]) == (asked, "no-store")
    assert Client().delete(f"/api/v1/waiting-list/{asked['token']}").status_code == 404
    joined = place(place_token(WaitingPlace.objects.get().token_nonce)).json()
    assert (joined["state"], joined["number"], joined["quantity"]) == ("waiting", 1, 1)
    assert joined["page_url"].endswith(f"/waiting/{joined['token']}/")
    comes_back("b")
    waiting_offers.sweep(now)
    offered = place(joined["token"]).json()
    assert (offered["state"], offered["number"]) == ("offered", None)
    assert datetime.fromisoformat(offered["offered_until"]) > now
    left = Client().delete(f"/api/v1/waiting-list/{joined['token']}")
    assert (left.status_code, left.json()["state"], fan.counts()) == (200, "left", (2, 0, 1))
    again = Client().delete(f"/api/v1/waiting-list/{joined['token']}")
    assert (again.status_code, again.json()["type"]) == (409, "not-waiting")


def test_the_answer_is_the_same_whoevers_address_it_is(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop(total=2)
    fan.placed(drop, ("ROBE-M", 2), at=now, contact=fan.somebody("bought@example.com"))
    join(drop, "waits", now)
    answers = []
    for name in ("bought", "waits", "stranger"):
        answer = post(WANTED | {"email": f"{name}@example.com"})
        token = answer.json()["token"]
        answers.append((answer.status_code, answer.content.decode().replace(token, ""), len(token)))
    assert answers == [answers[0]] * 3
    assert WaitingPlace.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (WANTED | {"quantity": 3}, 422, "invalid"),
        (WANTED | {"quantity": 0}, 422, "invalid"),
        (WANTED | {"quantity": -1}, 422, "invalid"),
        (WANTED | {"quantity": 10**30}, 422, "invalid"),
        (WANTED | {"sku": "NO-SUCH"}, 422, "invalid"),
        (WANTED | {"sku": "\x00"}, 422, "invalid"),
        (WANTED | {"sku": "R" * 41}, 422, "invalid"),
        (WANTED | {"email": "nobody"}, 422, "invalid"),
        (WANTED | {"email": "a" * 201}, 422, "invalid"),
        (WANTED | {"email": "fan\x00@example.com"}, 422, "invalid"),
        ({}, 422, "invalid"),
        (b"\xff\xfe", 400, "invalid"),
        (b"[", 400, "invalid"),
    ],
)
def test_says_what_is_wrong(gone: Drop, body: Any, status: int, kind: str) -> None:
    answer = post(body)
    assert (answer.status_code, answer.json()["type"]) == (status, kind)
    assert answer["Content-Type"] == "application/problem+json"
    assert WaitingPlace.objects.count() == 0


def test_refuses_what_cannot_be_waited_for(gone: Drop, now: datetime, settings: Any) -> None:
    for path in ("/api/v1/drops/no-such/waiting-list", "/api/v1/drops/%00/waiting-list"):
        assert post(path=path).status_code == 404
    comes_back("b")
    assert (post().status_code, post().json()["type"]) == (409, "still-there")
    Drop.objects.update(state=DropState.CLOSED)
    assert post().json()["type"] == "not-open"
    Drop.objects.update(state=DropState.LIVE, waiting_list=False)
    assert post().json()["type"] == "no-waiting-list"
    settings.JOINS_PER_ADDRESS_AN_HOUR = 1
    post()
    slow = post()
    assert (slow.status_code, slow.json()["type"]) == (429, "slow-down")
    assert int(slow["Retry-After"]) > 0
    assert place("nobody").status_code == 404
    assert place("%00").json()["type"] == "not-found"


def test_every_answer_is_in_the_document(gone: Drop) -> None:
    document = Client().get("/api/v1/openapi.json").json()["paths"]
    joining = document["/api/v1/drops/{slug}/waiting-list"]["post"]["responses"]
    assert set(joining) >= {"202", "400", "404", "409", "422", "429"}
    at_a_place = document["/api/v1/waiting-list/{token}"]
    assert set(at_a_place["get"]["responses"]) >= {"200", "404"}
    assert set(at_a_place["delete"]["responses"]) >= {"200", "404", "409"}
    assert state(WaitingPlace.objects.get(pk=_joined())) == PlaceState.WAITING


def _joined() -> int:
    post()
    return WaitingPlace.objects.get().pk
