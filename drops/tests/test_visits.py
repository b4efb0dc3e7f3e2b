"""Visits are counted by day, once, without anybody's name; machines are not counted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import redis
import time_machine
from django.test import Client, RequestFactory
from django.utils import timezone

from drops import visits
from drops.models import Drop, DropVisits
from drops.tests.factories import NOW, close_connection, drop, offer
from merchant.redis_client import client

pytestmark = pytest.mark.django_db(transaction=True)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"


@pytest.fixture(autouse=True)
def _nobody_looked_yet() -> Iterator[None]:
    visits.forget()
    yield
    visits.forget()


@pytest.fixture
def robe() -> Drop:
    made = drop()
    offer(made)
    return made


def look(slug: str = "winter-robe", agent: str = BROWSER, **headers: str) -> Any:
    visits._told_at = 0.0  # each a second after the other
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().get(f"/drops/{slug}/", headers={"User-Agent": agent} | named)


def counted(of: Drop) -> int:
    visits.keep()
    return sum(DropVisits.objects.filter(drop=of).values_list("visits", flat=True))


@time_machine.travel(NOW, tick=False)  # no midnight in between
def test_counts_each_loading_of_the_page_by_day(robe: Drop) -> None:
    for _ in range(3):
        answer = look()
    assert set(answer.cookies) <= {"csrftoken"}  # the form's own
    assert (counted(robe), counted(robe)) == (3, 3)
    look()
    assert counted(robe) == 4
    [row] = DropVisits.objects.all()
    assert row.day == timezone.localdate()


@time_machine.travel(NOW, tick=False)
def test_what_is_kept_in_between_is_a_number_and_a_name_of_a_drop(robe: Drop) -> None:
    look()
    assert list(client().hgetall(visits._KEY)) == [f"{timezone.localdate().isoformat()}|winter-robe"]


@pytest.mark.parametrize(
    "agent",
    ["", "Googlebot/2.1", "Mozilla/5.0 (compatible; bingbot/2.0)", "curl/8.5", "python-requests/2", "Pingdom.com_bot"],
)
def test_machines_that_say_so_do_not_count(robe: Drop, agent: str) -> None:
    look(agent=agent)
    assert counted(robe) == 0


def test_what_a_page_fetches_by_itself_or_in_advance_does_not_count(robe: Drop) -> None:
    look(Sec_Fetch_Dest="empty")
    look(Sec_Purpose="prefetch;prerender")
    look(Purpose="prefetch")
    assert counted(robe) == 0
    look(Sec_Fetch_Dest="document")
    assert counted(robe) == 1


def test_a_page_that_is_not_there_is_no_visit() -> None:
    assert look("no-such").status_code == 404
    assert client().hgetall(visits._KEY) == {}


def test_a_burst_asks_redis_once_a_second(robe: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, int]] = []
    seconds = [1000.0]
    monkeypatch.setattr(visits, "_tell", told.append)
    monkeypatch.setattr(visits, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    for _ in range(5):
        visits.seen(RequestFactory().get("/", headers={"User-Agent": BROWSER}), "winter-robe")
    assert [sum(batch.values()) for batch in told] == [1]
    seconds[0] += visits.ADD_UP_SECONDS
    visits.seen(RequestFactory().get("/", headers={"User-Agent": BROWSER}), "winter-robe")
    assert [sum(batch.values()) for batch in told] == [1, 5]


def test_c22_without_redis_the_page_comes_and_only_counts_are_lost(robe: Drop, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert look().status_code == 200
    assert visits.keep() == 0
    with pytest.raises(redis.RedisError):
        client().ping()


def test_two_that_bring_them_in_at_once_count_each_once(robe: Drop) -> None:
    for _ in range(20):
        look()

    def keep(_: int) -> int:
        try:
            return visits.keep()
        finally:
            close_connection()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(keep, range(4))) == 20
    assert counted(robe) == 20


def test_read_first_and_taken_away_later_they_would_count_twice(robe: Drop) -> None:
    """The guard taken away: two have read before either has taken it away."""
    look()
    both = [client().hgetall(visits._KEY) for _ in range(2)]
    client().delete(visits._KEY)
    assert sum(int(number) for counts in both for number in counts.values()) == 2
