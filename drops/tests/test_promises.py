"""What the checklist asks of the texts of a drop (P18), and where it sends the merchant to mend it."""

from datetime import timedelta

import pytest
from django.urls import reverse

import policies.queries
from drops import queries, scheduling
from drops.disclosures import held_keys
from drops.errors import NotReady
from drops.models import Drop, DropState
from drops.promises import Demand, demands
from drops.readiness import checklist, hurdles
from drops.tests.factories import NOW, drop, offer
from merchant.models import StoreProfile
from policies import rules, scopes
from policies.errors import NotPublishable
from policies.models import Policy
from policies.publishing import new_draft, obstacles, publish
from policies.queries import more_by_place
from policies.retiring import retire
from policies.rule_publishing import new_draft as begin_rule, publish as publish_rule
from policies.rules_models import Rule, RuleVersion

pytestmark = pytest.mark.django_db
BEFORE = NOW - timedelta(days=1)


@pytest.fixture
def shop() -> StoreProfile:
    return StoreProfile.objects.create(pk=1, name="Shop", ships_to=["US"])


@pytest.fixture
def robe(shop: StoreProfile) -> Drop:
    says("returns", "30 days to send it back.")
    planned = drop(state=DropState.DRAFT, starts_at=NOW + timedelta(hours=1), ends_at=NOW + timedelta(hours=3))
    offer(planned)
    return planned


def says(kind: str, summary: str, *, scope: str = "shop", source: str = "", slug: str = "") -> None:
    policy = Policy.objects.create(slug=slug or kind, kind=kind, title=(slug or kind).capitalize(), scope=scope)
    draft = new_draft(policy, "staff:owner")
    draft.source, draft.summary = source or summary, summary
    draft.save()
    publish(draft, by="staff:owner", now=BEFORE)


def asks_for_an_age(years: int, *, tag: str, places: tuple[str, ...] = (), elsewhere: bool = False) -> None:
    slug = "-".join(("age", str(years), tag, *places)).lower()
    draft = begin_rule(Rule.objects.create(slug=slug, title="Age"), "staff:owner")
    said = {"places": list(places), "elsewhere": elsewhere, "reason": "Not for the young.", "change_summary": "New."}
    RuleVersion.objects.filter(pk=draft.pk).update(effect="age", minimum_age=years, tag=tag, **said)
    publish_rule(draft, by="staff:owner", now=BEFORE)
    rules.forget()


def ships_to(shop: StoreProfile, *countries: str) -> None:
    shop.ships_to = list(countries)
    shop.save()


def open_ones(of: Drop, about: str) -> list[Demand]:
    shop = StoreProfile.objects.get()
    return [each for each in demands(of, shop, now=NOW) if not each.done and about in each.words]


def tagged(of: Drop, *tags: str) -> None:
    product = of.offers.get().variant.product
    product.tags = list(tags)
    product.save()
    queries.forget()


def test_a_drop_that_promises_all_it_must_may_go_live(robe: Drop) -> None:
    assert hurdles(robe, now=NOW) == []
    scheduling.schedule(robe, actor="staff:owner", now=NOW)


def test_p18_a_pre_order_without_a_ship_date_cannot_go_live(robe: Drop) -> None:
    says("pre_order", "You pay today.", scope=f"drop:{robe.slug}")
    words = "Set the ship date: this is a pre-order, “Pre_order” applies to it."
    assert [each.fix for each in open_ones(robe, words)] == [f"/admin/drops/drop/{robe.pk}/change/"]
    with pytest.raises(NotReady) as refusal:
        scheduling.schedule(robe, actor="staff:owner", now=NOW)
    assert refusal.value.hurdles == [words]
    robe.ship_date = (NOW + timedelta(days=30)).date()
    assert hurdles(robe, now=NOW) == []


def test_a_product_tagged_as_a_pre_order_wants_its_date_too(robe: Drop) -> None:
    tagged(robe, "pre-order")
    assert len(open_ones(robe, "a product is tagged as one")) == 1


