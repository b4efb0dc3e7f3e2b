"""P7: who asks for erasure is forgotten in every table; the order's evidence stays for its period."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core import signing
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models, transaction
from django.test import Client

from checkout import (
    addresses,
    allowances,
    erasure,
    evidence_facts,
    evidence_files,
    evidence_packs,
    evidence_texts,
    fan_requests,
    notify,
    parcels,
    reductions,
    retention_periods as periods,
    waiting_list,
)
from checkout.after_sale import DelayAnswer, DelayNotice, FanRequest, RequestKind, Shipment
from checkout.contact import Address, Contact
from checkout.evidence import EvidenceFile, EvidencePack, PackState
from checkout.models import (
    Allowance,
    CardInDrop,
    Discount,
    DiscountCount,
    Dispute,
    IdempotencyKey,
    Order,
    OrderState,
    Payment,
    PaymentState,
    Refund,
    WebhookEvent,
)
from checkout.orders import lock, move_to
from checkout.personal import PERSONAL
from checkout.privacy_models import ErasedOrder, ErasureRequest, RetentionPeriod
from checkout.tests import fan
from checkout.tokens import order_token
from checkout.totals import redemptions
from checkout.totals.discounts import Used
from checkout.waiting_models import PlaceState, WaitingPlace
from drops import sign_ups, stock
from drops.models import Drop, Hold, StockItem
from drops.sign_up_models import SignUp
from merchant.models import JournalEntry, StoreProfile
from policies import chain
from policies.acceptance import email_hmac, holds
from policies.auditing import audit
from policies.models import Acceptance, AcceptancePerson, Policy
from policies.publishing import new_draft, publish
from policies.tests.racing import TWINS, race
from segments import opt_in, policy_news
from segments.models import Fan, Footprint, Message

pytestmark = pytest.mark.django_db
EMAIL = "Jo.Maier@example.com"
MONTHS_AGO = timedelta(days=100)
DAY = timedelta(days=1)
STAFF = "staff:owner"
SIGNED = "Johanna Maier"


@pytest.fixture
def then(now: datetime) -> datetime:
    return now - MONTHS_AGO


@pytest.fixture
def robe(shop: StoreProfile, now: datetime) -> Drop:
    """A drop that has been on sale for most of a year."""
    return fan.live_drop(total=5, starts_at=now - timedelta(days=300))


def contact(email: str = EMAIL) -> Contact:
    address = Address("Rosengasse 17b", "", "Quedlinburg", "06484", "California", "US")
    return Contact(email, "Johanna Maier", "+493012345678" if email == EMAIL else "", address)


def bought(drop: Drop, *, at: datetime, email: str = EMAIL, **changes: Any) -> Order:
    """A paid order with everything that surrounds one: messages, news of its payment, a footprint."""
    order = fan.placed(drop, at=at, contact=contact(email), **changes)
    reference, number = order.reference, order.pk
    Payment.objects.filter(order=order).update(
        state=PaymentState.PAID,
        intent_id=f"pi_{number}",
        charge_id=f"ch_{number}",
        client_secret=f"pi_{number}_secret",
        card_key="c" * 64,
    )
    with transaction.atomic():
        move_to(lock(order.pk), OrderState.CONFIRMED, why="paid", actor="worker", now=at)
    Order.objects.filter(pk=order.pk).update(confirmed_at=at, captured_minor=order.total_minor)
    order.refresh_from_db()
    notify.confirmed(order)
    about = {"id": f"ch_{number}", "payment_intent": f"pi_{number}", "billing_details": {"email": email, "name": "Jo"}}
    WebhookEvent.objects.create(
        event_id=f"evt_{reference}",
        type="charge.succeeded",
        object_id=f"ch_{number}",
        payload={"data": {"object": about}},
        processed_at=at,
    )
    return order


@pytest.fixture
def ticked(then: datetime) -> None:
    """A policy to be ticked, so that there are acceptances."""
    returns = Policy.objects.create(slug="returns", kind="returns", title="Returns")
    draft = new_draft(returns, "staff:owner")
    draft.source, draft.summary, draft.box_wording = "30 days.", "30 days.", "I have read it."
    draft.save()
    publish(draft, by="staff:owner", now=then)


def asked_back(order: Order, *, at: datetime) -> FanRequest:
    """A parcel left; its fan withdrew, and it is done."""
    line = order.lines.get().pk
    Order.objects.filter(pk=order.pk).update(address=order.address | {"country": "DE"})
    details: dict[str, Any] = {"carrier": "DHL", "tracking": "JJD00340Q", "key": "k", "by": STAFF}
    parcels.ship(order.pk, {line: 1}, shipped_at=at, now=at, **details)
    said = {"name": "Johanna Maier", "email": EMAIL, "reason": "Johanna changed her mind."}
    request = fan_requests.ask(order.pk, RequestKind.WITHDRAWAL, {line: 1}, seen=0, now=at, **said)
    FanRequest.objects.filter(pk=request.pk).update(state="refunded")
    return request


def disputed(order: Order, *, opened: datetime, closed: datetime | None) -> EvidencePack:
    """An answer as a worker builds it, with words and a file of staff's; the bank has decided where ``closed``."""
    dispute = Dispute.objects.create(
        order=order, provider_id=f"dp_{order.pk}", status="lost", amount_minor=1, opened_at=opened, closed_at=closed
    )
    pack = EvidencePack.objects.create(dispute=dispute, state=PackState.STAGED)
    own = (f"{SIGNED}-signature.png", b"\x89PNG\r\n\x1a\n" + SIGNED.encode())
    evidence_packs.add(pack.pk, "Johanna has it.", own, by=STAFF, now=opened)
    facts = evidence_facts.collect(dispute)
    for paper in evidence_files.papers(facts):
        EvidenceFile.objects.create(pack=pack, field=paper.field, name=paper.name, content=paper.content)
    texts = evidence_texts.write(facts, "Johanna has it.")
    priors = [{"email": EMAIL, "ip": "203.0.113.7", "address": {"line1": "Rosengasse 17b"}}]
    state = PackState.SUBMITTED if closed else PackState.STAGED
    EvidencePack.objects.filter(pk=pack.pk).update(texts=texts, priors=priors, state=state)
    return EvidencePack.objects.get(pk=pack.pk)


