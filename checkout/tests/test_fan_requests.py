"""After the sale: parcels, the right to withdraw, requests, and what staff do about them."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from checkout import fan_requests, parcels, payments, refunds, returns
from checkout.after_sale import FanRequest, RequestKind, RequestState, Shipment
from checkout.contact import Address, Contact
from checkout.errors import CannotAnswer, CannotAsk, CannotRefund, CannotShip
from checkout.models import Order, OrderState, Refund
from checkout.place_order import place_order
from checkout.queries import order_view
from checkout.sandbox.testing import SandboxServer
from checkout.tests import fan
from checkout.tests.test_payments import clock, fresh
from checkout.tests.test_place_order_races import together
from checkout.tokens import order_token
from drops.models import Drop, Product
from merchant import journal
from merchant.models import JournalEntry
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
STAFF = journal.staff("owner")
BERLIN = Address("Lange Straße 1", "", "Berlin", "10115", "", "DE")
LAST_PARCEL = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)  # a Wednesday; the sixteenth is one, too


def paid(robe: Drop, sandbox: SandboxServer, address: Address = BERLIN, units: int = 2) -> Order:
    """Two robes at $48.00 and $6.00 delivery: $102.00."""
    agreed = fan.quoted(robe, ("ROBE-M", units), at=clock(), country=address.country)
    contact = Contact("fan@example.com", "A Fan", "", address)
    wanted = fan.request(agreed, contact=contact, confirmation_token=fan.card(sandbox))
    order = fan.found(place_order(robe, wanted, person=fan.PERSON, now=clock()))
    payments.drain(clock)
    return fresh(order)


def line_of(order: Order) -> int:
    return order.lines.get().pk


def ship(order: Order, units: int, *, at: datetime | None = None, key: str = "k1") -> Shipment:
    details: dict[str, Any] = {"carrier": "DHL", "tracking": "00340", "by": STAFF}
    at = at or LAST_PARCEL - timedelta(days=3)
    return parcels.ship(order.pk, {line_of(order): units}, shipped_at=at, key=key, now=LAST_PARCEL, **details)


def arrive(parcel: Shipment, at: datetime) -> None:
    assert parcels.deliver(parcel.pk, delivered_at=at, by=STAFF, now=LAST_PARCEL)


def ask(order: Order, kind: RequestKind, units: int, *, at: datetime, seen: int = 0) -> FanRequest:
    details: dict[str, Any] = {"name": "A Fan", "email": "fan@example.com", "reason": "", "seen": seen}
    return fan_requests.ask(order.pk, kind, {line_of(order): units}, now=at, **details)


def page(order: Order, deed: str = "") -> str:
    return f"/orders/{order_token(order.token_nonce)}/{deed}"


def test_p13_withdrawal_is_offered_to_the_last_hour_of_day_14_after_the_last_parcel_and_acknowledged_with_its_time(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = paid(robe, sandbox)
    arrive(ship(order, 1, key="first"), LAST_PARCEL - timedelta(days=2))
    assert fan_requests.options(order, LAST_PARCEL + timedelta(days=300)).may(RequestKind.WITHDRAWAL), "one is to come"
    second = ship(order, 1, key="second")
    assert fan_requests.options(order, LAST_PARCEL + timedelta(days=300)).may(RequestKind.WITHDRAWAL), (
        "one is under way"
    )
    arrive(second, LAST_PARCEL)
    last_moment = datetime(2026, 12, 16, 22, 59, 59, tzinfo=UTC)  # a second before midnight in Berlin
    too_late = last_moment + timedelta(seconds=1)
    assert not fan_requests.options(order, too_late).may(RequestKind.WITHDRAWAL)
    with pytest.raises(CannotAsk):
        ask(order, RequestKind.WITHDRAWAL, 2, at=too_late)
    declared = ask(order, RequestKind.WITHDRAWAL, 2, at=last_moment)
    assert (declared.state, declared.requested_at) == (RequestState.ACCEPTED, last_moment)
    mail = Message.objects.get(key=f"order:{order.reference}:asked:{declared.pk}")
    assert mail.to == "fan@example.com"
    assert "You sent it on Wed 16 Dec, 23:59 CET" in mail.text
    assert declared.statement in mail.text
    assert f"I withdraw from the contract for\n2 × Robe, M\nOrder {order.reference}\nA Fan" == declared.statement


def test_a_withdrawal_is_paid_back_whole_with_delivery(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    declared = ask(order, RequestKind.WITHDRAWAL, 2, at=clock())
    for _ in range(2):  # pressed twice
        refund = fan_requests.refund(declared.pk, restock=True, by=STAFF, now=clock())
    refunds.drain(clock)
    assert refund is not None
    assert (refund.amount_minor, Refund.objects.count(), fresh(order).refunded_minor) == (10200, 1, 10200)
    assert fan.counts() == (0, 0, 5)
    assert FanRequest.objects.get().state == RequestState.REFUNDED
    with pytest.raises(CannotAnswer):
        fan_requests.decline(declared.pk, answer="no", by=STAFF, now=clock())


def test_what_staff_gave_back_by_another_way_is_closed_and_given_back_no_second_time(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = paid(robe, sandbox)
    declared = ask(order, RequestKind.WITHDRAWAL, 2, at=clock())
    by_hand: dict[str, Any] = {"restock": True, "by": STAFF, "why": "", "now": clock()}
    returns.refund_lines(order.pk, {line_of(order): 1}, seen=0, **by_hand)
    assert fan_requests.due(fresh(order), declared) == ({line_of(order): 1}, 5400)
    returns.refund_lines(order.pk, {line_of(order): 1}, seen=1, **by_hand)
    for _ in range(2):  # pressed twice
        with suppress(CannotAnswer):
            assert fan_requests.refund(declared.pk, restock=True, by=STAFF, now=clock()) is None
    refunds.drain(clock)
    assert (FanRequest.objects.get().state, fresh(order).refunded_minor) == (RequestState.REFUNDED, 10200)
    assert (fan.counts(), list(fan_requests.waiting())) == ((0, 0, 5), [])


def test_of_what_staff_gave_back_in_part_the_rest_is_refunded(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    arrive(ship(order, 2), LAST_PARCEL)
    declared = ask(order, RequestKind.WITHDRAWAL, 2, at=LAST_PARCEL)
    fan_requests.receive(declared.pk, by=STAFF, now=LAST_PARCEL)
    returns.refund_lines(order.pk, {line_of(order): 1}, restock=True, seen=0, by=STAFF, why="", now=clock())
    rest = fan_requests.refund(declared.pk, restock=True, by=STAFF, now=clock())
    assert rest is not None
    assert (rest.amount_minor, list(rest.lines.values_list("quantity", flat=True))) == (5400, [1])
    assert sum(parcels.waiting(fresh(order)).values()) == 0


def test_a_request_whose_money_went_back_at_the_provider_is_closed(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    declared = ask(order, RequestKind.WITHDRAWAL, 2, at=clock())
    returns.refund_amount(order.pk, 10200, seen=0, by=STAFF, why="", now=clock())
    assert fan_requests.refund(declared.pk, restock=True, by=STAFF, now=clock()) is None
    assert FanRequest.objects.get().state == RequestState.REFUNDED
    assert (fan.counts(), parcels.waiting(order)) == ((0, 0, 5), {line_of(order): 0}), "its units are not sold for ever"


def test_a_form_sent_twice_is_one_request_and_another_one_is_told_apart(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    first = ask(order, RequestKind.WITHDRAWAL, 1, at=clock())
    assert ask(order, RequestKind.WITHDRAWAL, 1, at=clock()) == first
    with pytest.raises(CannotAsk, match="another request meanwhile"):
        ask(order, RequestKind.WITHDRAWAL, 2, at=clock())
    with pytest.raises(CannotAsk, match="not left of it"):
        ask(order, RequestKind.WITHDRAWAL, 2, at=clock(), seen=1)
    ask(order, RequestKind.WITHDRAWAL, 1, at=clock(), seen=1)
    assert FanRequest.objects.count() == 2
    assert Message.objects.filter(kind="order_asked").count() == 2


def test_two_at_once_ask_for_the_last_unit_once(robe: Drop, sandbox: SandboxServer) -> None:
    """Each with a form of its own count: the order's lock lets one in, and the other sees what is left."""
    order = paid(robe, sandbox, units=1)

    def try_it(number: int) -> str:
        try:
            ask(order, (RequestKind.WITHDRAWAL, RequestKind.CANCELLATION)[number], 1, at=clock(), seen=0)
        except CannotAsk as refusal:
            return str(refusal)
        return "asked"

    answers = together(try_it, 2)
    assert answers == {"asked": 1, "You sent another request meanwhile. Look at it, then ask again.": 1}


