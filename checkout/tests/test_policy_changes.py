"""A text changes while somebody checks out (P1–P4), is missing in their language (P8), or depends on the place."""

import html
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import ProgrammingError
from django.test import Client

from checkout import fallback, payments
from checkout.errors import PoliciesChanged
from checkout.models import Order, OrderState
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import quote
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_fallback import pay_there
from checkout.tests.test_payments import fresh
from checkout.tokens import order_token
from drops.models import Drop
from merchant.clock import now as clock
from merchant.tests.staff import signed_in
from policies import acceptance, meanwhile, seen
from policies.acceptance import Answer
from policies.errors import PolicyUnanswered
from policies.models import Acceptance, Policy
from policies.publishing import new_draft, publish
from policies.queries import forget
from policies.retiring import retire

pytestmark = pytest.mark.django_db(transaction=True)
BOX = "I have read how long returns are open."
MINUTE = timedelta(minutes=1)


@pytest.fixture
def returns(robe: Drop, now: datetime) -> Policy:
    policy = Policy.objects.create(slug="returns", kind="returns", title="Returns")
    says(policy, "Send it back within 30 days.", at=now - 9 * MINUTE)
    return policy


def says(policy: Policy, text: str, *, at: datetime, **changes: str) -> None:
    draft = new_draft(policy, "staff:owner", language=changes.pop("language", "en"))
    draft.source, draft.summary, draft.box_wording = text, text, BOX
    draft.change_class, draft.change_summary = changes.pop("change", "material"), "Other days."
    draft.save()
    publish(draft, by="staff:owner", now=at)


def recorded(order: Order) -> list[tuple[str, bool | None, bool]]:
    rows = Acceptance.objects.filter(order_ref=order.reference).select_related("rendering__version__policy")
    return [(row.rendering.version.ref, row.accepted, row.replaced) for row in rows.order_by("pk")]


def test_p1_a_material_change_is_shown_accepted_again_and_both_are_on_record(
    robe: Drop, returns: Policy, now: datetime
) -> None:
    shown = fan.quoted(robe, at=now)
    says(returns, "Send it back within 14 days.", at=now + MINUTE)
    with pytest.raises(PoliciesChanged) as refusal:
        place_order(robe, fan.request(shown), person=fan.PERSON, now=now + 2 * MINUTE)
    assert not Order.objects.exists()
    fresh = refusal.value.fresh
    again = replace(fan.request(fresh), seen=refusal.value.seen)
    order = fan.found(place_order(robe, again, person=fan.PERSON, now=now + 3 * MINUTE))
    assert recorded(order) == [("returns/v1", True, True), ("returns/v2", True, False)]
    first, second = Acceptance.objects.order_by("pk")
    assert (first.answered_at, second.shown_at) == (now + 2 * MINUTE, now + 2 * MINUTE)
    assert (first.shown_at, first.rendering.sha256) == (now, shown.policies[0].sha256)


def changed_once(robe: Drop, returns: Policy, now: datetime) -> Order:
    """An order whose text changed between the quote and the button; both answers were given."""
    shown = fan.quoted(robe, at=now)
    says(returns, "Send it back within 14 days.", at=now + MINUTE)
    with pytest.raises(PoliciesChanged) as refusal:
        place_order(robe, fan.request(shown), person=fan.PERSON, now=now + 2 * MINUTE)
    again = replace(fan.request(refusal.value.fresh), seen=refusal.value.seen)
    return fan.found(place_order(robe, again, person=fan.PERSON, now=now + 3 * MINUTE))


def test_p1_the_desk_shows_both_answers_and_the_fan_the_one_that_counts(
    robe: Drop, returns: Policy, now: datetime
) -> None:
    order = changed_once(robe, returns, now)
    desk = " ".join(signed_in("Owner").get(f"/admin/checkout/order/{order.pk}/change/").content.decode().split())
    before, after = desk.index("Returns, version 1"), desk.index("Returns, version 2")
    assert "shown and ticked · before it changed" in desk[before:after]
    assert "before it changed" not in desk[after:]
    assert desk.count(f"“{BOX}”") == 2
    counts = Acceptance.objects.get(replaced=False).rendering
    page = Client().get(f"/orders/{order_token(order.token_nonce)}/").content.decode()
    assert '<a href="/policies/returns/v2/">Returns, version 2</a>' in page
    assert f"/policies/verify/{counts.sha256}/" in page
    assert "/policies/returns/v1/" not in page
    assert Client().get(f"/policies/verify/{counts.sha256}/").status_code == 200


