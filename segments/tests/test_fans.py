from threading import Barrier

import pytest

from segments.fans import by_email, find_or_create
from segments.models import Fan
from segments.tests.races import THREADS, at_once, refused


@pytest.mark.django_db
def test_case_and_spaces_make_no_second_fan() -> None:
    assert find_or_create("Fan@Example.com") == find_or_create(" fan@example.COM ")
    assert by_email("FAN@example.com") == Fan.objects.get()


@pytest.mark.django_db
def test_dots_are_not_folded() -> None:
    assert find_or_create("fan@example.com") != find_or_create("f.an@example.com")


@pytest.mark.django_db
def test_fills_what_was_blank_and_renames_nobody() -> None:
    find_or_create("fan@example.com", name="Fan One")

    fan = find_or_create("fan@example.com", name="Someone Else", country="de")

    fan.refresh_from_db()
    assert (fan.name, fan.country) == ("Fan One", "DE")


@pytest.mark.django_db(transaction=True)
def test_without_the_guard_two_first_visits_at_once_end_in_errors() -> None:
    def look_then_create(barrier: Barrier) -> bool:
        assert by_email("fan@example.com") is None
        barrier.wait()
        return refused(lambda: Fan.objects.create(email="fan@example.com"))

    assert sorted(at_once(look_then_create)) == [False] + [True] * (THREADS - 1)


@pytest.mark.django_db(transaction=True)
def test_first_visits_at_once_get_the_same_fan() -> None:
    def visit(barrier: Barrier) -> Fan:
        barrier.wait()
        return find_or_create("fan@example.com", name="Fan One")

    assert at_once(visit) == [Fan.objects.get()] * THREADS
