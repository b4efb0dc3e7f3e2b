"""The terms that one statement reads are those that the ORM reads."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from drops import catalog, queries, stock, terms
from drops.errors import UnknownOffer
from drops.models import Drop, DropState, Offer, SaleWindow
from drops.tests.factories import NOW, drop, offer, variant
from merchant.money import Money

pytestmark = pytest.mark.django_db


def test_they_are_what_the_orm_reads() -> None:
    made = drop(hold_minutes=7, pickup_place="Long Street 1", ship_date=NOW.date())
    window = SaleWindow.objects.create(drop=made, opens_at=NOW, closes_at=None)
    single = offer(made, "ROBE-M", price_minor=4800)
    pair = catalog.add_bundle(
        made, variant("SET"), [(single.variant, 2), (variant("ROBE-S"), 1)], price=Money(9000, "USD"), limit=3
    )
    read = terms.read(made.pk)
    assert read.drop == made
    for field in Drop._meta.concrete_fields:
        assert getattr(read.drop, field.attname) == getattr(Drop.objects.get(), field.attname)
    assert [(each.kind, each.opens_at, each.closes_at) for each in read.windows] == [(window.kind, NOW, None)]
    for one in Offer.objects.select_related("variant__product"):
        given = read.offers[one.variant.sku]
        assert (given.offer_id, given.unit_minor, given.currency, given.limit) == (
            one.pk,
            one.price_minor,
            one.currency,
            one.per_person_limit,
        )
        assert given.title == f"{one.variant.product.title}, {one.variant.title}"
    wanted = [(single.pk, 1), (pair.pk, 2)]
    assert read.needs([("ROBE-M", 1), ("SET", 2)]) == stock.needs(wanted)


def test_an_offer_without_stock_behind_it_is_no_offer() -> None:
    made = drop()
    Offer.objects.create(drop=made, variant=variant("ROBE-M"), price_minor=1, currency="USD")
    with pytest.raises(UnknownOffer):
        terms.read(made.pk).needs([("ROBE-M", 1)])


def test_what_is_known_costs_no_query_and_a_draft_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "FRESH_SECONDS", 600.0)
    made = drop()
    terms.known(made.slug)
    with CaptureQueriesContext(connection) as queries:
        assert terms.known(made.slug).drop == made
    assert len(queries) == 0
    drop("secret-robe", DropState.DRAFT)
    for slug in ("secret-robe", "no-such", "nul\0"):
        with pytest.raises(Drop.DoesNotExist):
            terms.known(slug)


def test_a_story_that_is_edited_is_told_anew_though_the_terms_stay() -> None:
    made = drop(story="It was *warm*.")
    offer(made, "ROBE-M")
    queries.picture_urls(terms.read(made.pk).drop)
    Drop.objects.update(story="It is warm.")
    queries.forget()
    queries.picture_urls(terms.read(made.pk).drop)  # a quote may be the first to look after the edit
    assert queries.drop_page(made.slug, NOW).story_html == "<p>It is warm.</p>"
