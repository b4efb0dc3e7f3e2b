"""A drop's way through its states."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from drops import catalog, scheduling, stock
from drops.errors import IllegalMove, NotOpen, NotReady
from drops.models import Drop, DropKind, DropState, SaleWindow
from drops.tests.factories import NOW, counts, drop, hold, item, offer, order, variant
from drops.windows import Phase, phase_of, require_open
from merchant.models import JournalEntry
from merchant.money import Money
from merchant.templatetags.shop import distance, moment

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
WHO: dict[str, Any] = {"actor": "staff:owner", "now": NOW}


def story(of: Drop) -> list[tuple[str, str]]:
    return list(JournalEntry.objects.filter(subject=f"drop:{of.pk}").order_by("id").values_list("verb", "actor"))


def state(of: Drop) -> str:
    return Drop.objects.get(pk=of.pk).state


def test_an_unready_drop_is_not_scheduled() -> None:
    robe = drop(state=DropState.DRAFT, starts_at=NOW + HOUR)
    with pytest.raises(NotReady) as refusal:
        scheduling.schedule(robe, **WHO)
    assert "Put at least one thing on offer." in refusal.value.hurdles
    assert (state(robe), story(robe)) == (DropState.DRAFT, [])


def test_pauses_resumes_and_closes_with_a_line_each() -> None:
    robe = drop(ends_at=NOW + HOUR)
    scheduling.pause(robe, **WHO)
    scheduling.resume(robe, **WHO)
    scheduling.close(robe, **WHO)
    robe.refresh_from_db()
    assert (robe.state, robe.ends_at) == (DropState.CLOSED, NOW)
    assert story(robe) == [("paused", "staff:owner"), ("resumed", "staff:owner"), ("closed", "staff:owner")]


@pytest.mark.parametrize("frm", DropState)
@pytest.mark.parametrize(
    ("verb", "lawful_from", "to"),
    [
        ("unschedule", {DropState.SCHEDULED}, DropState.DRAFT),
        ("open_now", {DropState.SCHEDULED}, DropState.LIVE),
        ("pause", {DropState.LIVE}, DropState.PAUSED),
        ("resume", {DropState.PAUSED}, DropState.LIVE),
        ("close", set(DropState) - {DropState.DRAFT, DropState.CLOSED}, DropState.CLOSED),
    ],
)
def test_only_lawful_moves_happen(verb: str, lawful_from: set[DropState], to: DropState, frm: DropState) -> None:
    robe = drop(state=frm, starts_at=NOW + HOUR)
    if frm in lawful_from:
        getattr(scheduling, verb)(robe, **WHO)
        assert (state(robe), len(story(robe))) == (to, 1)
    else:
        with pytest.raises(IllegalMove):
            getattr(scheduling, verb)(robe, **WHO)
        assert (state(robe), story(robe)) == (frm, [])


def test_a_move_is_claimed_once() -> None:
    robe = drop()
    one, twin = Drop.objects.get(pk=robe.pk), Drop.objects.get(pk=robe.pk)
    scheduling.pause(one, **WHO)
    with pytest.raises(IllegalMove, match="The drop is paused; it cannot be paused now"):
        scheduling.pause(twin, **WHO)
    assert len(story(robe)) == 1


def test_opening_early_brings_the_start_and_the_window_forward() -> None:
    robe = drop(state=DropState.SCHEDULED, starts_at=NOW + HOUR)
    scheduling.open_now(robe, **WHO)
    assert SaleWindow.objects.get(drop=robe).opens_at == NOW
    require_open(Drop.objects.get(pk=robe.pk), NOW)


def test_turns_what_is_due_and_nothing_else() -> None:
    due = drop("due", DropState.SCHEDULED, starts_at=NOW)
    later = drop("later", DropState.SCHEDULED, starts_at=NOW + HOUR)
    over = drop("over", DropState.PAUSED, ends_at=NOW)
    missed = drop("missed", DropState.SCHEDULED, ends_at=NOW - HOUR / 2)
    for each in (due, later, over, missed):
        offer(each, f"SKU-{each.slug}")
    assert scheduling.turn_due(NOW) == 4
    assert [state(each) for each in (due, later, over, missed)] == ["live", "scheduled", "closed", "closed"]
    assert story(missed) == [("started", "worker"), ("ended", "worker")]
    assert scheduling.turn_due(NOW) == 0


def test_sold_out_means_sold_not_held_and_comes_back_with_stock() -> None:
    robe = drop()
    offer(robe, "ROBE-M", total=1)
    empty = drop("empty")
    hold(item("ROBE-M"), owner=order())
    assert scheduling.turn_due(NOW) == 0
    stock.commit(order())
    assert scheduling.turn_due(NOW) == 1
    assert (state(robe), state(empty)) == ("sold_out", "live")
    stock.take_back(order(), restock=True)
    assert scheduling.turn_due(NOW) == 1
    assert state(robe) == "live"


@pytest.mark.parametrize(
    ("drop_state", "minutes", "phase"),
    [
        (DropState.DRAFT, 0, Phase.UPCOMING),
        (DropState.SCHEDULED, -1, Phase.UPCOMING),
        (DropState.SCHEDULED, 0, Phase.LIVE),
        (DropState.LIVE, 59, Phase.LIVE),
        (DropState.LIVE, 60, Phase.CLOSED),
        (DropState.PAUSED, 0, Phase.PAUSED),
        (DropState.SOLD_OUT, 0, Phase.SOLD_OUT),
        (DropState.CLOSED, 0, Phase.CLOSED),
    ],
)
def test_the_clock_decides_what_a_fan_sees(drop_state: DropState, minutes: int, phase: Phase) -> None:
    """C30: only the server's time counts, and no worker is needed for it."""
    robe = drop(state=drop_state, starts_at=NOW, ends_at=NOW + HOUR)
    assert phase_of(robe, NOW + timedelta(minutes=minutes)) == phase


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "Sun 25 Oct, 02:30 CEST"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Sun 25 Oct, 02:30 CET"),
        (datetime(2027, 3, 28, 1, 0, tzinfo=UTC), "Sun 28 Mar, 03:00 CEST"),
    ],
    ids=["the hour that comes twice", "its second time", "after the hour that is skipped"],
)
def test_c30_a_start_at_the_change_of_the_clocks_is_one_instant(starts: datetime, words: str) -> None:
    """What the shop's clock on the wall shows decides nothing, and the zone beside it says which of the two it is."""
    second, before = timedelta(seconds=1), starts - 2 * HOUR
    robe = drop(starts_at=starts)
    SaleWindow.objects.create(drop=robe, opens_at=starts)
    assert [phase_of(robe, at) for at in (starts - second, starts)] == [Phase.UPCOMING, Phase.LIVE]
    with pytest.raises(NotOpen) as refusal:
        require_open(robe, starts - second)
    assert refusal.value.opens_at == starts
    require_open(robe, starts)
    with timezone.override("Europe/Berlin"):
        assert (moment(starts), distance(starts, before)) == (words, "in 2 h")


