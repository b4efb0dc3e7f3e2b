from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from merchant.money import CURRENCIES, Money, exponent

AMOUNTS = st.integers(min_value=0, max_value=10**12)


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (Money(4800, "USD"), "$48.00"),
        (Money(1250, "EUR"), "€12.50"),
        (Money(123456789, "GBP"), "£1,234,567.89"),
        (Money(500, "JPY"), "¥500"),
        (Money(0, "USD"), "$0.00"),
        (Money(-4800, "USD"), "-$48.00"),
    ],
)
def test_is_shown_as_people_write_it(money: Money, shown: str) -> None:
    assert str(money) == shown


def test_knows_how_many_digits_a_currency_has() -> None:
    assert (exponent("EUR"), exponent("JPY")) == (2, 0)
    assert Money(1250, "EUR").as_decimal() == Decimal("12.50")
    assert Money(1250, "JPY").as_decimal() == Decimal(1250)


def test_two_currencies_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="EUR and USD do not add up"):
        Money(1, "EUR") + Money(1, "USD")


@given(AMOUNTS, AMOUNTS, st.sampled_from(CURRENCIES))
def test_adds_and_takes_away_to_the_last_unit(one: int, other: int, currency: str) -> None:
    assert Money(one, currency) + Money(other, currency) - Money(other, currency) == Money(one, currency)


@given(AMOUNTS, st.sampled_from(CURRENCIES))
def test_its_decimal_loses_nothing(amount: int, currency: str) -> None:
    assert Money(amount, currency).as_decimal().scaleb(exponent(currency)) == amount


def test_speaks_json_in_minor_units() -> None:
    assert Money(4800, "USD").as_json() == {"amount": 4800, "currency": "USD"}