def test_a_promise_that_ends_mid_checkout_is_told_and_the_answer_to_it_kept(
    robe: Drop, returns: Policy, now: datetime
) -> None:
    shown = fan.quoted(robe, at=now)
    retire(returns, why="We take nothing back any more.", by="staff:owner", now=clock())
    forget()
    with pytest.raises(PoliciesChanged) as refusal:
        place_order(robe, fan.request(shown), person=fan.PERSON, now=clock())
    fresh = refusal.value.fresh
    assert fresh.policies == ()
    [entry] = meanwhile.since(refusal.value.answers, fresh.policies)
    assert entry.headline == "We take nothing back any more."
    again = replace(fan.request(fresh), seen=refusal.value.seen)
    order = fan.found(place_order(robe, again, person=fan.PERSON, now=clock()))
    assert recorded(order) == [("returns/v1", True, True)]


def test_p1_a_forged_or_foreign_seal_records_nothing_more(robe: Drop, returns: Policy, now: datetime) -> None:
    agreed = fan.quoted(robe, at=now)
    order = fan.found(place_order(robe, fan.request(agreed, seen="forged:seal"), person=fan.PERSON, now=now))
    assert recorded(order) == [("returns/v1", True, False)]


@pytest.mark.parametrize("change", ["technical", "clarification"])
def test_p3_a_mended_typo_asks_nobody_and_the_record_holds_what_was_shown(
    robe: Drop, returns: Policy, now: datetime, change: str
) -> None:
    shown = fan.quoted(robe, at=now)
    says(returns, "Send it back within 30 days, please.", at=now + MINUTE, change=change)
    order = fan.found(place_order(robe, fan.request(shown), person=fan.PERSON, now=now + 2 * MINUTE))
    assert recorded(order) == [("returns/v1", True, False)]
    assert Acceptance.objects.get().rendering.sha256 == shown.policies[0].sha256


def test_p4_of_two_tabs_the_stale_one_is_asked_again(robe: Drop, returns: Policy, now: datetime) -> None:
    stale = fan.quoted(robe, at=now)
    says(returns, "Send it back within 14 days.", at=now + MINUTE)
    current = fan.quoted(robe, at=now + MINUTE)
    with pytest.raises(PoliciesChanged):
        place_order(robe, fan.request(stale), person=fan.PERSON, now=now + 2 * MINUTE)
    order = fan.found(place_order(robe, fan.request(current), person=fan.PERSON, now=now + 2 * MINUTE))
    assert recorded(order) == [("returns/v2", True, False)]


def test_p8_a_missing_translation_is_shown_in_english_and_recorded_as_such(
    robe: Drop, returns: Policy, now: datetime
) -> None:
    agreed = quote(robe, [Wanted("ROBE-M", 1)], country="US", now=now, language="de")
    assert [(text.language, text.is_fallback) for text in agreed.policies] == [("en", True)]
    fan.found(place_order(robe, fan.request(agreed), person=fan.PERSON, now=now))
    assert list(Acceptance.objects.values_list("language", "asked_language")) == [("en", "de")]
    assert Acceptance.objects.get().is_fallback


def test_p8_an_answer_that_was_replaced_is_recorded_as_given_to_a_fallback_too(
    robe: Drop, returns: Policy, now: datetime
) -> None:
    shown = quote(robe, [Wanted("ROBE-M", 1)], country="US", now=now, language="de")
    says(returns, "Send it back within 14 days.", at=now + MINUTE)
    with pytest.raises(PoliciesChanged) as refusal:
        place_order(robe, fan.request(shown), person=fan.PERSON, now=now + 2 * MINUTE)
    again = replace(fan.request(refusal.value.fresh), seen=refusal.value.seen)
    fan.found(place_order(robe, again, person=fan.PERSON, now=now + 3 * MINUTE))
    first, second = Acceptance.objects.order_by("pk")
    assert [(row.replaced, row.language, row.asked_language) for row in (first, second)] == [
        (True, "en", "de"),
        (False, "en", "de"),
    ]
    assert first.is_fallback
    assert acceptance.holds(first)


