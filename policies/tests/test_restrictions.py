import pytest

from policies.restrictions import verdict


@pytest.mark.parametrize("country", ["DE", "de", " de "])
def test_delivers_where_the_shop_delivers(country: str) -> None:
    assert verdict(country, ships_to=["DE", "AT"]).allowed


def test_an_empty_list_means_everywhere() -> None:
    assert verdict("NZ", ships_to=[]).allowed


def test_refuses_with_a_reason_that_helps() -> None:
    refused = verdict("US", ships_to=["DE", "AT", "CH"])
    assert not refused.allowed
    assert refused.reason == "We do not deliver to the United States. We deliver to Austria, Germany and Switzerland."


@pytest.mark.parametrize("country", ["", "D", "DEU", "XQ", "12"])
def test_asks_for_a_country_that_exists(country: str) -> None:
    refused = verdict(country, ships_to=[])
    assert (refused.allowed, refused.reason) == (False, "Choose the country to deliver to.")
