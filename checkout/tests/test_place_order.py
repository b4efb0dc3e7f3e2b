"""One request, one commit."""

from datetime import datetime, timedelta

import pytest
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checkout.contact import Address, Contact
from checkout.errors import Invalid, KeyReused, QuoteExpired, Restricted, TotalChanged
from checkout.models import Allowance, IdempotencyKey, Order, OrderLine, OrderState, Payment, PaymentState
from checkout.place_order import place_order
from checkout.quote import SALT
from checkout.tests import fan
from drops.errors import LimitReached, NotOpen, SoldOut, UnknownOffer
from drops.models import Drop, Hold, Offer
from merchant.models import JournalEntry, StoreProfile
from merchant.money import Money
from policies.models import Acceptance, AcceptancePerson
from policies.rules_models import Decision

pytestmark = pytest.mark.django_db


def test_places_an_order_and_holds_its_units(robe: Drop, now: datetime) -> None:
    order = fan.placed(robe, ("ROBE-M", 2), at=now)
    assert order.state == OrderState.PLACED
    assert (order.subtotal_minor, order.shipping_minor, order.total_minor) == (9600, 600, 10200)
    assert order.tax_minor == 1533 + 96  # 19 % inside 9,600 and inside 600
    assert fan.counts() == (2, 0, 3)
    assert order.hold_expires_at == now + timedelta(minutes=10)
    assert order.payment.state == PaymentState.DUE
    assert [entry.verb for entry in JournalEntry.objects.filter(subject=order.subject)] == ["placed"]


