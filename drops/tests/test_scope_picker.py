"""Where a policy applies is chosen from what the shop sells and where it ships, and never typed as keys."""

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from drops.models import Drop, Product
from policies.admin.policies import PolicyForm
from policies.models import Policy

pytestmark = pytest.mark.django_db
NAMED = {"title": "Care", "slug": "care", "kind": "terms", "position": "20"}
ADD = "/admin/policies/policy/add/"


@pytest.fixture(autouse=True)
def sold() -> None:
    Drop.objects.create(slug="winter-robe", title="Winter Robe No. 2")
    Product.objects.create(slug="robe", title="Robe", tags=["sleepwear", "digital"])


def chosen(**parts: Any) -> dict[str, Any]:
    names = ("drop", "tags", "land", "region", "kind")
    return NAMED | {f"scope_{names.index(part)}": value for part, value in parts.items()}


def change_page(policy: Policy) -> str:
    return reverse("admin:policies_policy_change", args=[policy.pk])


@pytest.mark.parametrize(
    ("parts", "scope"),
    [
        ({}, "shop"),
        ({"drop": "winter-robe"}, "drop:winter-robe"),
        ({"drop": "winter-robe", "land": "country:DE"}, "drop:winter-robe + country:DE"),
        ({"tags": ["sleepwear", "digital"], "land": "area:EU"}, "tag:digital + tag:sleepwear + area:EU"),
        ({"land": "country:US", "region": "california"}, "region:US-CA"),
        ({"kind": "preorder", "land": "country:AT"}, "preorder + country:AT"),
    ],
)
def test_what_is_chosen_in_words_is_where_it_applies(admin_client: Client, parts: dict[str, Any], scope: str) -> None:
    assert admin_client.post(ADD, chosen(**parts)).status_code == 302
    assert Policy.objects.get().scope == scope


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"drop": "no-such-drop"}, "There is no such drop. Choose one from the list."),
        ({"drop": "a\0b"}, "There is no such drop."),
        ({"tags": ["sleepwear", "velvet"]}, "No product has the tag “velvet”."),
        ({"land": "country:XX"}, "There is no such country. Choose one from the list."),
        ({"land": "country:UN"}, "There is no such country."),
        ({"land": "country:EU"}, "There is no such country."),
        ({"land": "shop"}, "There is no such country."),
        ({"land": "country:US", "region": "Bavaria"}, "There is no state or region “Bavaria” in the United States."),
        ({"land": "area:EU", "region": "Bavaria"}, "Choose the country that “Bavaria” lies in."),
        ({"region": "Bavaria"}, "Choose the country that “Bavaria” lies in."),
        ({"kind": "sometimes"}, "Choose all orders, or pre-orders only."),
        ({"land": "country:US", "region": "x" * 81}, "at most 80 characters"),
    ],
)
def test_what_does_not_exist_is_refused_beside_the_field(
    admin_client: Client, parts: dict[str, Any], told: str
) -> None:
    answer = admin_client.post(ADD, chosen(**parts))
    assert answer.status_code == 200
    assert told in html.unescape(answer.content.decode())
    assert not Policy.objects.exists()


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ({"drop": "no-such-drop", "land": "country:DE"}, {0}),
        ({"tags": ["velvet"], "kind": "sometimes"}, {1, 4}),
        ({"land": "country:US", "region": "Bavaria"}, {2, 3}),
        (
            {"drop": "winter-robe", "tags": ["digital", "sleepwear"], "land": "area:EU", "kind": "preorder"},
            {0, 1, 2, 3, 4},
        ),
    ],
)
def test_only_the_part_that_is_refused_is_marked(parts: dict[str, Any], wrong: set[int]) -> None:
    form = PolicyForm(chosen(**parts))
    assert not form.is_valid()
    parts_shown = form["scope"].as_widget().split('<div class="scope-part')[1:]
    assert {number for number, part in enumerate(parts_shown) if "scope-wrong" in part[:12]} == wrong


