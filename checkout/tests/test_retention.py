"""What was kept long enough goes by itself, in batches, once; and nothing goes before its time."""

from datetime import datetime
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command

from checkout import carts, evidence_facts, expiry, parcels, retention, retention_periods as periods, waiting_list
from checkout.after_sale import FanRequest, Shipment
from checkout.evidence import EvidenceFile
from checkout.models import (
    Allowance,
    Cart,
    Discount,
    DiscountCount,
    Dispute,
    Order,
    Redemption,
    WebhookEvent,
)
from checkout.privacy_models import ErasedOrder, RetentionPeriod
from checkout.tests import fan
from checkout.tests.known import (
    DAY,
    EMAIL,
    asked_back,
    bought,
    contact,
    disputed,
    robe,
    signs_up,
    tables_with,
    then,
    ticked,
    waits,
)
from checkout.waiting_models import WaitingPlace
from drops.models import Drop
from drops.sign_up_models import SignUp
from merchant.models import JournalEntry
from policies import chain
from policies.auditing import audit
from policies.models import Acceptance, AcceptancePerson
from policies.rules_models import Decision
from segments import consent, footprints
from segments.models import Channel, Fan, Footprint, FootprintKind, Message

__all__ = ["robe", "then", "ticked"]  # fixtures
pytestmark = pytest.mark.django_db


def lines() -> dict[str, Any]:
    entries = JournalEntry.objects.filter(verb="kept_long_enough")
    return {entry.subject.removeprefix("retention:"): entry.data for entry in entries}


def test_a_paid_order_forgets_its_person_in_time(robe: Drop, now: datetime) -> None:
    order = bought(robe, at=now - 100 * DAY)
    RetentionPeriod.objects.create(what=periods.PAID, days=101)
    assert periods.PAID not in retention.sweep(now)
    assert retention.sweep(now + 2 * DAY)[periods.PAID] == 1
    assert ErasedOrder.objects.get().order == order
    assert lines()[periods.PAID] == {"rows": 1, "days": 101}
    assert periods.PAID not in retention.sweep(now + 3 * DAY)  # once
    assert JournalEntry.objects.filter(subject="retention:paid").count() == 1


def test_an_order_nobody_paid_goes_sooner(robe: Drop, now: datetime) -> None:
    order = fan.placed(robe, at=now - 91 * DAY, contact=contact())
    Order.objects.filter(pk=order.pk).update(state="expired", state_since=now - 91 * DAY)
    open_ = fan.placed(robe, at=now - 91 * DAY, contact=contact("other@example.com"))
    assert retention.sweep(now)[periods.UNPAID] == 1
    assert tables_with("jo.maier@example.com", "Johanna") == [f"checkout_order: {'Johanna'}"]  # of the open one
    assert Order.objects.get(pk=open_.pk).email == "other@example.com"