def test_without_the_lock_both_would_find_the_unit_free(
    robe: Drop, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the above: then only the unique key is left to stop the second."""
    order = paid(robe, sandbox, units=1)
    both_looked, refuse = threading.Barrier(2), fan_requests._refuse

    def look_together(*given: Any) -> None:
        refuse(*given)
        both_looked.wait(timeout=120)

    monkeypatch.setattr(fan_requests, "lock", lambda pk: Order.objects.select_related("drop").get(pk=pk))
    monkeypatch.setattr(fan_requests, "_refuse", look_together)

    def try_it(number: int) -> str:
        try:
            ask(order, (RequestKind.WITHDRAWAL, RequestKind.CANCELLATION)[number], 1, at=clock(), seen=0)
        except IntegrityError:
            return "stopped by the key"
        return "asked"

    assert together(try_it, 2) == {"asked": 1, "stopped by the key": 1}


def test_personalised_goods_are_left_out_with_the_reason(robe: Drop, sandbox: SandboxServer) -> None:
    Product.objects.update(tags=["personalised"])
    order = paid(robe, sandbox)
    shown = Client().get(page(order)).content.decode()
    assert "Withdraw from contract here" not in shown
    assert "Not for Robe, M: made for you alone" in shown
    assert "made for you alone" in Client().get(page(order, "withdraw/")).content.decode()
    with pytest.raises(CannotAsk):
        ask(order, RequestKind.WITHDRAWAL, 1, at=clock())


def test_final_sale_is_not_taken_back_by_choice_but_the_law_stands(robe: Drop, sandbox: SandboxServer) -> None:
    Product.objects.update(tags=["final-sale"])
    order = paid(robe, sandbox)
    ship(order, 2)
    may = fan_requests.options(order, LAST_PARCEL)
    assert (may.may(RequestKind.WITHDRAWAL), may.may(RequestKind.RETURN)) == (True, False)
    assert may.lines[RequestKind.RETURN][0].hurdle == "sold as final sale"


def test_outside_the_european_union_a_return_is_asked_for_and_a_person_answers(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = paid(robe, sandbox, fan.ADDRESS)
    assert not fan_requests.options(order, clock()).may(RequestKind.WITHDRAWAL)
    ship(order, 2)
    wanted = ask(order, RequestKind.RETURN, 1, at=LAST_PARCEL)
    assert wanted.state == RequestState.REQUESTED
    with pytest.raises(CannotAnswer):
        fan_requests.refund(wanted.pk, restock=True, by=STAFF, now=LAST_PARCEL)
    fan_requests.accept(wanted.pk, answer="Of course.", by=STAFF, now=LAST_PARCEL)
    with pytest.raises(CannotAnswer):
        fan_requests.decline(wanted.pk, answer="Or not.", by=STAFF, now=LAST_PARCEL)
    fan_requests.receive(wanted.pk, by=STAFF, now=LAST_PARCEL)
    fan_requests.refund(wanted.pk, restock=False, by=STAFF, now=LAST_PARCEL)
    refunds.drain(lambda: LAST_PARCEL)
    assert (fresh(order).refunded_minor, fan.counts()) == (4800, (0, 1, 3))
    assert parcels.waiting(order) == {line_of(order): 0}
    deeds = JournalEntry.objects.filter(subject=order.subject, verb__startswith="re").order_by("id")
    assert [deed.verb for deed in deeds] == [
        "return_requested",
        "request_accepted",
        "request_received",
        "refund_requested",
        "refunded",
    ]


def test_what_has_left_cannot_be_cancelled_and_what_has_not_cannot_be_returned(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = paid(robe, sandbox, fan.ADDRESS)
    ship(order, 1)
    may = fan_requests.options(order, LAST_PARCEL)
    assert [may.lines[kind][0].units for kind in (RequestKind.CANCELLATION, RequestKind.RETURN)] == [1, 1]
    wanted = ask(order, RequestKind.CANCELLATION, 1, at=LAST_PARCEL)
    fan_requests.decline(wanted.pk, answer="It is packed.", by=STAFF, now=LAST_PARCEL)
    assert "It is packed." in Message.objects.get(kind="order_declined").text
    fan_requests.accept(
        ask(order, RequestKind.CANCELLATION, 1, at=LAST_PARCEL, seen=1).pk, answer="", by=STAFF, now=LAST_PARCEL
    )


def test_a_parcel_holds_what_is_left_and_is_recorded_once(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    parcel = ship(order, 1)
    assert ship(order, 1) == parcel
    with pytest.raises(CannotShip, match="Only 1 units"):
        ship(order, 2, key="k2")
    with pytest.raises(CannotShip, match="future"):
        ship(order, 1, key="k2", at=LAST_PARCEL + timedelta(days=1))
    with pytest.raises(CannotShip, match="after it left"):
        parcels.deliver(parcel.pk, delivered_at=LAST_PARCEL - timedelta(days=9), by=STAFF, now=LAST_PARCEL)
    arrive(parcel, LAST_PARCEL)
    assert not parcels.deliver(parcel.pk, delivered_at=LAST_PARCEL, by=STAFF, now=LAST_PARCEL)
    returns.refund_lines(
        order.pk, {line_of(order): 1}, restock=True, seen=0, by=STAFF, why="the other one", now=clock()
    )
    assert parcels.waiting(order) == {line_of(order): 0}, "a unit given back does not wait to be sent"


def test_no_money_left_is_said_and_nothing_changes(robe: Drop, sandbox: SandboxServer) -> None:
    order = paid(robe, sandbox)
    declared = ask(order, RequestKind.WITHDRAWAL, 2, at=clock())
    Order.objects.filter(pk=order.pk).update(disputed_minor=10200)
    with pytest.raises(CannotRefund):
        fan_requests.refund(declared.pk, restock=True, by=STAFF, now=clock())
    assert (FanRequest.objects.get().state, fan.counts()) == (RequestState.ACCEPTED, (0, 2, 3))


def test_by_the_page_nothing_is_written_before_it_is_confirmed(robe: Drop, sandbox: SandboxServer) -> None:
    order, browser = paid(robe, sandbox), Client()
    assert "Withdraw from contract here" in browser.get(page(order)).content.decode()
    form: dict[str, Any] = {f"line_{line_of(order)}": "1", "name": "A Fan", "email": "other@example.com", "seen": "0"}
    assert browser.get(page(order, "withdraw/")).status_code == 200
    review = browser.post(page(order, "withdraw/"), form)
    assert "Confirm withdrawal" in review.content.decode()
    assert "I withdraw from the contract for<br>1 × Robe, M" in review.content.decode()
    assert FanRequest.objects.count() == 0
    for _ in range(2):  # pressed twice
        assert browser.post(page(order, "withdraw/"), form | {"confirmed": "1"}).status_code == 303
    declared = FanRequest.objects.get()
    assert (declared.email, declared.kind) == ("other@example.com", RequestKind.WITHDRAWAL)
    assert "Withdrawal:" in browser.get(page(order)).content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Enter your name."),
        ({"email": "nobody"}, "Enter an e-mail like name@example.com."),
        ({"units": "9"}, "Choose 0 to 2."),
        ({"units": "x"}, "Choose 0 to 2."),
        ({"units": "0"}, "Choose at least one piece."),
        ({"seen": ""}, "This field is required."),
        ({"name": "\x00"}, "Null characters are not allowed."),
    ],
)
def test_a_mistake_is_said_beside_its_field(
    robe: Drop, sandbox: SandboxServer, changes: dict[str, str], words: str
) -> None:
    order = paid(robe, sandbox)
    units = changes.get("units", "1")
    form = {f"line_{line_of(order)}": units, "name": "A Fan", "email": "fan@example.com", "seen": "0"}
    answer = Client().post(page(order, "withdraw/"), form | changes | {"confirmed": "1"})
    assert (answer.status_code, FanRequest.objects.count()) == (422, 0)
    assert words in answer.content.decode()


def deferred(robe: Drop, sandbox: SandboxServer) -> Order:
    sandbox.fail("payment_intents.create", 500, times=9)
    agreed = fan.quoted(robe, ("ROBE-M", 1), at=clock(), country="DE")
    contact = Contact("fan@example.com", "A Fan", "", BERLIN)
    wanted = fan.request(agreed, contact=contact, confirmation_token=fan.card(sandbox))
    order = fan.found(place_order(robe, wanted, person=fan.PERSON, now=clock()))
    payments.drain(clock)
    return fresh(order)


@pytest.mark.parametrize("deed", ["withdraw/", "cancel-some/"])
def test_who_is_not_charged_yet_cancels_the_whole_order_and_is_told_so(
    robe: Drop, sandbox: SandboxServer, deed: str
) -> None:
    order = deferred(robe, sandbox)
    assert order.state == OrderState.DEFERRED
    browser = Client()
    assert "Cancel the order" in browser.get(page(order)).content.decode()
    assert "cancel it as a whole on its page" in browser.get(page(order, deed)).content.decode()
    assert browser.post(page(order, "cancel")).status_code == 302
    assert (fresh(order).state, fan.counts()) == (OrderState.CANCELLED, (0, 0, 5))


def test_an_order_that_no_worker_has_looked_at_can_be_cancelled_once_its_page_says_that_it_is_held(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = fan.placed(robe, at=clock(), confirmation_token=fan.card(sandbox))
    assert not order_view(order, clock()).can_cancel
    Order.objects.filter(pk=order.pk).update(hold_expires_at=clock() - timedelta(minutes=1))
    before = len(sandbox.requests("payment_intents.confirm"))
    view = order_view(fresh(order), clock())
    assert (view.state, view.headline[:13], view.can_cancel) == ("placed", "Held for you ", True)
    Client().post(page(order, "cancel"))
    assert (fresh(order).state, fan.counts()) == (OrderState.CANCELLED, (0, 0, 5))
    payments.drain(clock)
    assert fresh(order).captured_minor == 0
    assert len(sandbox.requests("payment_intents.confirm")) == before


def test_while_a_bank_takes_its_days_the_page_says_when_one_can_withdraw_and_how_before(
    robe: Drop, sandbox: SandboxServer
) -> None:
    order = paid(robe, sandbox)
    Order.objects.filter(pk=order.pk).update(state=OrderState.PROCESSING, confirmed_at=None, captured_minor=0)
    assert "lets you cancel or withdraw" in order_view(fresh(order), clock()).next_step
    told = Client().get(page(order, "withdraw/")).content.decode()
    assert "Once it has arrived you can do this here" in told
    assert "There is nothing left to withdraw from" not in told