def test_p18_a_drop_to_the_union_without_withdrawal_cannot_go_live(robe: Drop, shop: StoreProfile) -> None:
    ships_to(shop, "US", "DE", "FR")
    [demand] = open_ones(robe, "right of withdrawal")
    assert (demand.words, demand.fix) == (
        "Publish the right of withdrawal for the European Economic Area.",
        "/admin/policies/policy/library/",
    )
    with pytest.raises(NotReady):
        scheduling.schedule(robe, actor="staff:owner", now=NOW)
    [check] = [each for each in checklist(robe, now=NOW) if "right of withdrawal" in each.words]
    assert (check.must, check.fix) == (True, demand.fix)
    says("cancellations", "14 days.", scope="country:DE")
    assert "orders to France are told nothing of it" in open_ones(robe, "right of withdrawal")[0].words
    says("cancellations", "14 days.", scope="area:EU", slug="withdrawal")
    assert open_ones(robe, "right of withdrawal") == []


def test_a_shop_that_ships_everywhere_ships_to_the_union(robe: Drop, shop: StoreProfile) -> None:
    ships_to(shop)
    assert "or name the countries you ship to" in open_ones(robe, "right of withdrawal")[0].words
    ships_to(shop, "US", "CA")
    assert open_ones(robe, "right of withdrawal") == []


def test_what_is_for_adults_wants_its_rule(robe: Drop) -> None:
    tagged(robe, "age-18", "candle")
    assert [each.must for each in open_ones(robe, "tagged “age-18”")] == [True, True]
    says("age", "For people of 18 and over.", scope="tag:age-18")
    assert open_ones(robe, "age restriction") == []
    [rule] = open_ones(robe, "asks for an age")
    assert (rule.must, rule.fix) == (True, "/admin/policies/rule/")
    assert rule.words == "Publish the rule that asks for an age of 18 for what is tagged “age-18”."
    asks_for_an_age(16, tag="candle")
    assert open_ones(robe, "asks for an age") == [rule]
    asks_for_an_age(16, tag="age-18")
    assert open_ones(robe, "asks for an age")[0].words == rule.words[:-1] + ": the one that stands asks for 16."
    asks_for_an_age(18, tag="")
    assert open_ones(robe, "asks for an age") == []


def test_a_rule_for_some_places_is_none_for_the_others(robe: Drop, shop: StoreProfile) -> None:
    tagged(robe, "age-18")
    says("age", "For people of 18 and over.")
    asks_for_an_age(18, tag="age-18", places=("US-UT",))
    asked = "Publish the rule that asks for an age of 18 for what is tagged “age-18”: the one that stands does not hold"
    assert [each.words for each in open_ones(robe, "asks for an age")] == [f"{asked} in all of United States."]
    asks_for_an_age(18, tag="age-18", places=("US",))
    assert open_ones(robe, "asks for an age") == []
    ships_to(shop, "US", "DE")
    assert [each.words for each in open_ones(robe, "asks for an age")] == [f"{asked} in all of Germany."]
    ships_to(shop)
    assert [each.words for each in open_ones(robe, "asks for an age")] == [f"{asked} everywhere."]
    ships_to(shop, "US", "DE")
    asks_for_an_age(18, tag="age-18", places=("US-CA",), elsewhere=True)
    assert open_ones(robe, "asks for an age") == []


def test_norway_has_the_right_to_withdraw_too(robe: Drop, shop: StoreProfile) -> None:
    ships_to(shop, "US", "NO")
    assert len(open_ones(robe, "right of withdrawal")) == 1
    says("cancellations", "14 days.", scope="area:EU")
    assert len(open_ones(robe, "right of withdrawal")) == 1
    says("cancellations", "14 days.", scope="area:EEA", slug="withdrawal")
    assert open_ones(robe, "right of withdrawal") == []


