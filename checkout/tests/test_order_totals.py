"""Delivery, tax and discounts from the quote to the order, its refunds and its end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checkout import expiry, returns
from checkout.errors import Invalid, Restricted, TotalChanged
from checkout.models import (
    Discount,
    DiscountCount,
    DiscountDrop,
    Order,
    OrderState,
    PaymentPath,
    PickupPoint,
    ShippingRate,
    ShippingZone,
    TaxRate,
)
from checkout.place_order import place_order
from checkout.pricing import Wanted
from checkout.quote import Quote, quote
from checkout.refusals import problem_of
from checkout.tests import fan
from checkout.totals import redemptions, tables
from drops.models import Drop, Offer, Variant
from merchant import store
from merchant.clock import now as clock
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)


def ask(drop: Drop, *lines: tuple[str, int], at: datetime, **fields: Any) -> Quote:
    """A quote to California, as of the tables of this moment."""
    tables.forget()
    wanted = [Wanted(*line) for line in lines or [("ROBE-M", 1)]]
    asked: dict[str, Any] = {"country": "US", "region": "CA", "now": at}
    return quote(drop, wanted, **asked | fields)


def order(drop: Drop, agreed: Quote, at: datetime, **changes: Any) -> Order:
    wanted = fan.request(agreed, shipping_option=agreed.shipping_option, discount_code=agreed.discount_code, **changes)
    return fan.found(place_order(drop, wanted, person=fan.PERSON, now=at))


def rates(zone: ShippingZone, **fields: Any) -> ShippingRate:
    plain: dict[str, Any] = {"code": "standard", "title": "Standard", "price_minor": 700}
    return ShippingRate.objects.create(zone=zone, **plain | fields)


def save10(**fields: Any) -> Discount:
    plain = {"title": "Ten off", "code": "SAVE10", "basis_points": 1000, "currency": "USD"}
    return Discount.objects.create(**plain | fields)


def settings(**fields: Any) -> None:
    StoreProfile.objects.update(**fields)
    store.forget_store()


# --- delivery -------------------------------------------------------------------------------------


def test_without_any_table_the_shop_has_one_price_and_one_tax(robe: Drop, now: datetime) -> None:
    agreed = ask(robe, at=now)
    assert (agreed.shipping_minor, agreed.tax_minor, agreed.total_minor) == (600, 766 + 96, 5400)
    assert (agreed.tax_title, agreed.tax_source, agreed.tax_added_minor) == ("Tax", "table", 0)


def test_delivery_depends_on_the_place_and_the_weight(robe: Drop, now: datetime) -> None:
    Variant.objects.update(weight_grams=1100)
    here, world = (
        ShippingZone.objects.create(title="Here", countries=["US"]),
        ShippingZone.objects.create(title="World"),
    )
    rates(here, up_to_grams=2000)
    rates(here, from_grams=2000, price_minor=900, per_kg_minor=100)
    rates(here, code="express", title="Express", price_minor=1500, position=1)
    rates(world, price_minor=2500)
    assert [(one.code, one.amount_minor) for one in ask(robe, at=now).shipping_options] == [
        ("standard", 700),
        ("express", 1500),
    ]
    assert ask(robe, ("ROBE-M", 2), at=now).shipping_minor == 900 + 3 * 100
    assert ask(robe, at=now, country="DE").shipping_minor == 2500
    with pytest.raises(Invalid):
        ask(robe, at=now, shipping_option="teleport")


def test_where_no_zone_is_nothing_goes(robe: Drop, now: datetime) -> None:
    rates(ShippingZone.objects.create(title="Germany", countries=["DE"]))
    agreed = ask(robe, at=now)
    assert (agreed.shipping_options, agreed.verdict.allowed) == ((), False)
    assert agreed.verdict.reason.startswith("Nothing that weighs and costs as much is delivered there.")
    with pytest.raises(Restricted):
        order(robe, agreed, now)


def test_a_pick_up_point_has_its_own_price_and_the_tax_of_its_own_place(robe: Drop, now: datetime) -> None:
    PickupPoint.objects.create(code="berlin", title="Collect", note="Long Street 1", country="DE", price_minor=100)
    TaxRate.objects.create(title="VAT", country="DE", basis_points=1900)
    agreed = ask(robe, at=now, shipping_option="berlin")
    assert (agreed.shipping_minor, agreed.tax_title, agreed.tax_minor) == (100, "VAT 19 %", 766 + 16)
    placed = order(robe, agreed, now)
    assert (placed.shipping_title, placed.state) == ("Collect", OrderState.PLACED)


# --- tax ------------------------------------------------------------------------------------------


def test_tax_on_top_is_added_to_each_line_and_the_delivery(robe: Drop, now: datetime) -> None:
    settings(prices_include_tax=False)
    TaxRate.objects.create(title="Sales tax", country="US", region="CA", basis_points=825, on_shipping=False)
    agreed = ask(robe, ("ROBE-M", 2), at=now)
    assert (agreed.tax_minor, agreed.tax_added_minor) == (792, 792)
    assert agreed.total_minor == 9600 + 600 + 792
    placed = order(robe, agreed, now)
    line = placed.lines.get()
    assert (placed.tax_title, placed.tax_added_minor, line.tax_added_minor) == ("Sales tax 8.25 %", 792, 792)
    assert line.paid_minor == 9600 + 792


# --- discounts ------------------------------------------------------------------------------------


def test_a_code_takes_off_and_the_order_remembers_which(robe: Drop, now: datetime) -> None:
    discount = save10()
    agreed = ask(robe, ("ROBE-M", 2), at=now, discount_code=" save10 ")
    assert (agreed.discount_minor, agreed.total_minor) == (960, 9600 - 960 + 600)
    placed = order(robe, agreed, now)
    assert placed.tax_minor == 1379 + 96, "the tax inside 8,640 and inside 600"
    used = placed.redemptions.get()
    assert (used.discount_id, used.title, used.code, used.amount_minor) == (discount.pk, "Ten off", "SAVE10", 960)
    assert placed.lines.get().discount_minor == 960


def test_a_discount_is_spread_over_the_lines_to_the_last_cent(shop: StoreProfile, now: datetime) -> None:
    drop = fan.live_drop(skus=("ROBE-L", "ROBE-M", "ROBE-S"))
    save10(basis_points=0, kind="amount", amount_minor=1000)
    agreed = ask(drop, ("ROBE-L", 1), ("ROBE-M", 1), ("ROBE-S", 1), at=now, discount_code="SAVE10")
    placed = order(drop, agreed, now)
    assert list(placed.lines.values_list("discount_minor", flat=True)) == [334, 333, 333]


def test_free_delivery_is_taken_off_the_delivery(robe: Drop, now: datetime) -> None:
    Discount.objects.create(title="Free delivery week", kind="free_shipping")
    agreed = ask(robe, at=now)
    assert (agreed.shipping_minor, agreed.discount_minor, agreed.total_minor) == (600, 600, 4800)
    assert [(one.title, one.of_shipping) for one in agreed.discounts] == [("Free delivery week", True)]


def test_a_discount_of_one_drop_is_not_for_another(robe: Drop, now: datetime) -> None:
    other = fan.live_drop("other", skus=("OTHER-M",))
    DiscountDrop.objects.create(discount=save10(), drop=other)
    assert ask(robe, at=now, discount_code="SAVE10").discount_problem == "This code is not for this drop."
    assert ask(other, ("OTHER-M", 1), at=now, discount_code="SAVE10").discount_minor == 480


@pytest.mark.parametrize("typed", ["NOPE", "X" * 500, "\x00", "'; DROP TABLE", "SAVE 10", "ß" * 41])
def test_a_wrong_code_never_breaks_the_quote(robe: Drop, now: datetime, typed: str) -> None:
    agreed = ask(robe, at=now, discount_code=typed)
    assert (agreed.total_minor, agreed.discount_minor, bool(agreed.discount_problem)) == (5400, 0, True)


def test_everything_off_is_confirmed_without_a_card(robe: Drop, now: datetime) -> None:
    save10(basis_points=10_000)
    Discount.objects.create(title="Free delivery", kind="free_shipping")
    placed = order(robe, ask(robe, at=now, discount_code="SAVE10"), now)
    assert (placed.total_minor, placed.state, placed.payment.path) == (0, OrderState.CONFIRMED, PaymentPath.FREE)
    assert placed.discount_minor == 5400


def test_a_discount_that_leaves_less_than_a_card_can_pay_is_left_out(robe: Drop, now: datetime) -> None:
    settings(shipping_minor=20)
    save10(basis_points=10_000)
    agreed = ask(robe, at=now, discount_code="SAVE10")
    assert agreed.total_minor == 4820
    assert agreed.discount_problem.startswith("With this code the rest would be less than a card can pay.")


# --- what changed meanwhile -----------------------------------------------------------------------


@pytest.mark.parametrize(("change", "problem"), [("rate", ""), ("tax", ""), ("discount", "This code has ended.")])
def test_what_changed_meanwhile_is_agreed_to_anew(robe: Drop, now: datetime, change: str, problem: str) -> None:
    settings(prices_include_tax=False)
    rate = rates(ShippingZone.objects.create(title="World"))
    tax = TaxRate.objects.create(title="Tax", country="US", basis_points=500)
    discount = save10()
    agreed = ask(robe, at=now, discount_code="SAVE10")
    match change:
        case "rate":
            ShippingRate.objects.filter(pk=rate.pk).update(price_minor=800)
        case "tax":
            TaxRate.objects.filter(pk=tax.pk).update(basis_points=600)
        case "discount":
            Discount.objects.filter(pk=discount.pk).update(ends_at=now)
    with pytest.raises(TotalChanged) as refusal:
        order(robe, agreed, now)  # although this process remembers the tables of a moment ago
    fresh = refusal.value.fresh
    assert fresh.total_minor != agreed.total_minor
    assert fresh.discount_problem == problem
    assert order(robe, fresh, now).total_minor == fresh.total_minor
    assert Order.objects.count() == 1


def statements(drop: Drop, at: datetime, **fields: Any) -> int:
    """How many an order makes, in a process that has quoted a moment ago."""
    agreed = ask(drop, at=at, **fields)
    contact = fan.somebody(f"{agreed.total_minor}@example.com")
    wanted = fan.request(
        agreed, shipping_option=agreed.shipping_option, discount_code=agreed.discount_code, contact=contact
    )
    with CaptureQueriesContext(connection) as made:
        place_order(drop, wanted, person=fan.PERSON, now=at)
    return len(made)


def test_tables_cost_an_order_no_statement_and_a_discount_costs_one(robe: Drop, now: datetime) -> None:
    without = statements(robe, now)
    rates(ShippingZone.objects.create(title="World"))
    TaxRate.objects.create(title="Tax", country="US", basis_points=500)
    save10()
    assert statements(robe, now) == without
    assert statements(robe, now, discount_code="SAVE10") == without + 1


# --- limits ---------------------------------------------------------------------------------------


def test_one_person_uses_it_once_and_another_still_may(robe: Drop, now: datetime) -> None:
    save10(limit_per_person=1)
    order(robe, ask(robe, at=now, discount_code="SAVE10"), now)
    with pytest.raises(TotalChanged) as refusal:
        order(robe, ask(robe, at=now, discount_code="SAVE10"), now, contact=fan.somebody("FAN@example.com"))
    fresh = refusal.value.fresh
    assert (fresh.discount_minor, fresh.discount_problem) == (0, "You have used this code as often as one person may.")
    assert order(robe, fresh, now).total_minor == 5400, "who agrees without it may order"
    other = order(robe, ask(robe, at=now, discount_code="SAVE10"), now, contact=fan.somebody("b@example.com"))
    assert other.discount_minor == 480


QUOTED = {"lines": [{"sku": "ROBE-M", "quantity": 1}], "country": "US", "discount_code": "SAVE10"}


def test_a_quote_answers_alike_whoevers_address_is_typed(robe: Drop, now: datetime) -> None:
    """Whether somebody used a code is no business of who knows their address."""
    save10(limit_per_person=1)
    order(robe, ask(robe, at=clock(), discount_code="SAVE10"), clock())
    answers = []
    for email in ("fan@example.com", "stranger@example.com", None):
        body = QUOTED | {"email": email}
        answers.append(Client().post("/api/v1/drops/winter-robe/quote", body, content_type="application/json").json())
    for answer in answers:
        answer.pop("quote"), answer.pop("expires_at")
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["discount"]["amount"] == 480


def test_the_order_says_why_a_code_does_not_count_and_its_fresh_quote_can_be_agreed_to(
    robe: Drop, now: datetime
) -> None:
    save10(limit_per_person=1)
    order(robe, ask(robe, at=now, discount_code="SAVE10"), now)
    with pytest.raises(TotalChanged) as refusal:
        order(robe, ask(robe, at=now, discount_code="SAVE10"), now)
    problem = problem_of(refusal.value)
    assert problem is not None
    assert problem.detail == (
        "You have used this code as often as one person may. The total is $54.00 now. Please agree to it again."
    )
    assert order(robe, refusal.value.fresh, now).discount_minor == 0


def test_a_discount_without_a_code_that_ends_for_a_person_is_named(robe: Drop, now: datetime) -> None:
    Discount.objects.create(title="First order", kind="percent", basis_points=1000, limit_per_person=1)
    order(robe, ask(robe, at=now), now)
    with pytest.raises(TotalChanged) as refusal:
        order(robe, ask(robe, at=now), now)
    assert refusal.value.why == "“First order” does not count any more."


def test_an_order_that_ends_gives_its_discount_back(robe: Drop, now: datetime) -> None:
    discount = save10(limit_per_person=1, limit_in_all=1)
    placed = order(robe, ask(robe, at=now, discount_code="SAVE10"), now)
    assert ask(robe, at=now, discount_code="SAVE10").discount_problem == "This code has been used up."
    expiry.close(placed.pk, OrderState.EXPIRED, why="time", actor="worker", now=now + timedelta(hours=1))
    assert set(DiscountCount.objects.filter(discount=discount).values_list("used", flat=True)) == {0}
    assert order(robe, ask(robe, at=now, discount_code="SAVE10"), now).discount_minor == 480


def test_a_limit_that_comes_later_counts_what_was_used_before(robe: Drop, now: datetime) -> None:
    discount = save10()
    order(robe, ask(robe, at=now, discount_code="SAVE10"), now)
    Discount.objects.filter(pk=discount.pk).update(limit_in_all=1)
    redemptions.count_all(discount.pk)
    assert ask(robe, at=now, discount_code="SAVE10").discount_problem == "This code has been used up."


# --- money back -----------------------------------------------------------------------------------


def paid(placed: Order) -> Order:
    Order.objects.filter(pk=placed.pk).update(
        state=OrderState.CONFIRMED, captured_minor=placed.total_minor, confirmed_at=placed.placed_at
    )
    return Order.objects.get(pk=placed.pk)


@pytest.mark.parametrize("included", [True, False])
def test_units_are_worth_what_was_paid_for_them_and_all_of_them_all_of_it(
    robe: Drop, now: datetime, included: bool
) -> None:
    settings(prices_include_tax=included)
    Offer.objects.update(price_minor=3333, per_person_limit=3)
    TaxRate.objects.create(title="Tax", country="US", basis_points=825)
    save10()
    placed = paid(order(robe, ask(robe, ("ROBE-M", 3), at=now, discount_code="SAVE10"), now))
    line = placed.lines.get()
    assert line.paid_minor == 9999 - 1000 + (0 if included else 742)
    one, two = returns.worth(placed, {line.pk: 1}), returns.worth(placed, {line.pk: 2})
    assert (one, two) == ((2999, 5999) if included else (3247, 6494))
    assert returns.worth(placed, {line.pk: 3}) == placed.total_minor