@pytest.mark.parametrize(
    ("drop_state", "at", "opens_at"),
    [
        (DropState.DRAFT, NOW, None),
        (DropState.SCHEDULED, NOW - HOUR, NOW),
        (DropState.PAUSED, NOW, None),
        (DropState.LIVE, NOW + HOUR, None),
        (DropState.CLOSED, NOW, None),
    ],
)
def test_nobody_buys_while_it_is_not_open(drop_state: DropState, at: object, opens_at: object) -> None:
    robe = drop(state=drop_state, starts_at=NOW, ends_at=NOW + HOUR)
    with pytest.raises(NotOpen) as refusal:
        require_open(robe, at)  # type: ignore[arg-type]  # parametrised
    assert refusal.value.opens_at == opens_at


def test_a_window_that_is_not_open_yet_says_when() -> None:
    robe = drop(starts_at=NOW)
    SaleWindow.objects.create(drop=robe, opens_at=NOW + HOUR)
    with pytest.raises(NotOpen) as refusal:
        require_open(robe, NOW)
    assert refusal.value.opens_at == NOW + HOUR
    require_open(robe, NOW + HOUR)


def test_what_is_always_on_sale_keeps_having_no_end_when_it_closes() -> None:
    candle = drop(kind=DropKind.STANDING)
    scheduling.close(candle, **WHO)
    candle.refresh_from_db()
    assert (candle.state, candle.ends_at) == (DropState.CLOSED, None)


def test_a_bundle_takes_from_each_part_and_an_allocation_caps_it() -> None:
    winter, robe, slippers = drop(), variant("ROBE-M"), variant("SLIPPERS")
    single = catalog.add_offer(winter, robe, price=Money(4800, "USD"))
    stock.restock(item("ROBE-M").pk, 9, actor="staff:owner", why="made")
    stock.restock(stock.add_item("SLIPPERS").pk, 9, actor="staff:owner", why="made")
    pair = catalog.add_bundle(
        winter, variant("SET"), [(robe, 1), (slippers, 2)], price=Money(6000, "USD"), limit=1, allocation=3
    )
    assert stock.needs([(single.pk, 1), (pair.pk, 2)]) == [
        stock.Need(item("ROBE-M").pk, 3),
        stock.Need(item("SLIPPERS").pk, 4),
        stock.Need(item(f"offer:{pair.pk}").pk, 2),
    ]
    assert counts(item(f"offer:{pair.pk}")) == (0, 0, 3)
    assert (single.position, pair.position) == (0, 1)
