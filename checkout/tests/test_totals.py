"""Every order adds up in whole minor units, whatever is delivered, taxed and taken off."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, example, given, strategies as st

from checkout.totals import discounts, rounding, sums, taxes
from checkout.totals.discounts import Basket
from checkout.totals.models import DiscountKind
from checkout.totals.shipping import ShippingOption, chosen, price, zone_of
from checkout.totals.tables import DiscountTerms, Rate, Tables, Tax, Zone, region_key
from checkout.totals.taxes import Taxed
from policies.places import Where

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
NOWHERE = Where("US", "CA")
AMOUNTS = st.lists(st.integers(0, 5_000_000), min_size=1, max_size=20)
BASIS = st.integers(0, 10_000)


def discount(number: int = 1, **fields: Any) -> DiscountTerms:
    plain: dict[str, Any] = {
        "id": number,
        "title": f"Discount {number}",
        "code": "",
        "kind": DiscountKind.PERCENTAGE,
        "amount_minor": 0,
        "currency": "USD",
        "basis_points": 0,
        "least_minor": 0,
        "starts_at": None,
        "ends_at": None,
        "limit_in_all": None,
        "limit_per_person": None,
        "drop_ids": frozenset(),
        "used": 0,
    }
    return DiscountTerms(**plain | fields)


@st.composite
def discount_tables(draw: Any) -> Tables:
    found = [
        discount(
            number,
            code=draw(st.sampled_from(["", "SAVE"])),
            kind=draw(st.sampled_from(list(DiscountKind))),
            amount_minor=draw(st.integers(0, 9_000_000)),
            basis_points=draw(BASIS),
            least_minor=draw(st.integers(0, 10_000)),
        )
        for number in range(draw(st.integers(0, 5)))
    ]
    return Tables(1, discounts=tuple(found))


def added_up(
    amounts: list[int], delivery: int, tables: Tables, basis_points: int, *, included: bool, on_shipping: bool
) -> sums.Sums:
    rate = Tax("VAT", "US", "", basis_points, on_shipping)
    choice = discounts.choose(tables, "SAVE", Basket(1, sum(amounts), "USD", NOW), {})
    off = sums.goods_off(choice, amounts)

    def ask(goods: tuple[int, ...], shipping: int) -> taxes.TaxAnswer:
        asked = Taxed(NOWHERE, "USD", ("X",) * len(goods), goods, shipping, included)
        return taxes.by_table(Tables(1, taxes=(rate,)), 0, asked)

    return sums.add_up(amounts, off, ShippingOption("s", "S", delivery, ""), choice, ask, included=included)[0]


@given(AMOUNTS, st.integers(0, 100_000), discount_tables(), BASIS, st.tuples(st.booleans(), st.booleans()))
def test_lines_and_delivery_and_tax_less_discounts_are_the_total(
    amounts: list[int], delivery: int, tables: Tables, basis_points: int, how: tuple[bool, bool]
) -> None:
    included, on_shipping = how
    found = added_up(amounts, delivery, tables, basis_points, included=included, on_shipping=on_shipping)
    tax_on_top = 0 if included else found.tax_minor
    assert found.total_minor == sum(amounts) + delivery + tax_on_top - found.discount_minor
    assert found.tax_added_minor == tax_on_top
    lines = zip(amounts, found.line_discounts, found.line_taxes, strict=True)
    of_lines = sum(amount - off + (0 if included else tax) for amount, off, tax in lines)
    of_delivery = delivery - sum(one.amount_minor for one in found.used if one.of_shipping)
    tax_of_delivery = 0 if included else found.tax_minor - sum(found.line_taxes)
    assert found.total_minor == of_lines + of_delivery + tax_of_delivery
    assert found.discount_minor == sum(one.amount_minor for one in found.used)


@given(AMOUNTS, st.integers(0, 100_000), discount_tables(), BASIS, st.booleans())
def test_nothing_is_below_zero(
    amounts: list[int], delivery: int, tables: Tables, basis_points: int, included: bool
) -> None:
    found = added_up(amounts, delivery, tables, basis_points, included=included, on_shipping=True)
    assert 0 <= found.discount_minor <= sum(amounts) + delivery
    assert all(0 <= off <= amount for off, amount in zip(found.line_discounts, amounts, strict=True))
    assert 0 <= found.tax_minor <= found.total_minor


@given(st.integers(0, 10**8), BASIS)
def test_tax_on_top_of_a_net_price_is_the_tax_inside_the_gross_one(net: int, basis_points: int) -> None:
    tax = rounding.share(net, basis_points)
    assert abs(rounding.inside(net + tax, basis_points) - tax) <= 1


@given(st.integers(0, 10**8), AMOUNTS)
@example(1, [1, 1, 1])
def test_spreading_leaves_and_loses_nothing(amount: int, over: list[int]) -> None:
    assume(sum(over))
    parts = rounding.spread(amount, over)
    assert sum(parts) == amount
    exact = [amount * weight / sum(over) for weight in over]
    assert all(abs(part - ideal) < 1 + 1e-6 for part, ideal in zip(parts, exact, strict=True))


@given(st.integers(0, 10**8), st.lists(st.integers(1, 5), min_size=1, max_size=10))
def test_the_parts_of_a_line_that_go_back_one_after_the_other_are_the_line(paid: int, steps: list[int]) -> None:
    units, given_back, after = sum(steps), 0, 0
    for step in steps:
        given_back += rounding.part(paid, step, of=units, after=after)
        after += step
    assert given_back == paid


@pytest.mark.parametrize(
    ("amount", "basis_points", "on_top", "within"),
    [(1000, 1900, 190, 160), (1190, 1900, 226, 190), (50, 100, 1, 0), (49, 100, 0, 0), (150, 100, 2, 1), (7, 0, 0, 0)],
)
def test_half_a_cent_is_rounded_up(amount: int, basis_points: int, on_top: int, within: int) -> None:
    assert (rounding.share(amount, basis_points), rounding.inside(amount, basis_points)) == (on_top, within)


def test_a_remainder_goes_to_the_largest_rest_and_among_equals_to_the_first() -> None:
    assert rounding.spread(100, [1, 1, 1]) == (34, 33, 33)
    assert rounding.spread(10, [30, 50, 20]) == (3, 5, 2)
    assert rounding.spread(1, [1, 2]) == (0, 1)
    assert rounding.spread(5, [0, 0]) == (0, 0)


# --- places ---------------------------------------------------------------------------------------


def zone(*rates: Rate, countries: tuple[str, ...] = (), regions: tuple[str, ...] = ()) -> Zone:
    return Zone(frozenset(countries), frozenset(regions), rates)


def test_the_zone_that_names_a_place_most_closely_counts() -> None:
    world, states, california = (
        zone(),
        zone(countries=("US",)),
        zone(countries=("US",), regions=(region_key("US", "California"),)),
    )
    tables = Tables(1, zones=(world, states, california))
    assert zone_of(tables, Where("FR")) is world
    assert zone_of(tables, Where("US", "Texas")) is states
    assert {id(zone_of(tables, Where("US", said))) for said in (" california ", "CA", "US-CA")} == {id(california)}
    assert zone_of(Tables(1, zones=(states,)), Where("FR")) is None


@pytest.mark.parametrize(
    ("grams", "goods", "costs"), [(0, 100, 500), (1, 100, 620), (1000, 100, 620), (1001, 100, 740), (9000, 5000, 0)]
)
def test_each_kilogram_that_was_begun_costs_and_enough_goods_make_it_free(grams: int, goods: int, costs: int) -> None:
    assert price(Rate("s", "S", "", 500, 120, 0, None, 5000), goods, grams) == costs


def test_who_chose_nothing_gets_the_first_option_and_who_chose_wrongly_none() -> None:
    options = (ShippingOption("express", "Express", 900, ""), ShippingOption("slow", "Slow", 100, ""))
    assert (chosen(options, ""), chosen(options, "standard"), chosen(options, "slow")) == (*options[:1] * 2, options[1])
    assert chosen(options, "teleport") is None
    assert chosen((), "") is None


@pytest.mark.parametrize(
    ("place", "basis_points"),
    [(("US", "CA"), 825), (("US", "ca "), 825), (("US", "California"), 825), (("US", "TX"), 100), (("FR", ""), None)],
)
def test_a_region_has_its_own_tax_or_that_of_its_country(place: tuple[str, str], basis_points: int | None) -> None:
    tables = Tables(1, taxes=(Tax("Tax", "US", region_key("US", "CA"), 825, True), Tax("Tax", "US", "", 100, True)))
    found = taxes.rate_at(tables, Where(*place))
    assert (found and found.basis_points) == basis_points


def test_a_percentage_reads_as_people_write_it() -> None:
    assert [taxes.percent(each) for each in (1900, 825, 850, 1, 0)] == ["19 %", "8.25 %", "8.5 %", "0.01 %", "0 %"]


# --- discounts ------------------------------------------------------------------------------------


def used(*found: DiscountTerms, code: str = "", subtotal: int = 10_000) -> tuple[list[tuple[int, int]], str]:
    choice = discounts.choose(Tables(1, discounts=found), code, Basket(1, subtotal, "USD", NOW), {})
    return [(one.discount_id, one.amount_minor) for one in discounts.take_off(choice, subtotal)], choice.problem


def test_the_best_of_the_automatic_ones_counts_and_then_the_code_of_what_is_left() -> None:
    small, big = discount(1, basis_points=500), discount(2, kind=DiscountKind.AMOUNT, amount_minor=2000)
    code = discount(3, code="SAVE10", basis_points=1000)
    assert used(small, big, code, code="SAVE10") == ([(2, 2000), (3, 800)], "")
    assert used(small, big, code) == ([(2, 2000)], "")


def test_an_amount_takes_no_more_than_there_is() -> None:
    assert used(discount(1, kind=DiscountKind.AMOUNT, amount_minor=20_000)) == ([(1, 10_000)], "")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"drop_ids": frozenset({2})}, "This code is not for this drop."),
        ({"starts_at": datetime(2026, 11, 21, tzinfo=UTC)}, "This code is not valid yet."),
        ({"ends_at": NOW}, "This code has ended."),
        ({"limit_in_all": 3, "used": 3}, "This code has been used up."),
        ({"kind": DiscountKind.AMOUNT, "currency": "EUR"}, "This code is for another currency."),
        ({"least_minor": 10_001}, "This code needs things for $100.01 or more."),
    ],
)
def test_a_code_that_does_not_apply_says_why(fields: dict[str, Any], words: str) -> None:
    assert used(discount(1, code="SAVE", basis_points=1000, **fields), code="SAVE") == ([], words)


def test_a_code_nobody_knows_and_one_that_is_too_long() -> None:
    assert used(code="NOPE") == ([], "We do not know this code. Look at how it is written.")
    assert used(code="X" * 41) == ([], "A code has at most 40 characters.")
