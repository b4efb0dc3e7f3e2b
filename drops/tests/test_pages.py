"""What fans see: home, a drop's page, and the list of those who want to hear of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.test import Client

import policies.queries
from drops import printed, queries, stock
from drops.models import Drop, DropKind, DropState, OfferComponent
from drops.sign_ups import WORDING
from drops.tests.factories import NOW, cart, drop, hold, item, offer, order
from merchant import store
from merchant.clock import now
from merchant.markdown import to_html
from policies.models import Policy
from policies.publishing import new_draft, publish

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
Counter = Callable[[int], AbstractContextManager[object]]


def test_home_sorts_by_interest() -> None:
    drop("candle", kind=DropKind.STANDING)
    drop("winter", DropState.LIVE, ends_at=NOW + DAY)
    drop("spring", DropState.SCHEDULED, starts_at=NOW + 2 * DAY)
    drop("soon", DropState.SCHEDULED, starts_at=NOW + DAY)
    drop("gone", DropState.SOLD_OUT)
    drop("autumn", DropState.CLOSED)
    drop("secret", DropState.DRAFT)
    home = queries.home(NOW)
    assert [card.slug for card in home.live] == ["winter", "candle"]
    assert [card.slug for card in home.upcoming] == ["soon", "spring"]
    assert [card.slug for card in home.closed] == ["gone", "autumn"]


@pytest.fixture
def _nothing_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """While queries are counted, a slow machine must not let a cache run out."""
    for module in (printed, queries, store, policies.queries):
        monkeypatch.setattr(module, "FRESH_SECONDS", 600.0)


@pytest.mark.usefixtures("_nothing_expires")
def test_home_costs_one_query_and_the_shop(client: Client, django_assert_num_queries: Counter) -> None:
    for number in range(5):
        drop(f"drop-{number}")
    with django_assert_num_queries(2):
        assert client.get("/").status_code == 200


@pytest.mark.usefixtures("_nothing_expires")
def test_a_drop_page_reads_its_shelf_once_and_its_stock_always(django_assert_num_queries: Counter) -> None:
    winter = drop()
    for size in "SML":
        offer(winter, f"ROBE-{size}")
    with django_assert_num_queries(4):  # the drop, its stock, its offers, their pictures
        queries.drop_page("winter-robe", NOW)
    with django_assert_num_queries(2):
        page = queries.drop_page("winter-robe", NOW)
    assert [each.sku for each in page.offers] == ["ROBE-S", "ROBE-M", "ROBE-L"]


@pytest.mark.usefixtures("_nothing_expires")
@pytest.mark.django_db(transaction=True)  # policies are remembered once the reading has committed
def test_the_next_visit_to_a_drop_costs_no_query_and_a_new_print_two(
    client: Client, django_assert_num_queries: Counter
) -> None:
    offer(drop(starts_at=now() - DAY), "ROBE-M")
    client.get("/drops/winter-robe/")
    with django_assert_num_queries(0):
        client.get("/drops/winter-robe/")
    printed.forget()
    with django_assert_num_queries(2):  # the drop, its stock
        page = client.get("/drops/winter-robe/")
    assert "5 left" in page.content.decode()


def test_a_drops_page_says_that_more_may_apply_where_it_may(client: Client) -> None:
    offer(drop(starts_at=now() - DAY), "ROBE-M")
    words = "More may apply where you live"
    assert words not in client.get("/drops/winter-robe/").content.decode()
    policy = Policy.objects.create(slug="germany", kind="cancellations", title="Withdrawal", scope="country:DE")
    draft = new_draft(policy, "staff:owner")
    draft.source = draft.summary = "14 days."
    draft.save()
    publish(draft, by="staff:owner", now=now() - DAY)
    printed.forget()
    policies.queries.forget()
    assert words in client.get("/drops/winter-robe/").content.decode()


def test_stock_is_what_can_be_bought_and_what_may_come_back() -> None:
    winter = drop()
    offer(winter, "ROBE-M", total=5)
    hold(item("ROBE-M"), 2, owner=cart())
    hold(item("ROBE-M"), 3, owner=order())
    stock.commit(order())
    [robe] = queries.drop_page("winter-robe", NOW).offers
    assert (robe.available, robe.in_carts, robe.limit, robe.price_minor, robe.currency) == (0, 2, 2, 4800, "USD")


def test_a_bundle_has_as_many_as_its_scarcest_part() -> None:
    winter = drop()
    bundle = offer(winter, "SET", total=9)
    OfferComponent.objects.create(offer=bundle, stock_item=item("SLIPPERS", 5), quantity=2)
    hold(item("SLIPPERS"), 2, owner=cart())
    assert queries.stock_of(winter.pk) == {"SET": queries.Stock(available=1, in_carts=1)}


def test_a_drop_page_shows_its_story_without_what_could_run(client: Client) -> None:
    drop(story="Made **slowly**. <script>alert(1)</script> [x](javascript:alert(1))", starts_at=now() - DAY)
    page = client.get("/drops/winter-robe/").content.decode()
    assert "Made <strong>slowly</strong>." in page
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page


def test_markdown_of_nothing_is_nothing() -> None:
    assert to_html("") == ""


def test_a_draft_is_not_there(client: Client) -> None:
    drop(state=DropState.DRAFT)
    assert client.get("/drops/winter-robe/").status_code == 404
    assert client.get("/drops/no-such-drop/").status_code == 404
    with pytest.raises(Drop.DoesNotExist):
        queries.drop_page("winter-robe", NOW)


def test_the_page_shows_the_wording_that_is_recorded(client: Client) -> None:
    drop(state=DropState.SCHEDULED, starts_at=now() + DAY)
    assert WORDING in client.get("/drops/winter-robe/").content.decode()


def test_a_drop_that_was_called_off_names_no_end_that_never_came(client: Client) -> None:
    offer(drop(state=DropState.CLOSED, starts_at=now() + DAY, ends_at=now() + 2 * DAY), "ROBE-M")
    _, _, clock = client.get("/drops/winter-robe/").content.decode().partition('data-part="when"')
    clock = clock.partition("</div>")[0]
    assert ("This drop is over" in clock, "<time" in clock) == (True, False)