def test_what_stands_against_one_does_not_keep_the_others(
    robe: Drop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    RetentionPeriod.objects.create(what=periods.PAID, days=90)
    disputed = bought(robe, at=now - 100 * DAY)
    Dispute.objects.create(order=disputed, provider_id="dp", status="open", amount_minor=1, opened_at=now)
    for number in range(2):
        bought(robe, at=now - 99 * DAY, email=f"{number}@example.com")
    assert retention.sweep(now)[periods.PAID] == 2
    assert [order.email for order in Order.objects.exclude(email="")] == [EMAIL]


def test_who_accepted_goes_and_what_was_accepted_stays(robe: Drop, ticked: None, then: datetime, now: datetime) -> None:
    chain.seal(then)
    bought(robe, at=now)
    assert periods.PEOPLE not in retention.sweep(now + 729 * DAY)
    chain.seal(now)
    assert retention.sweep(now + 731 * DAY)[periods.PEOPLE] == 1
    assert (Acceptance.objects.count(), AcceptancePerson.objects.count()) == (1, 0)
    found = audit(now)
    assert (found.acceptances, found.persons, found.forgotten, found.problems) == (1, 0, 1, [])
    assert periods.PEOPLE not in retention.sweep(now + 732 * DAY)


def test_the_hashes_of_an_erased_person_go_in_the_end(robe: Drop, then: datetime, now: datetime) -> None:
    order = bought(robe, at=then)
    ErasedOrder.objects.create(order=order, hashes={"email": "ab"}, at=now)
    assert periods.EVIDENCE not in retention.sweep(now + 1094 * DAY)
    assert retention.sweep(now + 1096 * DAY)[periods.EVIDENCE] == 1
    assert ErasedOrder.objects.get().hashes == {}


def test_messages_and_payment_news_become_hashes(robe: Drop, now: datetime) -> None:
    bought(robe, at=now)
    Message.objects.update(state="sent", created_at=now - 731 * DAY, leave_url="https://shop.example/leave/fan")
    WebhookEvent.objects.update(received_at=now - 366 * DAY)
    gone = retention.sweep(now)
    assert (gone[periods.MESSAGES], gone[periods.NEWS]) == (1, 1)
    message = Message.objects.get()
    assert (message.to, message.state, message.text[:7], message.leave_url) == ("", "sent", "sha256:", "")
    assert WebhookEvent.objects.get().payload.keys() == {"erased", "sha256"}
    assert not retention.sweep(now).keys() & {periods.MESSAGES, periods.NEWS}


def test_a_message_that_is_due_and_news_not_worked_through_are_left(robe: Drop, now: datetime) -> None:
    bought(robe, at=now)
    Message.objects.update(created_at=now - 999 * DAY)
    WebhookEvent.objects.update(received_at=now - 999 * DAY, processed_at=None)
    assert not retention.sweep(now).keys() & {periods.MESSAGES, periods.NEWS}


def test_carts_go_but_not_those_that_hold_or_became_an_order(robe: Drop, now: datetime) -> None:
    order = fan.placed(robe, at=now)
    for name, until in {"idle": None, "held": now + DAY, "ordered": None}.items():
        cart = Cart.objects.create(token_hash=name, drop=robe, expires_at=until)
        if name == "ordered":
            Order.objects.filter(pk=order.pk).update(cart=cart)
    Cart.objects.update(created_at=now - 31 * DAY)
    assert retention.sweep(now)[periods.CARTS] == 1
    assert set(Cart.objects.values_list("token_hash", flat=True)) == {"held", "ordered"}


def test_a_cart_whose_end_nobody_swept_for_weeks_keeps_its_name_until_its_units_are_freed(
    robe: Drop, now: datetime
) -> None:
    """Gone before, it would take its units along: nobody could free what is held for a cart that is not there."""
    Drop.objects.update(hold_from="cart")
    carts.add(Drop.objects.get(), "ROBE-M", 2, token="", now=now - 40 * DAY)
    Cart.objects.update(created_at=now - 40 * DAY)
    retention.sweep(now)
    assert fan.counts() == (2, 0, 3)
    assert expiry.free_carts(now) == 1
    assert retention.sweep(now)[periods.CARTS] == 1
    assert fan.counts() == (0, 0, 5)


def test_limits_are_forgotten_some_time_after_the_drop(robe: Drop, now: datetime) -> None:
    fan.placed(robe, at=now)
    assert Allowance.objects.count() == 1
    Drop.objects.update(ends_at=now - 200 * DAY)
    assert periods.COUNTS not in retention.sweep(now)
    Drop.objects.update(state="closed")
    assert retention.sweep(now)[periods.COUNTS] == 1


def test_quiet_fans_go_but_not_those_who_agreed_or_did_something(shop: object, now: datetime) -> None:
    quiet, agreed, active = (Fan.objects.create(email=f"{name}@example.com") for name in ("q", "a", "b"))
    consent.record(agreed, Channel.EMAIL, granted=True, source="checkout", wording="Yes")
    footprints.leave(active, FootprintKind.PURCHASED, "drop:x", key="k")
    Fan.objects.update(created_at=now - 1100 * DAY)
    Footprint.objects.update(at=now - DAY)
    assert retention.sweep(now)[periods.FANS] == 1
    assert not Fan.objects.filter(pk=quiet.pk).exists()
    assert Fan.objects.count() == 2


def test_what_was_typed_to_hear_of_a_drop_goes_and_the_consent_stays(robe: Drop, now: datetime) -> None:
    signs_up(robe, at=now - 15 * DAY)
    kept = SignUp.objects.create(drop=robe, email=EMAIL, wording="Drops.", asked_at=now - 13 * DAY)
    assert retention.sweep(now)[periods.SIGN_UPS] == 1
    assert SignUp.objects.get() == kept
    assert consent.agreed(Fan.objects.get(email=EMAIL), Channel.EMAIL)


def test_refusals_and_sign_ins_go_and_decisions_of_orders_stay(shop: object, now: datetime) -> None:
    for ref, key in (("", "k"), ("FR-1", None)):
        Decision.objects.create(order_ref=ref, at=now - 400 * DAY, allowed=bool(ref), key=key)
    AccessAttempt.objects.create(username="owner", ip_address="203.0.113.7", user_agent="x", failures_since_start=1)
    AccessAttempt.objects.update(attempt_time=now - 91 * DAY)
    gone = retention.sweep(now)
    assert (gone[periods.REFUSALS], gone[periods.SIGN_INS]) == (1, 1)
    assert Decision.objects.get().order_ref == "FR-1"


def test_the_admins_own_log_goes(shop: object, now: datetime) -> None:
    user = User.objects.create(username="owner")
    for age in (366, 364):
        entry = LogEntry.objects.create(user=user, object_repr=EMAIL, action_flag=DELETION)
        LogEntry.objects.filter(pk=entry.pk).update(action_time=now - age * DAY)
    assert retention.sweep(now) == {periods.DESK_LOG: 1}
    assert LogEntry.objects.count() == 1


def test_large_numbers_go_in_batches(shop: object, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "BATCHES", 2)
    old = now - 400 * DAY
    Decision.objects.bulk_create([Decision(at=old, allowed=False, key=str(number)) for number in range(5)])
    assert retention.sweep(now)[periods.REFUSALS] == 4
    assert retention.sweep(now)[periods.REFUSALS] == 1
    assert retention.sweep(now) == {}


def test_a_shop_cannot_keep_less_than_the_least(db: None) -> None:
    RetentionPeriod.objects.create(what=periods.PEOPLE, days=1)
    assert periods.days(periods.PEOPLE) == periods.TABLE[periods.PEOPLE].least
    assert periods.all_days()[periods.PEOPLE] == periods.TABLE[periods.PEOPLE].least
    assert all(kept.least <= kept.default for kept in periods.TABLE.values())


def test_every_line_of_the_table_is_applied() -> None:
    assert periods.TABLE.keys() - retention.STEPS.keys() == {periods.PAID_AT_LEAST}


def test_the_command_says_what_went(shop: object, now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    Decision.objects.create(at=now - 400 * DAY, allowed=False, key="k")
    call_command("apply_retention")
    assert capsys.readouterr().out == "refusals: 1\nNothing more is due.\n"
    call_command("apply_retention")
    assert capsys.readouterr().out == "Nothing is due.\n"


def test_the_answer_to_a_dispute_goes_after_its_time_and_not_while_another_runs(
    robe: Drop, then: datetime, now: datetime
) -> None:
    order = bought(robe, at=then)
    disputed(order, opened=then, closed=now)
    again = Dispute.objects.create(order=order, provider_id="dp", status="open", amount_minor=1, opened_at=now)
    assert periods.DISPUTES not in retention.sweep(now + 181 * DAY)
    Dispute.objects.filter(pk=again.pk).update(closed_at=now + 100 * DAY)
    assert periods.DISPUTES not in retention.sweep(now + 181 * DAY)
    assert retention.sweep(now + 281 * DAY)[periods.DISPUTES] == 1
    assert periods.DISPUTES not in retention.sweep(now + 282 * DAY)
    assert {bytes(file.content) for file in EvidenceFile.objects.all()} == {b""}
    assert Order.objects.get().email == EMAIL  # it goes with its own line


def test_a_running_dispute_keeps_what_its_answer_is_built_of_and_of_no_other_order(
    robe: Drop, ticked: None, then: datetime, now: datetime
) -> None:
    RetentionPeriod.objects.create(what=periods.PAID, days=3650)
    order, other = bought(robe, at=then), bought(robe, at=then, email="other@example.com")
    for number, one in enumerate((order, other)):
        parcels.ship(
            one.pk,
            {one.lines.get().pk: 1},
            carrier="DHL",
            tracking=f"JJD{number}",
            key=f"k{number}",
            by="staff:owner",
            shipped_at=then,
            now=then,
        )
    Message.objects.update(state="sent", sent_at=then, created_at=then)
    dispute = disputed(order, opened=then + 700 * DAY, closed=None).dispute
    late = then + 1000 * DAY
    gone = retention.sweep(late)
    of_each = Message.objects.filter(key__startswith=f"order:{order.reference}:").count()
    assert [gone[what] for what in (periods.PEOPLE, periods.PARCELS, periods.MESSAGES)] == [1, 1, of_each]
    facts = evidence_facts.collect(dispute)
    assert (facts.ip, [parcel.tracking for parcel in facts.parcels]) == ("203.0.113.7", ["JJD0"])
    assert {mail.to for mail in facts.mails} == {EMAIL}
    assert Shipment.objects.get(order=other).tracking == ""
    Dispute.objects.update(closed_at=late)
    gone = retention.sweep(late + DAY)
    assert [gone[what] for what in (periods.PEOPLE, periods.PARCELS, periods.MESSAGES)] == [1, 1, of_each]
    assert evidence_facts.collect(dispute).ip == ""


def test_what_was_asked_and_where_parcels_went_becomes_hashes(robe: Drop, then: datetime, now: datetime) -> None:
    asked_back(bought(robe, at=then), at=then)
    open_ = FanRequest.objects.create(
        order=Order.objects.get(), kind="return", name="J", email=EMAIL, statement="S", requested_at=then, key="2"
    )
    assert not retention.sweep(then + 729 * DAY).keys() & {periods.PARCELS, periods.REQUESTS}
    gone = retention.sweep(then + 1096 * DAY)
    assert (gone[periods.PARCELS], gone[periods.REQUESTS]) == (1, 1)
    assert Shipment.objects.get().tracking == ""
    open_.refresh_from_db()
    assert (open_.email, FanRequest.objects.exclude(pk=open_.pk).get().email) == (EMAIL, "")
    assert not retention.sweep(then + 1097 * DAY).keys() & {periods.PARCELS, periods.REQUESTS}


def test_places_that_are_over_forget_their_address(shop: object, then: datetime, now: datetime) -> None:
    left, open_ = waits("gown", at=then), waits("hat", at=then)
    waiting_list.leave(left.pk, now=now)
    assert periods.WAITING not in retention.sweep(now + 89 * DAY)
    assert retention.sweep(now + 91 * DAY)[periods.WAITING] == 1
    assert set(WaitingPlace.objects.values_list("pk", "email")) == {(left.pk, ""), (open_.pk, EMAIL)}
    assert periods.WAITING not in retention.sweep(now + 92 * DAY)


def test_who_used_a_discount_is_forgotten_some_time_after_it(shop: object, now: datetime) -> None:
    ended, off, running = (Discount.objects.create(title=name, is_on=name != "off") for name in ("e", "off", "r"))
    Discount.objects.filter(pk=ended.pk).update(ends_at=now - 181 * DAY)
    for discount in (ended, off, running):
        for key in ("", "person", "other"):
            DiscountCount.objects.create(discount=discount, person_key=key, used=1)
    assert retention.sweep(now) == {periods.DISCOUNTS: 4}
    named = DiscountCount.objects.filter(person_key__in=["person", "other"])
    assert set(named.values_list("discount", flat=True)) == {running.pk}
    assert DiscountCount.objects.filter(discount=ended).exclude(person_key="").count() == 2
    assert retention.sweep(now) == {}


def test_a_discount_that_is_off_and_was_used_lately_still_counts(robe: Drop, now: datetime) -> None:
    off = Discount.objects.create(title="off", is_on=False)
    DiscountCount.objects.create(discount=off, person_key="person", used=1)
    order = fan.placed(robe, at=now)
    Redemption.objects.create(order=order, discount=off, title="off", amount_minor=1, redeemed_at=now - 179 * DAY)
    assert periods.DISCOUNTS not in retention.sweep(now)
    assert retention.sweep(now + 2 * DAY)[periods.DISCOUNTS] == 1
