"""Until when one may withdraw, by the calendar alone."""

from datetime import UTC, date, datetime

import pytest

from checkout import withdrawal


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_day_of_receipt_does_not_count_and_the_fourteenth_counts_whole() -> None:
    """Received on Wednesday 2 December 2026 in Berlin: until the end of Wednesday the 16th."""
    period = withdrawal.period("DE", [at("2026-12-02 09:00")])
    assert period.last_day == date(2026, 12, 16)
    assert period.is_open(at("2026-12-16 22:59:59"))
    assert not period.is_open(at("2026-12-16 23:00:00"))


def test_the_last_parcel_counts() -> None:
    period = withdrawal.period("DE", [at("2026-12-08 09:00"), at("2026-12-02 09:00")])
    assert period.last_day == date(2026, 12, 22)


@pytest.mark.parametrize("receipts", [[], [None], [datetime(2020, 1, 1, tzinfo=UTC), None]])
def test_it_does_not_run_out_while_something_is_not_received(receipts: list[datetime | None]) -> None:
    period = withdrawal.period("DE", receipts)
    assert period == withdrawal.Period()
    assert period.is_open(at("2099-01-01 00:00"))


@pytest.mark.parametrize(
    ("received", "last_day"),
    [
        ("2026-11-28 10:00", date(2026, 12, 14)),  # would end on a Saturday: the Monday
        ("2026-12-11 10:00", date(2026, 12, 28)),  # on Christmas Day, a Friday; its Saturday and Sunday follow
        ("2026-12-02 23:30", date(2026, 12, 17)),  # in Berlin it is the third already
    ],
)
def test_a_last_day_without_work_moves_on(received: str, last_day: date) -> None:
    assert withdrawal.period("DE", [at(received)]).last_day == last_day


def test_of_a_countrys_zones_the_one_counts_in_which_it_ends_last() -> None:
    """Portugal's Azores are an hour behind Lisbon."""
    period = withdrawal.period("PT", [at("2026-12-02 09:00")])
    assert period.ends_at == at("2026-12-17 01:00")


def test_who_has_the_right_and_for_what() -> None:
    assert withdrawal.applies("de")
    assert not withdrawal.applies("US")
    assert withdrawal.excluded(["sleepwear", "personalised"]).startswith("made for you alone")
    assert withdrawal.excluded(["final-sale"]) == "", "the law's right stands beside a shop's final sale"
