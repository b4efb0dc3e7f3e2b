"""P7: who asks for erasure is forgotten in every table; the order's evidence stays for its period."""

import json
from contextlib import suppress
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, models
from django.test import Client

from checkout import (
    addresses,
    allowances,
    erasure,
    evidence_facts,
    notify,
    reductions,
    retention_periods as periods,
    waiting_list,
)
from checkout.after_sale import FanRequest, Shipment
from checkout.evidence import EvidenceFile
from checkout.models import (
    CardInDrop,
    Discount,
    DiscountCount,
    Dispute,
    IdempotencyKey,
    Order,
    Payment,
    Refund,
    WebhookEvent,
)
from checkout.personal import PERSONAL
from checkout.privacy_models import ErasedOrder, ErasureRequest, RetentionPeriod
from checkout.tests import fan
from checkout.tests.known import (
    DAY,
    EMAIL,
    SIGNED,
    STAFF,
    asked_back,
    bought,
    contact,
    disputed,
    follows_policies,
    robe,
    signs_up,
    tables_with,
    then,
    ticked,
    waits,
)
from checkout.tokens import order_token
from checkout.totals import redemptions
from checkout.totals.discounts import Used
from checkout.waiting_models import PlaceState
from drops.models import Drop, StockItem
from merchant.models import JournalEntry, StoreProfile
from policies import chain
from policies.acceptance import email_hmac, holds
from policies.auditing import audit
from policies.models import Acceptance, AcceptancePerson
from policies.tests.racing import TWINS, race
from segments import policy_news
from segments.models import Fan, Footprint, Message

__all__ = ["robe", "then", "ticked"]  # fixtures
pytestmark = pytest.mark.django_db