def test_a_text_whose_value_the_drop_lacks(robe: Drop) -> None:
    says("shipping", "It ships.", source="It leaves on {{ ship_date }}.")
    [demand] = open_ones(robe, "ship_date")
    assert demand.words == "“Shipping” says {{ ship_date }} has no value. Set the drop's ship date."


def test_a_text_that_says_otherwise_than_the_profile_is_advice(robe: Drop, shop: StoreProfile) -> None:
    shop.return_days = 30
    shop.save()
    says("shipping", "It ships.", source="Back within {{ return_days }} days.")
    shop.return_days = 7
    shop.save()
    [demand] = open_ones(robe, "goes on saying")
    assert demand.words == (
        "“Shipping”, version 1, goes on saying “30” for {{ return_days }}; the shop's profile says “7”."
        " Start a new version, or set the profile back."
    )
    assert (demand.must, demand.fix) == (
        False,
        reverse("admin:policies_policy_change", args=[Policy.objects.get(kind="shipping").pk]),
    )


def test_a_text_does_not_become_public_while_a_drop_on_sale_lacks_its_value(robe: Drop) -> None:
    def obstacles_to(scope: str) -> list[str]:
        slug = scopes.written([scope]).replace(":", "-").lower()
        policy = Policy.objects.create(slug=f"on-{slug}", kind="shipping", title="Shipping", scope=scope)
        draft = new_draft(policy, "staff:owner")
        draft.source = draft.summary = "It leaves on {{ ship_date }}."
        draft.save()
        return obstacles(draft, now=NOW, effective_at=NOW)

    assert obstacles_to("shop") == []  # nothing sells yet
    Drop.objects.filter(pk=robe.pk).update(state=DropState.SCHEDULED)
    words = (
        f"{{{{ ship_date }}}} has no value for “{robe.title}”, which it applies to."
        " Set its ship date, or choose pre-orders alone."
    )
    assert obstacles_to(f"drop:{robe.slug}") == [words]
    assert obstacles_to("country:US") == [words]
    assert obstacles_to("preorder") == []
    assert obstacles_to("tag:gin") == []
    assert obstacles_to("drop:another") == []
    with pytest.raises(NotPublishable):
        says("terms", "It leaves on {{ ship_date }}.")


def test_return_windows_that_contradict_are_advice(robe: Drop) -> None:
    says("returns", "14 days to send it back.", slug="robes", scope=f"drop:{robe.slug}")
    [demand] = open_ones(robe, "contradict")
    assert (demand.must, demand.fix) == (False, "/admin/policies/policy/")


def test_a_sentence_nobody_finishes_is_advice(robe: Drop) -> None:
    says("terms", "Terms.", source=" ".join(["word"] * 60) + ".")
    assert [each.must for each in open_ones(robe, "Hard to follow")] == [False]


def test_a_translation_that_lags_is_named_with_its_page(robe: Drop) -> None:
    policy = Policy.objects.get(kind="returns")
    for language, source in (("de", "30 Tage."), ("en", "14 days.")):
        draft = new_draft(policy, "staff:owner", language=language)
        draft.source, draft.summary, draft.change_summary = source, source, "Shorter."
        draft.save()
        publish(draft, by="staff:owner", now=BEFORE)
    [lag] = open_ones(robe, "is older than the English one")
    assert lag.fix == f"/admin/policies/policy/{policy.pk}/change/"
    assert not lag.must
    assert hurdles(robe, now=NOW) == []


def test_the_drops_page_says_that_more_may_apply_only_where_it_may(robe: Drop) -> None:
    def told() -> bool:
        policies.queries.forget()
        return more_by_place(held_keys(robe), NOW)

    assert not told()
    says("cancellations", "14 days.", scope="tag:spirits + area:EU", slug="spirits")
    assert not told(), "nothing of it is sold here"
    says("cancellations", "14 days.", scope=f"drop:{robe.slug} + country:DE", slug="germany")
    assert told()
    retire(Policy.objects.get(slug="germany"), why="It is over.", by="staff:owner", now=BEFORE)
    assert not told()
