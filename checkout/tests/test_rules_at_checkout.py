"""Every way to order is checked by the rules before the order exists, and what they decided is on record."""

import json
import uuid
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checkout.contact import Address, Contact
from checkout.errors import AgeRequired, Invalid, Restricted
from checkout.models import IdempotencyKey, Order, Payment
from checkout.place_order import place_order
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from drops.models import Drop, Product
from merchant.clock import now as clock
from merchant.tests.staff import signed_in
from policies.acceptance import Person
from policies.ages import AgeAsked
from policies.rule_publishing import new_draft, publish
from policies.rules import forget
from policies.rules_models import Decision, Rule, RuleVersion

pytestmark = pytest.mark.django_db


def rule(slug: str, *, at: datetime, **says: Any) -> RuleVersion:
    made, _ = Rule.objects.get_or_create(slug=slug, defaults={"title": slug})
    draft = new_draft(made, "staff:owner")
    for name, value in ({"reason": f"No {slug}.", "change_summary": "The law."} | says).items():
        setattr(draft, name, value)
    draft.save()
    version = publish(draft, by="staff:owner", now=at)
    forget()
    return version


def tagged(*tags: str) -> None:
    Product.objects.update(tags=list(tags))


def who(place: str = "") -> Person:
    return Person(ip="203.0.113.7", user_agent="a browser", email="fan@example.com", place=place)


def at_home(country: str = "US", region: str = "CA", postal_code: str = "90210") -> Contact:
    return Contact("fan@example.com", "A Fan", "", Address("Street 1", "", "Town", postal_code, region, country))


def nothing_was_written() -> bool:
    return not (Order.objects.exists() or Payment.objects.exists() or IdempotencyKey.objects.exists())


# --- places ----------------------------------------------------------------------------------------------------------


def test_p9_ip_in_a_restricted_place_but_shipping_allowed(robe: Drop, now: datetime) -> None:
    rule("embargo", at=now, places=["DE"])
    order = fan.found(place_order(robe, fan.request(fan.quoted(robe, at=now)), person=who("DE"), now=now))
    decision = Decision.objects.get()
    assert (decision.order_ref, decision.allowed, decision.advisory) == (order.reference, True, True)
    assert decision.findings == [["embargo/v1", "advice: the IP is in a restricted place"]]
    assert (decision.inputs["country"], decision.inputs["ip_place"]) == ("US", "DE")
    desk = signed_in("Owner").get(f"/admin/checkout/order/{order.pk}/change/").content.decode()
    assert f'/admin/policies/decision/{decision.pk}/change/">Allowed, have a look</a>' in desk
    assert "embargo/v1: advice: the IP is in a restricted place" in desk


def test_p10_ip_allowed_but_shipping_restricted(robe: Drop, now: datetime) -> None:
    agreed = fan.quoted(robe, at=now)
    rule("embargo", at=now, places=["US-CA"], reason="We may not send robes to California.")
    with pytest.raises(Restricted, match="California"):
        place_order(robe, fan.request(agreed), person=who("DE"), now=now)
    assert nothing_was_written()
    assert fan.counts() == (0, 0, 5)
    decision = Decision.objects.get()
    assert (decision.order_ref, decision.allowed, decision.reason) == (
        "",
        False,
        "We may not send robes to California.",
    )
    assert decision.findings == [["embargo/v1", "refused"]]
    with pytest.raises(Restricted):
        place_order(robe, fan.request(agreed), person=who("DE"), now=now)
    assert Decision.objects.count() == 1  # the same refusal once an hour


