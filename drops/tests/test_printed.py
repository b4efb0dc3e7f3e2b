"""A page that is printed once and given to many."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from drops import printed
from drops.models import Drop, DropState, StockItem
from drops.tests.factories import drop, offer
from merchant.clock import now

pytestmark = pytest.mark.django_db
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w{64})"')


@pytest.fixture(autouse=True)
def _nothing_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "FRESH_SECONDS", 600.0)


@pytest.fixture
def robe() -> Drop:
    made = drop(starts_at=now() - timedelta(days=1))
    offer(made, "ROBE-M")
    return made


def page(client: Client) -> str:
    return client.get("/drops/winter-robe/").content.decode()


def test_each_fan_has_a_token_of_their_own_that_their_form_is_accepted_with(robe: Drop) -> None:
    tokens = []
    for _ in range(2):
        client = Client(enforce_csrf_checks=True)
        [token] = set(TOKEN.findall(page(client)))
        tokens.append(token)
        body = {"csrfmiddlewaretoken": token, "sku": "ROBE-M", "quantity": 1}
        assert client.post("/drops/winter-robe/cart/", body).status_code == 303
    assert tokens[0] != tokens[1]
    other = Client(enforce_csrf_checks=True)
    page(other)
    strangers = {"csrfmiddlewaretoken": tokens[0], "sku": "ROBE-M", "quantity": 1}
    assert other.post("/drops/winter-robe/cart/", strangers).status_code == 403


def test_a_link_with_a_tail_for_statistics_gets_the_same_print(robe: Drop) -> None:
    page(Client())
    StockItem.objects.update(held=4)
    assert "5 left" in Client().get("/drops/winter-robe/?utm_source=mail").content.decode()


def test_it_says_the_time_of_each_request(robe: Drop) -> None:
    times = [re.findall(r'data-server-now="([^"]+)"', page(Client())) for _ in range(2)]
    assert len(times[0]) == len(times[1]) == 1
    assert times[0] != times[1]


def test_it_is_printed_anew_at_the_instant_the_drop_opens() -> None:
    opens = now() + timedelta(hours=1)
    robe = drop(state=DropState.SCHEDULED, starts_at=opens)
    assert 'data-phase="upcoming"' in page(Client())
    [(read_at, kept)] = printed._prints.values()
    assert kept.turns_at == robe.starts_at
    passed = printed.Print(kept.html, kept.says, now() - timedelta(seconds=1))
    printed._prints["winter-robe"] = (read_at, passed)
    Drop.objects.update(starts_at=now() - timedelta(seconds=1), state=DropState.LIVE)
    assert 'data-phase="live"' in page(Client())


def test_a_print_shows_the_stock_of_its_moment(robe: Drop) -> None:
    assert "5 left" in page(Client())
    StockItem.objects.update(held=4)
    assert "5 left" in page(Client())
    printed.forget()
    assert "1 left" in page(Client())
