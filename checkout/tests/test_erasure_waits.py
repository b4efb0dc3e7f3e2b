"""What erasure leaves for now, and why; it goes by itself once it can."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from checkout import erasure
from checkout.after_sale import DelayAnswer, DelayNotice, FanRequest, Shipment
from checkout.evidence import EvidencePack
from checkout.models import Allowance, Dispute, Order, OrderState, Refund, WebhookEvent
from checkout.orders import lock, move_to
from checkout.privacy_models import ErasedOrder, ErasureRequest
from checkout.tests import fan
from checkout.tests.known import DAY, EMAIL, STAFF, bought, contact, disputed, robe, tables_with, then
from drops.models import Drop, Hold

__all__ = ["robe", "then"]  # fixtures
pytestmark = pytest.mark.django_db


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
