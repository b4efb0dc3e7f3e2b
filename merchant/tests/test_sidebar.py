"""Where one is at the desk: the same words in the sidebar, the crumbs and the browser's tab."""

import re

import pytest
from django.test import Client

from checkout.tests.fan import live_drop
from merchant.roles import OWNER
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db


def current(client: Client, page: str) -> list[str]:
    """The doors of the sidebar that are marked as the one where one is."""
    return [
        item["title"]
        for group in client.get(page).context["sidebar_navigation"]
        for item in group["items"]
        if item["active"]
    ]


@pytest.mark.parametrize(
    ("page", "door"),
    [
        ("", "Today"),
        ("checkout/order/", "Orders"),
        ("checkout/order/trouble/", "Orders"),
        ("checkout/order/conversion/", "Conversion"),
        ("checkout/order/rules/", "Rules"),
        ("policies/decision/", "Rules"),
        ("policies/policy/library/", "Policies"),
        ("auth/user/", "People"),
    ],
)
def test_one_door_is_marked_as_the_one_where_one_is(page: str, door: str) -> None:
    assert current(signed_in(OWNER), f"/admin/{page}") == [door]


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("auth/user/", "People"),
        ("auth/group/", "Roles"),
        ("checkout/webhookevent/", "Payment news"),
        ("checkout/taxrate/", "Tax rates"),
        ("checkout/waitingplace/", "Waiting lists"),
        ("drops/drop/", "Drops"),
    ],
)
def test_a_list_is_called_what_the_sidebar_calls_it(page: str, name: str) -> None:
    shown = signed_in(OWNER).get(f"/admin/{page}").content.decode()
    title = re.search(r"<title>(.*?)</title>", shown, re.DOTALL)
    assert title
    assert title[1].split("|")[0].strip() == name
    assert re.search(rf'<a href="/admin/{page}"[^>]*truncate[^>]*>{name}</a>', shown)
    assert "Authentication and Authorization" not in shown


def test_an_empty_list_says_what_fills_it() -> None:
    client = signed_in(OWNER)
    assert "When a fan withdraws" in client.get("/admin/checkout/fanrequest/").content.decode()
    live_drop()
    assert "Nothing matches" in client.get("/admin/drops/drop/?q=nothing-like-it").content.decode()
