"""A text with values filled in changes while somebody checks out (P1), or only the value does: a new ship date."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from django.test import Client

from checkout.errors import PoliciesChanged
from checkout.models import Order
from checkout.place_order import place_order
from checkout.tests import fan
from checkout.tests.test_policy_changes import TYPED, api_order, api_quote, fields_of, recorded, says
from drops import terms
from drops.models import Drop
from merchant.clock import now as clock
from policies import meanwhile
from policies.acceptance import Answer
from policies.models import Acceptance, Policy, Rendering

pytestmark = pytest.mark.django_db(transaction=True)
DECEMBER, FEBRUARY = date(2026, 12, 17), date(2027, 2, 15)
CHECKOUT = "/drops/winter-robe/checkout/"
TEXTS = ("Send it back to {{ shop }} within %s days.", "Sent on {{ ship_date }}, returned within %s days.")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def promise(robe: Drop, now: datetime) -> Policy:
    Drop.objects.update(ship_date=DECEMBER)
    policy = Policy.objects.create(slug="pre-order", kind="pre_order", title="Pre-order")
    says(policy, "We send it on {{ ship_date }}.", at=now - 9 * MINUTE)
    return policy


def ships(day: date) -> None:
    Drop.objects.update(ship_date=day)
    terms.forget()


def page_of(client: Client) -> dict[str, str]:
    client.post("/drops/winter-robe/cart/", {"sku": "ROBE-M"})
    return fields_of(client.get(CHECKOUT).content.decode())


def box_in(page: str) -> tuple[str, bool]:
    """What the one box of the page sends, and whether it is ticked."""
    [box] = re.findall(r'<input type="checkbox"\s+name="accept"[^>]*>', page)
    return re.findall(r'value="([^"]*)"', box)[0], "checked" in box


@pytest.mark.parametrize("text", TEXTS)
def test_p1_a_text_that_nobody_was_shown_before_is_told_by_the_api(
    client: Client, promise: Policy, now: datetime, text: str
) -> None:
    says(promise, text % 30, at=now - 8 * MINUTE)
    agreed = api_quote(client)
    says(promise, text % 14, at=clock())
    refused = api_order(client, agreed, "first")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("policy-changed")
    [change] = refused.json()["changes"]
    assert (change["id"], change["was"]) == ("pre-order/v3", "pre-order/v2")
    assert [piece["text"] for piece in change["pieces"] if piece["kind"] != "same"] == ["30", "14"] * 2


@pytest.mark.parametrize("text", TEXTS)
def test_p1_a_text_that_nobody_was_shown_before_is_told_by_the_page(
    client: Client, promise: Policy, now: datetime, text: str
) -> None:
    says(promise, text % 30, at=now - 8 * MINUTE)
    form = page_of(client)
    says(promise, text % 14, at=clock())
    refused = client.post(CHECKOUT, form | TYPED | {"accept": "pre-order/v2"})
    page = refused.content.decode()
    assert refused.status_code == 409
    assert page.count("<del>30</del><ins>14</ins>") == 2, "in the one sentence and in the text"
    assert "{{" not in page


def test_p1_what_a_refusal_showed_is_kept_and_compared_when_it_changes_again(
    robe: Drop, promise: Policy, now: datetime
) -> None:
    shown = fan.quoted(robe, at=now)
    says(promise, "Now on {{ ship_date }}, at noon.", at=now + MINUTE)
    with pytest.raises(PoliciesChanged) as first:
        place_order(robe, fan.request(shown), person=fan.PERSON, now=now + 2 * MINUTE)
    says(promise, "Now on {{ ship_date }}, at night.", at=now + 3 * MINUTE)
    again = replace(fan.request(first.value.fresh), seen=first.value.seen)
    with pytest.raises(PoliciesChanged) as second:
        place_order(robe, again, person=fan.PERSON, now=now + 4 * MINUTE)
    [change] = meanwhile.since(second.value.answers, second.value.fresh.policies)
    assert change.headlines == ("at noon → night",)
    last = replace(fan.request(second.value.fresh), seen=second.value.seen)
    order = fan.found(place_order(robe, last, person=fan.PERSON, now=now + 5 * MINUTE))
    assert recorded(order) == [
        ("pre-order/v1", True, True),
        ("pre-order/v2", True, True),
        ("pre-order/v3", True, False),
    ]


def test_a_new_ship_date_is_told_as_one_by_the_api(client: Client, promise: Policy) -> None:
    agreed = api_quote(client)
    ships(FEBRUARY)
    refused = api_order(client, agreed, "first").json()
    [change] = refused["changes"]
    assert (change["id"], change["was"], change["change"]) == ("pre-order/v1", "pre-order/v1", "material")
    assert (change["was_sha256"], change["sha256"]) == (
        agreed["policies"][0]["sha256"],
        refused["fresh"]["policies"][0]["sha256"],
    )
    assert change["headlines"] == ["ship date 17 December 2026 → 15 February 2027"]
    assert change["change_summary"] == "The ship date is another now."
    assert [piece for piece in change["pieces"] if piece["kind"] == "del"] == [
        {"kind": "del", "text": "17 December 2026"}
    ] * 2


def test_a_tick_for_other_bytes_of_the_same_version_does_not_count(client: Client, promise: Policy) -> None:
    form = page_of(client)
    ships(FEBRUARY)
    refused = client.post(CHECKOUT, form | TYPED | {"accept": box_in(client.get(CHECKOUT).content.decode())[0]})
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "ship date 17 December 2026 → 15 February 2027" in page
    box, is_ticked = box_in(page)
    assert not is_ticked
    unticked = client.post(CHECKOUT, fields_of(page) | TYPED | {"accept": f"pre-order/v1:{'0' * 64}"})
    assert unticked.status_code == 422
    placed = client.post(CHECKOUT, fields_of(unticked.content.decode()) | TYPED | {"accept": box})
    assert placed.status_code == 303
    order = Order.objects.get()
    assert recorded(order) == [("pre-order/v1", False, True), ("pre-order/v1", True, False)]
    assert [row.rendering.values for row in Acceptance.objects.order_by("pk")] == [
        {"ship_date": "17 December 2026"},
        {"ship_date": "15 February 2027"},
    ]


def test_a_box_that_was_ticked_comes_back_unticked_when_its_date_moved(client: Client, promise: Policy) -> None:
    form = page_of(client)
    ships(FEBRUARY)
    # a page from before, or an order that a device kept, sends the version alone: it means the bytes beside it
    refused = client.post(CHECKOUT, form | TYPED | {"accept": "pre-order/v1"})
    assert refused.status_code == 409
    assert not box_in(refused.content.decode())[1]
    again = client.post(CHECKOUT, fields_of(refused.content.decode()) | TYPED | {"accept": "pre-order/v1"})
    assert again.status_code == 303
    assert recorded(Order.objects.get()) == [("pre-order/v1", True, True), ("pre-order/v1", True, False)]


def test_a_box_stays_ticked_while_its_words_stand(client: Client, promise: Policy) -> None:
    form = page_of(client)
    box, _ = box_in(client.get(CHECKOUT).content.decode())
    refused = client.post(CHECKOUT, form | TYPED | {"email": "", "accept": box})
    assert refused.status_code == 422
    assert box_in(refused.content.decode()) == (box, True)


def test_a_fan_reads_the_difference_without_markup(client: Client, promise: Policy, now: datetime) -> None:
    says(promise, "**Sent** on\n\n- {{ ship_date }} by [post](https://post.example)\n- or later", at=now - 8 * MINUTE)
    agreed = api_quote(client)
    says(promise, "**Sent** on\n\n- {{ ship_date }} by [courier](https://post.example)\n- or later", at=clock())
    [change] = api_order(client, agreed, "first").json()["changes"]
    text = "".join(piece["text"] for piece in change["pieces"] if piece["kind"] != "del")
    assert text.endswith(
        "\n\nSent on\n\n• 17 December 2026 by courier\n• or later\n\n☐ I have read how long returns are open."
    )


def test_an_answer_to_bytes_that_are_not_ours_says_nothing_of_a_change(
    robe: Drop, promise: Policy, now: datetime
) -> None:
    shown = fan.quoted(robe, at=now).policies
    assert meanwhile.since([Answer("pre-order/v1", "0" * 64, True)], shown) == []
    assert Rendering.objects.count() == 1