def waits(slug: str, *, at: datetime) -> WaitingPlace:
    """A place on the list of a drop that is sold out."""
    sku = f"{slug.upper()}-M"
    drop = fan.live_drop(slug, total=1, skus=(sku,), starts_at=at - timedelta(days=1))
    until = at + timedelta(days=900)
    needs = [stock.Need(StockItem.objects.get(code=sku).pk, 1)]
    stock.hold(needs, owner=stock.Owner(stock.OwnerKind.ORDER, slug), expires_at=until, hard_cap_at=until)
    opt_in.forget_counts()
    joined = waiting_list.join(drop, sku, 1, EMAIL, now=at)
    assert joined.place is not None
    return joined.place


def follows_policies(*, at: datetime) -> None:
    policy_news.ask(EMAIL, at)
    policy_news.confirm(signing.dumps(EMAIL, salt=f"{policy_news.SALT}.confirm"))
    assert policy_news.tell(at) == 1


def signs_up(drop: Drop, *, at: datetime) -> None:
    opt_in.forget_counts()
    sign_ups.ask(drop, EMAIL, consented=True, now=at)
    sign_ups.confirm(signing.dumps(SignUp.objects.get().pk, salt=sign_ups.SALT), at)


def tables_with(*words: str) -> list[str]:
    """Every table in which one of the words stands somewhere, in any column and any case."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for word in words:
                cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', [f"%{word}%"])
                if cursor.fetchone() != (0,):
                    found.append(f"{table}: {word}")
    return found


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


def test_an_order_that_is_not_over_is_kept_and_said_then_goes_by_itself(
    robe: Drop, then: datetime, now: datetime
) -> None:
    old = bought(robe, at=then)
    open_ = fan.placed(robe, at=now, contact=contact())
    request = erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    assert request.done_at is None
    assert request.kept == [f"{open_.reference}: It is not over yet."]
    assert ErasedOrder.objects.get().order == old
    assert Order.objects.get(pk=open_.pk).email == EMAIL
    assert erasure.ask(EMAIL.upper(), by="staff:owner", why="again", now=now).pk == request.pk
    move_to(lock(open_.pk), OrderState.EXPIRED, why="over", actor="worker", now=now)
    Hold.objects.all().delete()
    done = erasure.carry_out(request.pk, by="worker", now=now)
    assert (done.done_at, done.kept) == (now, [])
    assert tables_with("jo.maier@example.com", "Rosengasse") == []


@pytest.mark.parametrize(
    ("stands_against", "said"),
    [
        ("dispute", "A bank disputes its payment."),
        ("refund", "Money is still on its way back."),
        ("news", "News of its payment is still being worked through."),
    ],
)
def test_money_that_is_not_settled_keeps_its_order(
    robe: Drop, then: datetime, now: datetime, stands_against: str, said: str
) -> None:
    order = bought(robe, at=then)
    match stands_against:
        case "dispute":
            Dispute.objects.create(order=order, provider_id="dp_1", status="open", amount_minor=1, opened_at=then)
        case "refund":
            Refund.objects.create(order=order, key="k", amount_minor=1, reason="r")
        case "news":
            WebhookEvent.objects.update(processed_at=None)
    assert erasure.ask(EMAIL, by="staff:owner", why="asked", now=now).kept == [f"{order.reference}: {said}"]
    assert not ErasedOrder.objects.exists()


def test_a_paid_order_is_kept_for_delivery_returns_and_the_law(robe: Drop, now: datetime) -> None:
    order = bought(robe, at=now - timedelta(days=29))
    (said,) = erasure.ask(EMAIL, by="staff:owner", why="asked", now=now).kept
    assert said.startswith(f"{order.reference}: It is needed until ")
    assert erasure.obstacles(order, now + timedelta(days=1)) == []


def test_a_pre_order_is_kept_until_it_has_been_sent(robe: Drop, then: datetime, now: datetime) -> None:
    Drop.objects.update(ship_date=date(2030, 1, 1))
    order = bought(robe, at=then)
    order = Order.objects.get(pk=order.pk)
    assert erasure.needed_until(order) == datetime(2030, 1, 1, 23, 59, 59, 999999, tzinfo=UTC) + timedelta(days=30)


def test_what_was_refunded_whole_may_go_at_once(robe: Drop, now: datetime) -> None:
    order = bought(robe, at=now)
    Order.objects.update(refunded_minor=order.total_minor)
    assert erasure.obstacles(Order.objects.get(pk=order.pk), now) == []


def test_the_limit_of_a_drop_that_still_sells_is_kept(robe: Drop, then: datetime, now: datetime) -> None:
    bought(robe, at=then)
    erasure.ask(EMAIL, by="staff:owner", why="asked", now=now)
    assert Allowance.objects.count() == 2  # by e-mail and by phone: who was erased may not buy twice as much
    Drop.objects.update(state="closed")
    ErasureRequest.objects.update(done_at=None, email=EMAIL.lower())
    erasure.carry_out(ErasureRequest.objects.get().pk, by="worker", now=now)
    assert Allowance.objects.count() == 1  # the phone's goes with the time, since nobody knows it any more


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


def test_the_answer_to_a_dispute_is_kept_until_it_is_decided_and_its_time_is_over(
    robe: Drop, then: datetime, now: datetime
) -> None:
    order = bought(robe, at=then)
    pack = disputed(order, opened=then, closed=None)
    request = erasure.ask(EMAIL, by=STAFF, why="asked", now=now)
    assert request.kept == [f"{order.reference}: A bank disputes its payment."]
    Dispute.objects.update(closed_at=now)
    day = (now + 180 * DAY).astimezone(ZoneInfo("Europe/Berlin")).strftime("%-d %B %Y")
    assert erasure.carry_out(request.pk, by="worker", now=now + 179 * DAY).kept == [
        f"{order.reference}: A bank has decided its dispute: the answer is kept until {day}."
    ]
    assert EvidencePack.objects.get().texts == pack.texts
    assert erasure.carry_out(request.pk, by="worker", now=now + 180 * DAY).done_at
    left = EvidencePack.objects.get()
    assert (left.state, left.own_words, left.priors, left.texts.keys()) == ("over", "", [], {"erased"})
    files = {file.field: (file.name, bytes(file.content)) for file in left.files.all()}
    assert files["uncategorized_file"] == ("own-file-erased", b"")
    assert files["receipt"] == (f"{order.reference}-order.pdf", b"")


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


@pytest.mark.parametrize(("state", "days"), [("requested", 99), ("received", 99), ("accepted", 29)])
def test_a_request_that_staff_must_answer_keeps_its_order(
    robe: Drop, then: datetime, now: datetime, state: str, days: int
) -> None:
    order = bought(robe, at=then)
    at = now - days * DAY
    FanRequest.objects.create(
        order=order, kind="return", state=state, name="J", email=EMAIL, requested_at=at, answered_at=at, key="k"
    )
    assert erasure.obstacles(order, now) == ["What its fan asked for after the sale is not done yet."]


def test_what_was_accepted_and_never_sent_back_keeps_nothing_for_ever(
    robe: Drop, then: datetime, now: datetime
) -> None:
    order = bought(robe, at=then)
    FanRequest.objects.create(
        order=order, kind="return", state="accepted", name="J", email=EMAIL, requested_at=then, answered_at=then
    )
    assert erasure.obstacles(order, then + 31 * DAY) == []


def test_a_later_ship_date_that_waits_for_an_answer_keeps_its_order(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    notice = DelayNotice.objects.create(
        drop=robe, new_date=date(2030, 1, 1), why="w", announced_at=now, announced_by=STAFF, answer_by=now
    )
    DelayAnswer.objects.create(notice=notice, order=order, answer_by=now)
    assert erasure.obstacles(order, now) == ["Its fan was asked about a later ship date, and still has time to answer."]


def test_days_for_returns_are_counted_from_the_last_parcel(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    Shipment.objects.create(order=order, shipped_at=then, delivered_at=then + 9 * DAY, key="1")
    assert erasure.needed_until(order) == then + 39 * DAY
    Shipment.objects.create(order=order, shipped_at=now - 2 * DAY, key="2")
    assert erasure.needed_until(order) == now + 28 * DAY


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