def test_p7_everything_personal_goes_from_every_table(robe: Drop, ticked: None, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    signs_up(robe, at=now)
    CardInDrop.objects.create(drop=robe, card_key="c" * 64)
    LogEntry.objects.create(
        user=User.objects.create(username="somebody"), object_repr=EMAIL, action_flag=CHANGE, change_message=EMAIL
    )
    Refund.objects.create(order=order, key="k", amount_minor=1, reason=f"{EMAIL} asked", state="succeeded")
    asked_back(order, at=then)
    disputed(order, opened=then, closed=now - 61 * DAY)
    RetentionPeriod.objects.create(what=periods.DISPUTES, days=60)
    waits("gown", at=then)
    waiting_list.leave(waits("hat", at=then).pk, now=then)
    follows_policies(at=then)
    words = (
        *("jo.maier@example.com", "Johanna", "Rosengasse", "12345678", "203.0.113.7", "06484", "a browser"),
        *("JJD00340Q", SIGNED.encode().hex(), email_hmac(EMAIL)[:32]),
    )
    before = tables_with(*words)
    for table in ("fanrequest", "shipment", "waitingplace", "evidencepack", "evidencefile"):
        assert any(f"checkout_{table}:" in found for found in before), table
    assert any("drops_signup:" in found for found in before)
    assert len(before) > 25

    request = erasure.ask(EMAIL, by="staff:owner", why="asked by e-mail", now=now)

    assert tables_with(*words) == []
    assert (request.done_at, request.kept, request.email) == (now, [], "")
    assert (Fan.objects.count(), Footprint.objects.count(), AcceptancePerson.objects.count()) == (0, 0, 0)
    assert not CardInDrop.objects.exists()
    payment = Payment.objects.get()
    assert (payment.client_secret, payment.card_key, payment.intent_id) == ("", "", f"pi_{order.pk}")
    assert IdempotencyKey.objects.get().body_hmac == ""
    assert {bytes(file.content) for file in EvidenceFile.objects.all()} == {b""}  # a PDF's words are packed


def test_p7_the_evidence_of_the_order_stays(robe: Drop, ticked: None, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    commitment = Acceptance.objects.get().commitment
    chain.seal(then)
    erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    order.refresh_from_db()
    assert (order.total_minor, order.address) == (5400, {"country": "US", "region": "CA"})
    assert [line.sku for line in order.lines.all()] == ["ROBE-M"]
    assert (audit(now).forgotten, audit(now).problems) == (1, [])
    proof = Acceptance.objects.get()
    assert (proof.order_ref, proof.commitment, holds(proof)) == (order.reference, commitment, None)
    erased = ErasedOrder.objects.get()
    assert erasure.matches(erased, "email", " jo.maier@EXAMPLE.com")
    assert erasure.matches(erased, "name", "johanna  maier")
    assert not erasure.matches(erased, "email", "somebody.else@example.com")
    assert "Maier" not in json.dumps(erased.hashes)
    message = Message.objects.get(kind="order_confirmed")
    assert (message.to, message.html, message.text[:7], message.state) == ("", "", "sha256:", "skipped")
    assert WebhookEvent.objects.get().payload.keys() == {"erased", "sha256"}
    verbs = list(JournalEntry.objects.filter(subject=order.subject).values_list("verb", flat=True))
    assert "person_erased" in verbs
    entries = JournalEntry.objects.filter(subject__startswith="erasure:").order_by("id")
    assert [(entry.verb, entry.actor) for entry in entries] == [
        ("erasure_asked", "staff:owner"),
        ("erased", "staff:owner"),
    ]
    assert entries[1].data["orders"] == [order.reference]


def test_others_are_left_alone(robe: Drop, then: datetime, now: datetime) -> None:
    bought(robe, at=then)
    other = bought(robe, at=then, email="o.maier@example.com")
    before = WebhookEvent.objects.get(event_id=f"evt_{other.reference}").payload
    erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    other.refresh_from_db()
    assert (other.email, other.name, other.payment.card_key) == ("o.maier@example.com", "Johanna Maier", "c" * 64)
    assert WebhookEvent.objects.get(event_id=f"evt_{other.reference}").payload == before
    assert Fan.objects.get().email == "o.maier@example.com"


def test_who_is_forgotten_leaves_the_waiting_list(
    client: Client, shop: StoreProfile, then: datetime, now: datetime
) -> None:
    place = waits("gown", at=then)
    found = erasure.look(EMAIL.lower(), now)
    assert ([each.pk for each in found.places], found.nothing) == ([place.pk], False)
    request = erasure.ask(EMAIL, by=STAFF, why="asked", now=now)
    place.refresh_from_db()
    assert (place.state, place.email, place.person_key, place.ended_at) == (PlaceState.LEFT, "", "", now)
    assert (request.done_at, StockItem.objects.get(code="GOWN-M").awaited) == (now, 0)
    left = JournalEntry.objects.get(subject=place.subject, verb="left")
    assert (left.actor, left.why) == (STAFF, "erased on request")
    assert client.get(addresses.place_url(place)).status_code == 200


def test_a_place_is_not_another_persons(shop: StoreProfile, then: datetime, now: datetime) -> None:
    place = waits("gown", at=then)
    erasure.ask("o.maier@example.com", by=STAFF, why="asked", now=now)
    place.refresh_from_db()
    assert (place.state, place.email) == (PlaceState.WAITING, EMAIL)


def test_a_dispute_of_an_erased_order_cites_nobody_elses(robe: Drop, then: datetime, now: datetime) -> None:
    for email in (EMAIL, "o.maier@example.com"):
        bought(robe, at=then, email=email)
        erasure.ask(email, by=STAFF, why="asked", now=now)
    dispute = Dispute.objects.create(
        order=Order.objects.earliest("pk"), provider_id="dp", status="open", amount_minor=1, opened_at=now
    )
    assert evidence_facts.collect(dispute).others == ()


def test_what_a_fan_asked_for_is_reduced_to_its_hash(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    request = asked_back(order, at=then)
    erasure.ask(EMAIL, by=STAFF, why="asked", now=now)
    left = FanRequest.objects.get()
    assert (left.name, left.email, left.reason, left.answer, left.statement[:7]) == ("", "", "", "", "sha256:")
    assert (left.kind, left.state, left.requested_at) == ("withdrawal", "refunded", request.requested_at)
    assert (Shipment.objects.get().tracking, Shipment.objects.get().carrier) == ("", "DHL")
    statement = left.statement
    reductions.requests(FanRequest.objects.all())  # twice is once
    assert FanRequest.objects.get().statement == statement


def test_what_was_asked_with_this_address_about_anothers_order_goes_too(
    robe: Drop, then: datetime, now: datetime
) -> None:
    other = bought(robe, at=then, email="o.maier@example.com")
    asked: dict[str, Any] = {"order": other, "kind": "return", "name": "Johanna", "email": EMAIL, "requested_at": then}
    FanRequest.objects.create(state="declined", key="1", **asked)
    open_ = FanRequest.objects.create(state="requested", key="2", **asked)
    request = erasure.ask(EMAIL, by=STAFF, why="asked", now=now)
    assert request.kept == [f"{other.reference}: What was asked with this address is not done yet."]
    assert list(FanRequest.objects.order_by("pk").values_list("email", flat=True)) == ["", EMAIL]
    FanRequest.objects.filter(pk=open_.pk).update(state="declined")
    assert erasure.carry_out(request.pk, by="worker", now=now).done_at == now
    assert tables_with("jo.maier@example.com") == []
    assert Order.objects.get().email == "o.maier@example.com"


def test_fingerprints_go_once_nothing_counts_by_them(robe: Drop, then: datetime, now: datetime) -> None:
    sale = Discount.objects.create(title="Sale", code="SALE", limit_per_person=1)
    assert (
        redemptions.take(
            [Used(sale.pk, "Sale", "SALE", 1, of_shipping=False, limit_in_all=None, limit_per_person=1)], EMAIL
        )
        == {}
    )
    follows = email_hmac(EMAIL)[:32]
    policy_news.ask(EMAIL, then)
    fan.placed(robe, at=then, contact=contact())
    Order.objects.update(state="expired")
    Drop.objects.update(state="closed")
    key = allowances.email_key(EMAIL)
    assert tables_with(key, follows) == [
        f"checkout_allowance: {key}",
        f"checkout_discountcount: {key}",
        f"checkout_order: {key}",
        f"segments_message: {follows}",
    ]
    erasure.ask(EMAIL, by=STAFF, why="asked", now=now)
    assert tables_with(key, follows) == [f"checkout_discountcount: {key}"], "who was erased may not use it again"
    Discount.objects.update(ends_at=now - DAY)
    erasure.ask(EMAIL, by=STAFF, why="asked", now=now)
    assert tables_with(key, follows) == []
    assert DiscountCount.objects.get().used == 1  # the sum of all still holds


def test_the_pages_of_an_erased_order_still_open(client: Client, robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    token = order_token(order.token_nonce)
    erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    page = client.get(f"/orders/{token}/")
    assert page.status_code == 200
    assert "Maier" not in page.content.decode()
    assert client.get(f"/api/v1/orders/{token}").json()["reference"] == order.reference


def test_an_erased_order_writes_to_nobody(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    count = Message.objects.count()
    notify.refunding(Order.objects.get(pk=order.pk))
    assert Message.objects.count() == count


def test_a_message_that_waits_is_never_sent(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    assert Message.objects.get(key=f"order:{order.reference}:confirmed").state == "due"
    erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    assert not Message.objects.filter(state="due").exists()


def test_nobody_known_is_noted_and_done(shop: object, now: datetime) -> None:
    request = erasure.ask("nobody@example.com", by="staff:owner", why="asked", now=now)
    assert (request.done_at, request.email) == (now, "")


def test_the_journal_cannot_forget_and_says_so(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    JournalEntry.objects.create(subject=order.subject, verb="noted", actor="staff:owner", why=f"Call {EMAIL}")
    request = erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    assert request.done_at == now
    assert request.kept == ["1 line(s) of the journal have the address in a reason somebody typed. They stay."]


def test_the_command_asks_before_it_erases(robe: Drop, then: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    order = bought(robe, at=then)
    call_command("erase_person", order.reference, "--why", "asked")
    assert "Nothing was changed" in capsys.readouterr().out
    assert not ErasureRequest.objects.exists()
    call_command("erase_person", order.reference, "--why", "asked", "--yes")
    assert capsys.readouterr().out.endswith("Erased.\n")
    assert ErasureRequest.objects.get().asked_by == "command"
    with pytest.raises(CommandError, match="no such order"):
        call_command("erase_person", order.reference, "--why", "asked", "--yes")


SUSPECT = (
    *("email", "name", "phone", "address", "ip", "user_agent", "payload", "to", "html", "text", "person", "card"),
    *("tracking", "statement", "texts", "priors", "words", "content", "reason", "answer", "explained", "why", "token"),
    *("key", "hashes", "nonce", "hmac", "inputs", "subject", "actor", "data", "kept", "writers"),
)
NOT_PEOPLE = ("django_content_type", "django_migrations")


def test_every_column_that_may_name_a_person_is_accounted_for() -> None:
    """A new column called so, or of such a type, has to be in ``checkout/personal.py`` with what becomes of it."""
    found = {
        f"{model._meta.db_table}.{each.column}"
        for model in apps.get_models(include_auto_created=True)
        for each in model._meta.concrete_fields
        if _may_name(each) and model._meta.db_table not in NOT_PEOPLE
    }
    assert found - PERSONAL.keys() == set(), "say in checkout/personal.py what becomes of it, and make it so"
    columns = {f"{m._meta.db_table}.{f.column}" for m in apps.get_models() for f in m._meta.concrete_fields}
    assert PERSONAL.keys() - columns == set()


def _may_name(each: Any) -> bool:
    if each.is_relation:
        return False
    return isinstance(each, models.EmailField | models.GenericIPAddressField) or any(
        each.column == word or each.column.startswith(f"{word}_") or each.column.endswith(f"_{word}")
        for word in SUSPECT
    )


@pytest.mark.django_db(transaction=True)
def test_eight_who_erase_at_once_do_it_once(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    assert sum(race(lambda: erasure.erase_order(order.pk, by="worker", now=now))) == 1
    assert ErasedOrder.objects.count() == 1
    assert JournalEntry.objects.filter(subject=order.subject, verb="person_erased").count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_who_ask_at_once_make_one_request_and_it_is_done_once(robe: Drop, then: datetime, now: datetime) -> None:
    bought(robe, at=then)
    asked = race(lambda: erasure.ask(EMAIL, by="staff:owner", why="asked", now=now).done_at)
    assert asked == [now] * TWINS
    assert ErasedOrder.objects.count() == 1
    done = JournalEntry.objects.filter(subject__startswith="erasure:", verb="erased")
    assert sum(len(entry.data["orders"]) for entry in done) == 1


def test_who_erased_an_order_while_another_finished_says_so(
    robe: Drop, then: datetime, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bought(robe, at=then)
    leave_lists = erasure._leave_lists

    def meanwhile(email: str, by: str, now: datetime) -> None:
        monkeypatch.setattr(erasure, "_leave_lists", leave_lists)
        erasure.ask(EMAIL, by="staff:editor", why="asked", now=now)

    monkeypatch.setattr(erasure, "_leave_lists", meanwhile)
    erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    done = JournalEntry.objects.filter(subject__startswith="erasure:", verb="erased").order_by("pk")
    assert [(line.actor, line.data["orders"]) for line in done] == [
        ("staff:editor", []),
        ("staff:owner", [order.reference]),
    ]


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_several_would_begin_to_erase(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    together = Barrier(TWINS)

    def without_the_lock() -> bool:
        begun = not ErasedOrder.objects.filter(order=order).exists()
        together.wait(timeout=120)
        with suppress(IntegrityError):
            ErasedOrder.objects.create(order=order, hashes={}, at=now)
        return begun

    assert sum(race(without_the_lock)) == TWINS
