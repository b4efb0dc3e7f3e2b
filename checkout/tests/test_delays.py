"""A drop ships later: whoever waits is asked once, and who does not say yes gets the money back unprompted."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from checkout import delays, fan_requests, parcels, payments, refunds
from checkout.after_sale import DelayAnswer, DelayChoice, DelayNotice, RequestKind
from checkout.errors import CannotAnswer
from checkout.models import Order, Refund
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh, later, states
from checkout.tests.test_place_order_races import together
from checkout.tokens import order_token
from drops.models import Drop
from merchant import journal
from merchant.models import JournalEntry
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
STAFF = journal.staff("owner")


@pytest.fixture
def pre_order(robe: Drop) -> Drop:
    robe.ship_date = clock().date() + timedelta(days=10)
    robe.save()
    return robe


def bought(drop: Drop, sandbox: SandboxServer, email: str = "fan@example.com") -> Order:
    token = fan.card(sandbox)
    order = fan.placed(drop, at=clock(), confirmation_token=token, contact=fan.somebody(email))
    payments.drain(clock)
    return fresh(order)


def new_date(drop: Drop, days: int = 30) -> date:
    assert drop.ship_date is not None
    return drop.ship_date + timedelta(days=days)


def announce(drop: Drop, *, days: int = 30, answer_in: int = 7) -> DelayNotice:
    until = later(days=answer_in)
    drop.refresh_from_db()
    return delays.announce(
        drop.pk, new_date(drop, days), answer_by=until, why="The mill is late.", by=STAFF, now=clock()
    )


def choices() -> list[str]:
    return list(DelayAnswer.objects.order_by("pk").values_list("choice", flat=True))


def test_each_fan_is_asked_once_and_the_drop_says_the_new_date(pre_order: Drop, sandbox: SandboxServer) -> None:
    bought(pre_order, sandbox)
    order = bought(pre_order, sandbox, "other@example.com")
    notice = announce(pre_order)
    assert [delays.sweep(clock()) for _ in range(2)] == [2, 0]
    pre_order.refresh_from_db()
    assert pre_order.ship_date == notice.new_date
    mail = Message.objects.get(key__startswith=f"order:{order.reference}:delay:")
    assert "If we hear nothing by then, your money goes back to you by itself." in mail.text
    assert "Wait, or money back</a>" in mail.html
    assert JournalEntry.objects.filter(verb="delay_asked").count() == 2
    bought(pre_order, sandbox, "third@example.com")  # on the new date
    assert delays.sweep(clock()) == 0


def test_looking_answers_nothing_and_a_yes_keeps_the_order(pre_order: Drop, sandbox: SandboxServer) -> None:
    order, browser = bought(pre_order, sandbox), Client()
    announce(pre_order)
    delays.sweep(clock())
    page = f"/orders/{order_token(order.token_nonce)}/"
    assert "Do you want to wait?" in browser.get(page).content.decode()
    assert browser.get(page + "delay/")["Location"] == page  # as from a restored tab
    assert "Choose whether" in browser.post(page + "delay/", {"answer": "x"}).content.decode()
    assert choices() == [DelayChoice.WAITING]
    for _ in range(2):
        assert browser.post(page + "delay/", {"answer": "wait"}).status_code == 302
    assert "Do you want to wait?" not in browser.get(page).content.decode()
    assert "nothing to answer any more" in browser.post(page + "delay/", {"answer": "refund"}).content.decode()
    delays.sweep(later(days=90))
    assert (choices(), Refund.objects.count()) == ([DelayChoice.CONSENTED], 0)


def test_a_no_brings_all_the_money_back_once(pre_order: Drop, sandbox: SandboxServer) -> None:
    order = bought(pre_order, sandbox)
    announce(pre_order)
    delays.sweep(clock())
    for _ in range(2):
        delays.answer(order.pk, wait=False, now=clock())
    refunds.drain(clock)
    assert (choices(), fresh(order).refunded_minor, fan.counts()) == ([DelayChoice.REFUNDED], 5400, (0, 0, 5))


def test_who_does_not_answer_is_refunded_unprompted_and_not_a_moment_before(
    pre_order: Drop, sandbox: SandboxServer
) -> None:
    order = bought(pre_order, sandbox)
    notice = announce(pre_order)
    delays.sweep(clock())
    assert delays.sweep(notice.answer_by - timedelta(seconds=1)) == 0
    assert [delays.sweep(notice.answer_by) for _ in range(2)] == [1, 0]
    refunds.drain(lambda: notice.answer_by)
    assert (choices(), fresh(order).refunded_minor) == ([DelayChoice.UNANSWERED], 5400)


def test_who_could_only_be_asked_late_gets_their_days_all_the_same(pre_order: Drop, sandbox: SandboxServer) -> None:
    bought(pre_order, sandbox)
    notice = announce(pre_order)
    delays.sweep(notice.answer_by)
    assert DelayAnswer.objects.get().answer_by == notice.answer_by + delays.TIME_TO_ANSWER
    assert choices() == [DelayChoice.WAITING]


def test_what_left_before_is_not_refunded(pre_order: Drop, sandbox: SandboxServer) -> None:
    order = bought(pre_order, sandbox)
    notice = announce(pre_order)
    delays.sweep(clock())
    units = {order.lines.get().pk: 1}
    parcels.ship(order.pk, units, carrier="", tracking="", shipped_at=clock(), key="k", by=STAFF, now=clock())
    delays.sweep(notice.answer_by)
    assert (choices(), Refund.objects.count()) == ([DelayChoice.MOOT], 0)


def test_what_the_fan_withdrew_from_is_neither_asked_about_nor_refunded_twice(
    pre_order: Drop, sandbox: SandboxServer
) -> None:
    order = bought(pre_order, sandbox)
    notice = announce(pre_order)
    delays.sweep(clock())
    said = {"name": "A Fan", "email": "fan@example.com", "reason": ""}
    units = {order.lines.get().pk: 1}
    asked = fan_requests.ask(order.pk, RequestKind.CANCELLATION, units, seen=0, now=clock(), **said)
    assert delays.open_question(order) is None
    delays.sweep(notice.answer_by)
    assert (choices(), Refund.objects.count()) == ([DelayChoice.MOOT], 0)
    fan_requests.accept(asked.pk, answer="", by=STAFF, now=clock())
    fan_requests.refund(asked.pk, restock=True, by=STAFF, now=clock())
    assert (Refund.objects.get().amount_minor, fan.counts()) == (5400, (0, 0, 5))


def test_a_still_later_date_asks_anew_even_who_said_yes(pre_order: Drop, sandbox: SandboxServer) -> None:
    first, second = bought(pre_order, sandbox), bought(pre_order, sandbox, "other@example.com")
    announce(pre_order)
    delays.sweep(clock())
    delays.answer(first.pk, wait=True, now=clock())
    announce(pre_order, days=20)
    delays.sweep(clock())
    assert choices() == [DelayChoice.CONSENTED, DelayChoice.MOOT, DelayChoice.WAITING, DelayChoice.WAITING]
    delays.answer(second.pk, wait=True, now=clock())


def test_money_that_a_bank_holds_waits_for_a_person(pre_order: Drop, sandbox: SandboxServer) -> None:
    order = bought(pre_order, sandbox)
    notice = announce(pre_order)
    delays.sweep(clock())
    Order.objects.filter(pk=order.pk).update(disputed_minor=5400)
    delays.sweep(notice.answer_by)
    assert (choices(), fan.counts()) == ([DelayChoice.STUCK], (0, 1, 4))
    assert DelayAnswer.objects.get().trouble == "Nothing of this order's money is left to give back."


def test_an_answer_and_the_sweep_in_one_moment_do_one_thing(pre_order: Drop, sandbox: SandboxServer) -> None:
    order = bought(pre_order, sandbox)
    notice = announce(pre_order)
    delays.sweep(clock())

    def do(number: int) -> str:
        try:
            if number:
                delays.sweep(notice.answer_by)
            else:
                delays.answer(order.pk, wait=True, now=notice.answer_by)
        except CannotAnswer:
            return "too late"
        return "done"

    together(do, 2)
    assert (choices(), Refund.objects.count()) in (
        ([DelayChoice.CONSENTED], 0),
        ([DelayChoice.UNANSWERED], 1),
    )


def test_without_the_lock_the_fan_could_be_refunded_and_told_that_it_ships(
    pre_order: Drop, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the above."""
    order = bought(pre_order, sandbox)
    notice = announce(pre_order)
    delays.sweep(clock())
    both_decided, close = threading.Barrier(2), delays._close

    def close_together(*given: Any) -> None:
        both_decided.wait(timeout=120)
        close(*given)

    monkeypatch.setattr(delays, "lock", lambda pk: Order.objects.select_related("drop").get(pk=pk))
    monkeypatch.setattr(delays, "_close", close_together)

    def do(number: int) -> str:
        if number:
            delays.sweep(notice.answer_by)
        else:
            delays.answer(order.pk, wait=True, now=notice.answer_by)
        return "done"

    assert together(do, 2) == {"done": 2}
    assert (Refund.objects.count(), states(order).count("delay_consented")) == (1, 1)


@pytest.mark.parametrize(
    ("days", "answer_in", "words"),
    [
        (0, 7, "later than the old one"),
        (400, 7, "More than a year"),
        (30, 2, "at least 3 days"),
        (30, 60, "before it ships"),
    ],
)
def test_a_date_that_makes_no_sense_is_refused(pre_order: Drop, days: int, answer_in: int, words: str) -> None:
    with pytest.raises(CannotAnswer, match=words):
        announce(pre_order, days=days, answer_in=answer_in)
    assert DelayNotice.objects.count() == 0