def test_a_seal_of_the_release_before_is_read(robe: Drop, returns: Policy, now: datetime) -> None:
    sha256 = fan.quoted(robe, at=now).policies[0].sha256
    old = {"for": robe.slug, "seen": [("returns/v1", sha256, True, now.timestamp(), now.timestamp())]}
    [earlier] = seen.read(robe.slug, signing.dumps(old, salt=seen.SALT, compress=True))
    assert (earlier.rendering.sha256, earlier.accepted, earlier.asked_language) == (sha256, True, "")


def test_an_order_is_recorded_in_the_language_it_was_quoted_in(robe: Drop, returns: Policy, now: datetime) -> None:
    says(returns, "30 Tage.", at=now - MINUTE, language="de")
    agreed = quote(robe, [Wanted("ROBE-M", 1)], country="US", now=now, language="de-at")
    assert [text.id for text in agreed.policies] == ["returns/v2"]
    fan.found(place_order(robe, fan.request(agreed), person=fan.PERSON, now=now))
    assert list(Acceptance.objects.values_list("language", "asked_language")) == [("de", "de-at")]
    assert not Acceptance.objects.get().is_fallback, "German is German"


def test_another_address_may_bring_other_texts(robe: Drop, returns: Policy, now: datetime) -> None:
    german = Policy.objects.create(slug="withdrawal", kind="cancellations", title="Withdrawal", scope="country:DE")
    says(german, "14 days to withdraw.", at=now - MINUTE)
    shown = fan.quoted(robe, at=now)
    assert [text.slug for text in shown.policies] == ["returns"]
    there = fan.somebody()
    there = replace(there, address=replace(there.address, country="DE", region=""))
    with pytest.raises(PoliciesChanged) as refusal:
        place_order(robe, fan.request(shown, contact=there), person=fan.PERSON, now=now)
    assert [text.because for text in refusal.value.fresh.policies] == [(), ("ships to Germany",)]


def test_p2_a_change_after_a_session_was_opened_touches_neither_the_order_nor_its_record(
    robe: Drop, returns: Policy, sandbox: SandboxServer
) -> None:
    order = fan.placed(robe, at=clock())
    payments.drain(clock)
    page = fallback.open_session(order.pk, now=clock())
    says(returns, "Send it back within 14 days.", at=clock())
    pay_there(page)
    payments.look_again(order.pk, now=clock())
    payments.drain(clock)
    assert fresh(order).state == OrderState.CONFIRMED
    assert recorded(order) == [("returns/v1", True, False)]
    with pytest.raises(ProgrammingError, match="Cannot update"):
        Acceptance.objects.update(accepted=False)


@pytest.mark.parametrize("accepted", [False, None])
def test_a_box_that_must_be_ticked_is_enforced_where_the_order_is_placed(
    robe: Drop, returns: Policy, now: datetime, accepted: bool | None
) -> None:
    agreed = fan.quoted(robe, at=now)
    answers = tuple(Answer(text.id, text.sha256, accepted) for text in agreed.policies)
    for given in (answers, ()):
        with pytest.raises(PolicyUnanswered) as refusal:
            place_order(robe, fan.request(agreed, answers=given), person=fan.PERSON, now=now)
        assert [text.id for text in refusal.value.missing] == ["returns/v1"]
    assert not Order.objects.exists()
    assert fan.counts() == (0, 0, 5)


# --- at the doors -----------------------------------------------------------------------------------------------------