def test_p10_a_wallet_through_the_api_is_refused_before_anything_is_captured(
    client: Client, robe: Drop, sandbox: SandboxServer
) -> None:
    rule("embargo", at=clock(), places=["US 902"], reason="Not to Beverly Hills.")
    address = fan.ADDRESS.as_json() | {"postal_code": "90210"}
    line = [{"sku": "ROBE-M", "quantity": 1}]
    asked = {"lines": line, "address": address}
    quoted = client.post("/api/v1/drops/winter-robe/quote", asked, content_type="application/json").json()
    assert (quoted["verdict"]["allowed"], quoted["verdict"]["reason"]) == (False, "Not to Beverly Hills.")
    body = {
        "quote": quoted["quote"],
        "agreed_total": quoted["total"],
        "lines": line,
        "email": "fan@example.com",
        "name": "A Fan",
        "address": address,
        "confirmation_token": fan.card(sandbox),
    }
    answer = client.post(
        "/api/v1/drops/winter-robe/orders",
        json.dumps(body),
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("restricted")
    assert answer.json()["detail"] == "Not to Beverly Hills."
    assert nothing_was_written()


def test_a_region_that_decides_has_to_be_known(robe: Drop, now: datetime) -> None:
    rule("embargo", at=now, places=["US-UT"])
    agreed = fan.quoted(robe, at=now)
    with pytest.raises(Invalid) as refusal:
        place_order(robe, fan.request(agreed, contact=at_home(region="somewhere")), person=who(), now=now)
    assert "UT for Utah" in refusal.value.fields["region"]
    place_order(robe, fan.request(agreed, contact=at_home(region="california")), person=who(), now=now)


@pytest.mark.parametrize(
    ("fallback", "allowed", "outcome"),
    [("address", True, nullcontext()), ("refuse", False, pytest.raises(Restricted))],
)
def test_p11_unknown_ip_and_a_digital_good(
    robe: Drop, now: datetime, fallback: str, outcome: AbstractContextManager[object], *, allowed: bool
) -> None:
    tagged("digital")
    rule("licence", at=now, places=["DE"], unknown_place=fallback)
    agreed = fan.request(fan.quoted(robe, at=now))
    with outcome:
        place_order(robe, agreed, person=who(), now=now)
    decision = Decision.objects.get()
    assert (decision.allowed, decision.findings[0][0]) == (allowed, "licence/v1")
    assert decision.inputs["ip_place"] == "unknown"
    assert decision.inputs["digital"] is True


def test_a_rule_that_says_nothing_leaves_no_record_and_no_query(robe: Drop, now: datetime) -> None:
    tagged("sleepwear")
    agreed = fan.request(fan.quoted(robe, at=now))
    fan.orders(robe, at=now)
    with CaptureQueriesContext(connection) as without:
        fan.orders(robe, at=now, contact=Contact("b@example.com", "B", "", fan.ADDRESS))
    rule("spirits", at=now, tag="spirits", places=["US"])
    fan.quoted(robe, at=now)
    with CaptureQueriesContext(connection) as with_a_rule:
        fan.orders(robe, at=now, contact=Contact("c@example.com", "C", "", fan.ADDRESS))
    assert len(with_a_rule) == len(without)
    assert not Decision.objects.exists()
    assert agreed.birth_date is None


def test_a_record_costs_no_round_trip_more(robe: Drop, now: datetime) -> None:
    fan.orders(robe, at=now)
    with CaptureQueriesContext(connection) as without:
        fan.orders(robe, at=now, contact=Contact("b@example.com", "B", "", fan.ADDRESS))
    rule("most", at=now, effect="most", most=2)
    fan.quoted(robe, at=now)
    with CaptureQueriesContext(connection) as with_a_record:
        placed = fan.orders(robe, at=now, contact=Contact("c@example.com", "C", "", fan.ADDRESS))
    assert len(with_a_record) == len(without)
    assert Decision.objects.get().findings == [["most/v1", "within"]]
    assert Decision.objects.get().order_ref == fan.found(placed).reference


# --- ages ------------------------------------------------------------------------------------------------------------


def test_p12_the_server_decides_how_old_somebody_is(robe: Drop, now: datetime) -> None:
    rule("spirits", at=now, effect="age", minimum_age=18)
    agreed = fan.quoted(robe, at=now)
    assert agreed.verdict.age == AgeAsked(18, "birth_date", "spirits/v1")
    assert agreed.verdict.age_open
    with pytest.raises(AgeRequired):
        place_order(robe, fan.request(agreed), person=who(), now=now)
    today = now.date()
    young = date(today.year - 17, 1, 1)
    with pytest.raises(Restricted, match="No spirits"):
        place_order(robe, fan.request(agreed, birth_date=young), person=who(), now=now)
    assert nothing_was_written()
    order = fan.found(place_order(robe, fan.request(agreed, birth_date=date(2001, 12, 31)), person=who(), now=now))
    decision = Decision.objects.get(order_ref=order.reference)
    assert decision.findings == [["spirits/v1", "of age by date of birth"]]
    assert "2001" not in json.dumps([decision.inputs, decision.findings])


def test_the_date_of_birth_is_kept_nowhere(robe: Drop, now: datetime) -> None:
    rule("spirits", at=now, effect="age", minimum_age=18)
    fan.placed(robe, at=now, birth_date=date(1987, 6, 5))
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', ["%1987-06-05%"])
            assert cursor.fetchone() == (0,), table


def api_order(client: Client, robe: Drop, **changes: Any) -> Any:
    quoted = fan.quoted(robe, at=clock())
    body = {
        "quote": quoted.token,
        "agreed_total": quoted.total.as_json(),
        "lines": [{"sku": "ROBE-M", "quantity": 1}],
        "email": "fan@example.com",
        "name": "A Fan",
        "address": fan.ADDRESS.as_json(),
    }
    return client.post(
        "/api/v1/drops/winter-robe/orders",
        json.dumps(body | changes),
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )


def test_p12_a_forged_cookie_means_nothing(client: Client, robe: Drop) -> None:
    rule("spirits", at=clock(), effect="age", minimum_age=18)
    for name in ("age_verified", "of_age", "birth_date", "age"):
        client.cookies[name] = "1980-01-01"
    answer = api_order(client, robe)
    assert answer.status_code == 422
    told = answer.json()
    assert told["type"].endswith("age-required")
    assert (told["minimum_age"], told["proof"], told["rule"]) == (18, "birth_date", "spirits/v1")
    assert "18 or older" in told["detail"]
    assert api_order(client, robe, of_age=True).status_code == 422  # a box is no date of birth
    assert nothing_was_written()
    assert api_order(client, robe, birth_date="1980-01-01").status_code == 201


@pytest.mark.parametrize("given", ["31.12.2001", "2001-02-30", "3000-01-01", "\u0662\u0660\u0660\u0661-12-31"])
def test_a_wrong_date_is_a_message_at_its_field(client: Client, robe: Drop, given: str) -> None:
    answer = api_order(client, robe, birth_date=given)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["birth_date"]


def checkout_form(client: Client, robe: Drop, **changes: str) -> Any:
    client.post("/drops/winter-robe/cart/", {"sku": "ROBE-M", "quantity": "1"})
    page = client.get("/drops/winter-robe/checkout/")
    quoted = page.context["quote"]
    form = {
        "quote": quoted.token,
        "agreed_total": str(quoted.total_minor),
        "idempotency_key": str(uuid.uuid4()),
        "email": "fan@example.com",
        "name": "A Fan",
        "shipping_option": "standard",
        **fan.ADDRESS.as_json(),
    }
    return page, client.post("/drops/winter-robe/checkout/", form | changes)


def test_the_page_asks_for_a_date_of_birth_and_says_what_is_wrong_beside_it(client: Client, robe: Drop) -> None:
    rule("spirits", at=clock(), effect="age", minimum_age=18)
    page, answer = checkout_form(client, robe)
    assert b'name="birth_date"' in page.content
    assert answer.status_code == 422
    assert answer.context["errors"] == {
        "birth_date": "Enter your date of birth: you must be 18 or older to order this."
    }
    assert checkout_form(client, robe, birth_date="1990-13-01")[1].context["errors"].keys() == {"birth_date"}
    young = checkout_form(client, robe, birth_date=f"{clock().year - 10}-01-01")[1]
    assert (young.status_code, young.context["problem"]["detail"]) == (403, "No spirits.")
    assert checkout_form(client, robe, birth_date="1990-12-31")[1].status_code == 303


def test_the_page_asks_to_tick_a_box_where_the_rule_says_so(client: Client, robe: Drop) -> None:
    rule("spirits", at=clock(), effect="age", minimum_age=16, proof="attestation")
    page, answer = checkout_form(client, robe)
    assert b'name="of_age"' in page.content
    assert b"checked" not in page.content.split(b'name="of_age"')[1].split(b">")[0]  # never ticked beforehand
    assert list(answer.context["errors"]) == ["of_age"]
    assert checkout_form(client, robe, of_age="yes")[1].status_code == 303


def test_a_shop_without_such_a_rule_asks_nothing(client: Client, robe: Drop) -> None:
    page, answer = checkout_form(client, robe)
    assert b"birth_date" not in page.content
    assert answer.status_code == 303
