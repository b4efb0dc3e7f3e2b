"""What somebody reads when something went wrong: what became of what they sent, and what they can do next."""

import re
from typing import Any

import pytest
from django.core.exceptions import BadRequest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from merchant import store
from merchant.errors_pages import bad_request, server_error
from merchant.models import StoreProfile
from merchant.roles import DROP_MANAGER
from merchant.tests.staff import signed_in


def links(answer: Any) -> list[tuple[str, str]]:
    """(words, address) of what can be pressed."""
    return re.findall(r'<a class="button[^>]*?href="([^"]*)">([^<]*)</a>', " ".join(answer.text.split()))


def unreadable(rf: RequestFactory, path: str) -> HttpResponse:
    return bad_request(rf.get(path), BadRequest())


def broken(rf: RequestFactory, path: str) -> HttpResponse:
    return server_error(rf.get(path))


def away(rf: RequestFactory, path: str) -> HttpResponse:
    try:
        raise OperationalError
    except OperationalError:
        return server_error(rf.get(path))


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (unreadable, 400, "Nothing was done with it"),
        (broken, 500, "nothing is lost"),
        (away, 503, "nobody is charged twice"),
    ],
)
class TestWithoutADatabase:
    """None of these tests has one: whoever asks it fails."""

    def test_a_new_process_says_it_too(self, rf: RequestFactory, answer: Any, status: int, words: str) -> None:
        store.forget_store()
        page = answer(rf, "/")
        assert page.status_code == status
        assert words in page.text
        assert ("/", "See the drops") in links(page)

    def test_in_the_name_of_the_shop_as_it_was_last_read(
        self, rf: RequestFactory, answer: Any, status: int, words: str
    ) -> None:
        store._cached[:] = [(-1e9, StoreProfile(pk=1, name="Evenfall", support_email="help@evenfall.example"))]
        page = answer(rf, "/")
        store.forget_store()
        assert "Evenfall</title>" in page.text
        assert 'href="mailto:help@evenfall.example"' in page.text

    def test_staff_are_led_to_the_desk(self, rf: RequestFactory, answer: Any, status: int, words: str) -> None:
        page = answer(rf, "/admin/drops/drop/1/change/")
        assert ("/admin/", "To the desk") in links(page)
        assert words not in page.text or status == 400


@pytest.mark.django_db
def test_what_is_not_there(client: Client) -> None:
    page = client.get("/no-such-page/")
    assert page.status_code == 404
    assert links(page) == [("/", "See the drops")]
    page = signed_in(DROP_MANAGER).get("/admin/no-such-page/")
    assert page.status_code == 404
    assert links(page) == [("/admin/", "To the desk")]


@pytest.mark.django_db
def test_what_a_role_does_not_open() -> None:
    page = signed_in(DROP_MANAGER).get("/admin/auth/user/")
    assert page.status_code == 403
    assert "Your role does not open this page" in page.text
    assert links(page) == [("/admin/", "To the desk")]


@pytest.mark.django_db
def test_an_address_that_cannot_be_read(client: Client) -> None:
    page = client.get("/media/%2e%2e/secret.txt")
    assert page.status_code == 400
    assert "Nothing was done with it" in page.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "back"),
    [
        ("http://testserver/drops/robe/?a=b", [("/drops/robe/?a=b", "Load it again")]),
        ("https://elsewhere.example/trap/", []),
        ("", []),
    ],
)
def test_a_form_that_was_open_for_too_long_leads_back_to_its_page(before: str, back: list[tuple[str, str]]) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Referer": before})
    page = client.post("/drops/robe/cart/", {"sku": "ROBE-M"})
    assert page.status_code == 403
    assert "Nothing was sent and nothing was charged" in page.text
    assert links(page) == [*back, ("/", "See the drops")]