def api_quote(client: Client, **more: Any) -> dict[str, Any]:
    body = {"lines": [{"sku": "ROBE-M", "quantity": 1}], "country": "US"} | more
    answer = client.post("/api/v1/drops/winter-robe/quote", json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def api_order(client: Client, agreed: dict[str, Any], key: str, **more: Any) -> Any:
    address = {"line1": "Long Street 1", "city": "Springfield", "postal_code": "12345", "region": "CA", "country": "US"}
    body = {
        "quote": agreed["quote"],
        "agreed_total": agreed["total"],
        "lines": [{"sku": "ROBE-M", "quantity": 1}],
        "email": "fan@example.com",
        "name": "A Fan",
        "address": address,
        "policies": [{"id": each["id"], "sha256": each["sha256"], "accepted": True} for each in agreed["policies"]],
    }
    return client.post(
        "/api/v1/drops/winter-robe/orders",
        json.dumps(body | more),
        content_type="application/json",
        headers={"Idempotency-Key": key},
    )


def test_the_api_says_why_each_text_applies(client: Client, robe: Drop, returns: Policy) -> None:
    [text] = api_quote(client, language="de")["policies"]
    assert (text["kind"], text["because"], text["language"], text["fallback"]) == ("returns", [], "en", True)


def test_the_api_tells_the_difference_and_takes_the_answer_again(client: Client, robe: Drop, returns: Policy) -> None:
    agreed = api_quote(client)
    says(returns, "Send it back within 14 days.", at=clock())
    refused = api_order(client, agreed, "first")
    assert refused.status_code == 409
    told = refused.json()
    assert told["type"].endswith("policy-changed")
    [change] = told["changes"]
    assert (change["id"], change["was"], change["change_summary"]) == ("returns/v2", "returns/v1", "Other days.")
    assert {"kind": "del", "text": "30"} in change["pieces"]
    again = api_order(client, told["fresh"], "second", seen=told["seen"])
    assert again.status_code == 201
    assert recorded(Order.objects.get()) == [("returns/v1", True, True), ("returns/v2", True, False)]


def test_the_page_shows_the_difference_and_ticks_nothing(client: Client, robe: Drop, returns: Policy) -> None:
    client.post("/drops/winter-robe/cart/", {"sku": "ROBE-M"})
    form = fields_of(client.get("/drops/winter-robe/checkout/").content.decode())
    says(returns, "Send it back within 14 days.", at=clock())
    answers = TYPED | {"accept": "returns/v1"}
    refused = client.post("/drops/winter-robe/checkout/", form | answers)
    page = refused.content.decode()
    assert refused.status_code == 409
    assert "Returns changed while you were here." in page
    assert "<del>30</del><ins>14</ins>" in page
    assert not re.search(r'name="accept"[^>]*\schecked', page)
    again = client.post("/drops/winter-robe/checkout/", fields_of(page) | answers | {"accept": "returns/v2"})
    assert again.status_code == 303
    assert recorded(Order.objects.get()) == [("returns/v1", True, True), ("returns/v2", True, False)]


def test_every_door_says_which_box_is_missing_and_records_what_was_ticked(
    client: Client, robe: Drop, returns: Policy
) -> None:
    agreed = api_quote(client)
    unticked = [{"id": each["id"], "sha256": each["sha256"], "accepted": False} for each in agreed["policies"]]
    told = api_order(client, agreed, "unticked", policies=unticked)
    assert (told.status_code, told.json()["missing"]) == (422, ["returns/v1"])
    client.post("/drops/winter-robe/cart/", {"sku": "ROBE-M"})
    page = client.get("/drops/winter-robe/checkout/").content.decode()
    assert not re.search(r'name="accept"[^>]*\schecked', page), "never ticked beforehand"
    refused = client.post("/drops/winter-robe/checkout/", fields_of(page) | TYPED)
    assert refused.status_code == 422
    assert "Please read and tick: Returns." in refused.content.decode()
    assert not Order.objects.exists()
    again = fields_of(refused.content.decode()) | TYPED | {"accept": "returns/v1"}
    assert (
        client.post(
            "/drops/winter-robe/checkout/", again, HTTP_USER_AGENT="A browser", REMOTE_ADDR="203.0.113.7"
        ).status_code
        == 303
    )
    row = Acceptance.objects.select_related("rendering__version", "person").get()
    assert (row.rendering.sha256, row.wording, row.accepted) == (agreed["policies"][0]["sha256"], BOX, True)
    assert (row.surface, row.language, row.asked_language) == ("checkout", "en", "en")
    assert row.shown_at <= row.answered_at
    assert (row.person.ip, row.person.user_agent) == ("203.0.113.7", "A browser")


TYPED = {
    "email": "fan@example.com",
    "name": "A Fan",
    "line1": "Long Street 1",
    "city": "Springfield",
    "postal_code": "12345",
    "country": "US",
    "region": "CA",
    "shipping_option": "standard",
}


def fields_of(page: str) -> dict[str, str]:
    hidden = re.findall(r'<input type="hidden" name="([\w]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in hidden if name != "csrfmiddlewaretoken"}