def test_the_answer_says_what_the_contract_promises(robe: Drop, now: datetime) -> None:
    placed = fan.orders(robe, at=now)
    assert placed.reply["status"] == "placed"
    assert placed.reply["total"] == {"amount": 5400, "currency": "USD"}
    assert placed.reply["hold_expires_at"] == (now + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    assert len(placed.token) == 32
    assert fan.found(placed).token_hash != placed.token


def test_the_same_key_and_body_get_the_identical_answer(robe: Drop, now: datetime) -> None:
    request = fan.request(fan.quoted(robe, at=now))
    first = place_order(robe, request, person=fan.PERSON, now=now)
    again = place_order(robe, request, person=fan.PERSON, now=now + timedelta(minutes=3))
    assert (again.token, again.reply) == (first.token, first.reply)
    assert (first.replayed, again.replayed) == (False, True)
    assert Order.objects.count() == 1
    assert fan.counts() == (1, 0, 4)


def test_c6_another_body_under_a_used_key_is_refused(robe: Drop, now: datetime) -> None:
    fan.orders(robe, at=now, idempotency_key="k")
    with pytest.raises(KeyReused):
        fan.orders(robe, ("ROBE-M", 2), at=now, idempotency_key="k")
    assert Order.objects.count() == 1


def test_c6_a_refusal_never_uses_up_its_key(robe: Drop, now: datetime) -> None:
    with pytest.raises(TotalChanged):
        fan.orders(robe, at=now, idempotency_key="k", agreed_total=Money(1, "USD"))
    assert IdempotencyKey.objects.count() == 0
    fan.orders(robe, at=now, idempotency_key="k")
    assert Order.objects.count() == 1


def test_c3_two_lines_that_share_one_stock_are_summed(robe: Drop, now: datetime) -> None:
    with pytest.raises(LimitReached):
        fan.orders(robe, ("ROBE-M", 1), ("ROBE-M", 1), ("ROBE-M", 1), at=now)
    assert Order.objects.count() == 0


def test_refuses_what_is_sold_out(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop(total=1)
    agreed = fan.quoted(drop, ("ROBE-M", 2), at=now)
    with pytest.raises(SoldOut) as refusal:
        place_order(drop, fan.request(agreed), person=fan.PERSON, now=now)
    assert (refusal.value.sku, refusal.value.in_other_carts) == ("ROBE-M", False)
    assert (Order.objects.count(), Payment.objects.count(), IdempotencyKey.objects.count()) == (0, 0, 0)
    assert fan.counts() == (0, 0, 1)


def test_says_that_units_are_in_other_carts(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop(total=1)
    fan.orders(drop, at=now)
    with pytest.raises(SoldOut) as refusal:
        fan.orders(drop, at=now)
    assert refusal.value.in_other_carts


def test_c27_a_changed_price_is_agreed_anew(robe: Drop, now: datetime) -> None:
    agreed = fan.quoted(robe, at=now)
    Offer.objects.update(price_minor=5000)
    with pytest.raises(TotalChanged) as refusal:
        place_order(robe, fan.request(agreed), person=fan.PERSON, now=now)
    fresh = refusal.value.fresh
    assert fresh.total == Money(5600, "USD")
    assert place_order(robe, fan.request(fresh), person=fan.PERSON, now=now).reply["total"]["amount"] == 5600


def test_a_quote_of_another_time_or_drop_or_hand_is_refused(robe: Drop, now: datetime) -> None:
    agreed = fan.quoted(robe, at=now)
    with pytest.raises(QuoteExpired):
        place_order(robe, fan.request(agreed), person=fan.PERSON, now=now + timedelta(minutes=31))
    with pytest.raises(QuoteExpired):
        place_order(robe, fan.request(agreed, quote=agreed.token[:-2]), person=fan.PERSON, now=now)
    other = fan.live_drop("other-robe", skus=("OTHER-M",))
    with pytest.raises(QuoteExpired):
        place_order(
            robe, fan.request(agreed, quote=fan.quoted(other, ("OTHER-M", 1), at=now).token), person=fan.PERSON, now=now
        )
    assert Order.objects.count() == 0


def test_a_place_we_do_not_ship_to_is_refused(robe: Drop, now: datetime) -> None:
    agreed = fan.quoted(robe, at=now, country="FR")
    assert not agreed.verdict.allowed
    contact = Contact("fan@example.com", "A Fan", "", Address("Rue 1", "", "Paris", "75001", "", "FR"))
    with pytest.raises(Restricted, match="France"):
        place_order(robe, fan.request(agreed, contact=contact), person=fan.PERSON, now=now)


def test_refuses_before_the_start_and_when_paused(robe: Drop, now: datetime) -> None:
    agreed = fan.quoted(robe, at=now)
    Drop.objects.update(state="paused")
    robe.refresh_from_db()
    with pytest.raises(NotOpen):
        place_order(robe, fan.request(agreed), person=fan.PERSON, now=now)


def test_refuses_a_sku_of_another_drop_and_a_negative_number(robe: Drop, now: datetime) -> None:
    fan.live_drop("other-robe", skus=("OTHER-M",))
    with pytest.raises(UnknownOffer):
        fan.quoted(robe, ("OTHER-M", 1), at=now)
    with pytest.raises(Invalid):
        fan.quoted(robe, ("ROBE-M", -1), at=now)


def test_refuses_a_key_that_is_empty_or_too_long(robe: Drop, now: datetime) -> None:
    for key in ("", "k" * 256):
        with pytest.raises(Invalid):
            fan.orders(robe, at=now, idempotency_key=key)


def test_the_stock_row_is_touched_last(robe: Drop, now: datetime) -> None:
    agreed = fan.request(fan.quoted(robe, at=now))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        place_order(robe, agreed, person=fan.PERSON, now=now)
    written = [query["sql"] for query in queries if "drops_stockitem" in query["sql"] and "UPDATE" in query["sql"]]
    assert written == [[query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]][-1]]


def test_what_an_order_points_at_is_checked_before_the_hot_rows_are_locked(db: None) -> None:
    """A key that is checked at the commit would be checked under the lock that everybody waits for."""
    written = (
        *(IdempotencyKey, Allowance, Order, OrderLine, Payment),
        *(Acceptance, AcceptancePerson, Decision, JournalEntry, Hold),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND condeferred AND conrelid = ANY(%s::regclass[])",
            [[model._meta.db_table for model in written]],
        )
        late = [name for (name,) in cursor.fetchall()]
    assert late == [], "say checked_at_once() of the table in a migration"


def test_a_quote_of_the_release_before_is_no_fault(robe: Drop, now: datetime) -> None:
    """It told of no tax and no discount; whoever has their checkout open while the shop is updated goes on."""
    agreed = fan.quoted(robe, at=now)
    shown = signing.loads(agreed.token, salt=SALT)
    old = {name: shown[name] for name in ("drop", "lines", "total", "currency", "policies", "at")}
    order = place_order(robe, fan.request(agreed, quote=signing.dumps(old, salt=SALT)), person=fan.PERSON, now=now)
    assert fan.found(order).total_minor == 5400
