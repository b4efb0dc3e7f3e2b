"""Each role sees what it should, and nothing more."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from drops.models import Drop, DropState
from drops.tests.factories import NOW
from merchant.models import StoreProfile
from merchant.roles import (
    DOOR_STAFF,
    DROP_MANAGER,
    OWNER,
    POLICY_EDITOR,
    POLICY_REVIEWER,
    ROLES,
    SUPPORT,
    ensure_roles,
)
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db

DROPS, PRODUCTS, STOCK = "drops/drop/", "drops/product/", "drops/stockitem/"
ORDERS, NEWS = "checkout/order/", "checkout/webhookevent/"
FANS, SEGMENTS, MESSAGES = "segments/fan/", "segments/segment/", "segments/message/"
POLICIES, JOURNAL = "policies/policy/", "merchant/journalentry/"
PEOPLE, GROUPS = "auth/user/", "auth/group/"
ALL = {DROPS, PRODUCTS, STOCK, ORDERS, NEWS, FANS, SEGMENTS, MESSAGES, POLICIES, JOURNAL, PEOPLE, GROUPS}
SELLING = {DROPS, PRODUCTS, STOCK}
SEES = {
    OWNER: ALL,
    DROP_MANAGER: ALL - {PEOPLE, GROUPS},
    POLICY_EDITOR: SELLING | {POLICIES},
    POLICY_REVIEWER: SELLING | {POLICIES, ORDERS, JOURNAL},
    SUPPORT: ALL - {PEOPLE, GROUPS},
    DOOR_STAFF: {DROPS},
}


def opens(client: Client, page: str) -> bool:
    return client.get(f"/admin/{page}").status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_sees_exactly_its_lists(role: str) -> None:
    client = signed_in(role)
    assert {page for page in ALL if opens(client, page)} == SEES[role]


@pytest.mark.parametrize("role", ROLES)
def test_finds_in_the_sidebar_what_opens_and_nothing_else(role: str) -> None:
    StoreProfile.objects.create(pk=1, name="Shop")
    page = signed_in(role).get("/admin/").content.decode()
    assert {path for path in ALL if f'href="/admin/{path}"' in page} == SEES[role]


@pytest.mark.parametrize(
    ("page", "roles"),
    [
        ("drops/drop/add/", {OWNER, DROP_MANAGER}),
        ("policies/policy/add/", {OWNER, POLICY_EDITOR}),
        ("auth/user/add/", {OWNER}),
        ("checkout/order/add/", set()),
        ("merchant/journalentry/add/", set()),
    ],
)
def test_who_may_begin_something(page: str, roles: set[str]) -> None:
    assert {role for role in ROLES if opens(signed_in(role), page)} == roles


def test_who_may_pause_a_drop() -> None:
    drop = Drop.objects.create(
        slug="robe", title="Robe", state=DropState.LIVE, starts_at=NOW, ends_at=NOW + timedelta(days=900)
    )
    may = {role for role in ROLES if opens(signed_in(role), f"drops/drop/{drop.pk}/pause/")}
    assert may == {OWNER, DROP_MANAGER}


def test_only_owner_and_reviewer_may_publish() -> None:
    ensure_roles()
    holders = Group.objects.filter(permissions__codename="publish_policyversion").values_list("name", flat=True)
    assert set(holders) == {OWNER, POLICY_REVIEWER}


def test_a_permission_added_by_hand_goes_at_the_next_run() -> None:
    ensure_roles()
    door = Group.objects.get(name=DOOR_STAFF)
    door.permissions.add(Permission.objects.get(codename="view_order"))
    ensure_roles()
    assert set(door.permissions.values_list("codename", flat=True)) == {"view_drop"}


def test_a_guest_is_sent_to_the_door() -> None:
    answer = Client().get("/admin/drops/drop/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/admin/drops/drop/")