def test_four_choices_are_the_most(admin_client: Client) -> None:
    Product.objects.create(slug="more", title="More", tags=["a", "b", "c"])
    told = admin_client.post(ADD, chosen(drop="winter-robe", tags=["a", "b", "c"], land="country:DE"))
    assert "At most 4 of these together." in told.content.decode()
    assert not Policy.objects.exists()


def test_the_page_offers_names_and_says_what_is_chosen(admin_client: Client) -> None:
    policy = Policy.objects.create(**NAMED, scope="drop:winter-robe + region:US-CA")
    page = html.unescape(admin_client.get(change_page(policy)).content.decode())
    assert '<option value="winter-robe" selected>Winter Robe No. 2</option>' in page
    assert '<option value="country:US" selected>United States</option>' in page
    assert 'value="California"' in page
    assert "Now: the drop “Winter Robe No. 2”, shipped to California (United States)." in page
    assert "drop:winter-robe" not in page


def test_what_is_gone_meanwhile_stays_chosen_until_it_is_changed(admin_client: Client) -> None:
    policy = Policy.objects.create(**NAMED, scope="drop:long-gone + tag:velvet")
    page = admin_client.get(change_page(policy)).content.decode()
    assert '<option value="long-gone" selected>long-gone (no drop any more)</option>' in page
    assert '<option value="velvet" selected>velvet (on no product yet)</option>' in page
    admin_client.post(change_page(policy), chosen(drop="long-gone", tags=["velvet"]) | {"title": "Cared for"})
    policy.refresh_from_db()
    assert (policy.title, policy.scope) == ("Cared for", "drop:long-gone + tag:velvet")


def test_what_nobody_touched_is_not_written(admin_client: Client) -> None:
    """Two drops at once hold for no order. It was written so by hand, and a new title does not alter it."""
    policy = Policy.objects.create(**NAMED, scope="drop:long-gone + drop:winter-robe")
    admin_client.post(change_page(policy), chosen(drop="winter-robe") | {"title": "Cared for"})
    policy.refresh_from_db()
    assert (policy.title, policy.scope) == ("Cared for", "drop:long-gone + drop:winter-robe")


@pytest.mark.parametrize("scope", ["shop", "drop:winter-robe", "tag:digital + preorder + country:DE", "region:GB-SCT"])
def test_what_is_saved_unchanged_counts_as_unchanged(scope: str) -> None:
    policy = Policy.objects.create(**NAMED, scope=scope)
    field = PolicyForm(instance=policy).fields["scope"]
    parts = field.widget.decompress(scope)
    form = PolicyForm(NAMED | {f"scope_{number}": part for number, part in enumerate(parts)}, instance=policy)
    assert form.is_valid(), form.errors
    assert "scope" not in form.changed_data
    assert form.cleaned_data["scope"] == scope


def test_drops_of_one_title_are_told_apart(admin_client: Client) -> None:
    Drop.objects.create(slug="winter-robe-2027", title="Winter Robe No. 2")
    page = html.unescape(admin_client.get(ADD).content.decode())
    assert '<option value="winter-robe">Winter Robe No. 2 (winter-robe)</option>' in page
    assert '<option value="winter-robe-2027">Winter Robe No. 2 (winter-robe-2027)</option>' in page


def test_the_list_says_where_each_applies_with_one_question_for_titles(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        Policy.objects.create(**NAMED | {"slug": f"care-{number}"}, scope="drop:winter-robe + country:DE")
    desk = reverse("admin:policies_policy_changelist")
    with django_assert_max_num_queries(12):
        page = admin_client.get(desk).content.decode()
    assert page.count("The drop “Winter Robe No. 2”, shipped to Germany") == 6


def test_the_regions_of_a_country_are_proposed(admin_client: Client) -> None:
    door = reverse("admin:policies_policy_regions")
    page = admin_client.get(door, {"scope_2": "country:US"}).content.decode()
    assert '<option value="California">' in page
    assert admin_client.get(door, {"scope_2": "the moon"}).content.decode().strip() == ""
