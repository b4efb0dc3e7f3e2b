"""Rules at the desk: written without code, tried on a cart, published by who may."""

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from checkout.tests import fan
from drops.models import Offer
from merchant.clock import now
from merchant.models import JournalEntry, StoreProfile
from merchant.roles import DOOR_STAFF, DROP_MANAGER, OWNER, POLICY_EDITOR, POLICY_REVIEWER, SUPPORT
from merchant.store import forget_store
from merchant.tests.staff import signed_in
from policies import rules
from policies.admin.rules import RuleDraftForm
from policies.places import EU
from policies.rule_lint import contradictions
from policies.rule_publishing import new_draft, publish
from policies.rule_words import sentence
from policies.rules import standing, term_of
from policies.rules_models import Decision, Rule, RuleVersion

pytestmark = pytest.mark.django_db
TESTER = "/admin/checkout/order/rules/"


def draft(slug: str, **says: Any) -> RuleVersion:
    rule, _ = Rule.objects.get_or_create(slug=slug, defaults={"title": slug.title()})
    version = new_draft(rule, "staff:owner")
    for name, value in ({"reason": f"No {slug}.", "change_summary": "The law."} | says).items():
        setattr(version, name, value)
    version.save()
    return version


def stands(slug: str, **says: Any) -> RuleVersion:
    version = publish(draft(slug, **says), by="staff:owner", now=now())
    rules.forget()
    return version


def typed(**changes: Any) -> dict[str, Any]:
    form: dict[str, Any] = {
        "effect": "refuse",
        "most": "",
        "minimum_age": "",
        "proof": "birth_date",
        "tag": "spirits",
        "places_0": [],
        "places_1": ["US-UT"],
        "places_2": "us 995 - 999",
        "unknown_place": "address",
        "reason": "Not there.",
        "change_summary": "",
        "effective_at_0": "",
        "effective_at_1": "",
    }
    return form | changes


@pytest.fixture
def ships(db: None) -> None:
    StoreProfile(pk=1, name="Shop", country="US", ships_to=["US", "DE"], timezone="Europe/Berlin").save()
    forget_store()


def draft_page(version: RuleVersion) -> str:
    return reverse("admin:policies_ruleversion_change", args=[version.pk])


@pytest.mark.parametrize(
    ("parts", "places"),
    [
        ({"places_0": ["country:DE", "country:US"]}, ["DE", "US"]),
        ({"places_0": ["area:EU", "country:CH", "country:DE"]}, [*sorted(EU), "CH"]),
        ({"places_1": ["US-CA", "DE-BY"]}, ["US-CA", "DE-BY"]),
        ({"places_2": "United States 995 - 999, gb bt"}, ["US 995-999", "GB BT"]),
        ({"places_0": ["country:FR"], "places_1": ["US-UT"], "places_2": "DE 27498"}, ["FR", "US-UT", "DE 27498"]),
        ({}, []),
    ],
)
def test_places_are_chosen_by_their_names(ships: None, parts: dict[str, Any], places: list[str]) -> None:
    version, editor = draft("spirits", places=["CA"]), signed_in(POLICY_EDITOR)
    assert editor.post(draft_page(version), typed(places_1=[], places_2="") | parts).status_code == 302
    version.refresh_from_db()
    assert version.places == places
    field = RuleDraftForm(instance=version).fields["places"]
    again = {f"places_{number}": part for number, part in enumerate(field.widget.decompress(places))}
    form = RuleDraftForm(typed(**again), instance=version)
    assert form.is_valid(), form.errors
    assert "places" not in form.changed_data


def test_the_draft_offers_names_and_a_published_version_says_them(ships: None) -> None:
    version, owner = draft("spirits", places=[*sorted(EU), "US-UT", "FR-IDF", "US 995-999"]), signed_in(OWNER)
    page = html.unescape(owner.get(draft_page(version)).content.decode())
    for option in (
        '<option value="area:EU" selected>European Union</option>',
        '<option value="country:US">United States</option>',
        '<option value="US-UT" selected>Utah (United States)</option>',
        '<option value="FR-IDF" selected>Île-de-France (France)</option>',
        '<option value="DE-BY">Bayern (Germany)</option>',
    ):
        assert option in page, option
    assert "US 995-999</textarea>" in page
    assert "Sydney" not in page, "the shop does not deliver to Australia"
    publish(version, by="staff:owner", now=now())
    page = html.unescape(owner.get(draft_page(version)).content.decode())
    names = "Utah (United States), Île-de-France (France), postal codes 995–999 of the United States"
    assert f"The European Union, {names}" in page
    assert ("US-UT" in page, "AT, BE" in page) == (False, False)


def test_a_shop_that_delivers_everywhere_is_offered_every_region(db: None) -> None:
    StoreProfile(pk=1, name="Shop", country="US", ships_to=[], timezone="Europe/Berlin").save()
    forget_store()
    page = signed_in(OWNER).get(draft_page(draft("spirits"))).content.decode()
    assert '<option value="AU-NSW">New South Wales (Australia)</option>' in page


def test_only_the_part_that_is_refused_is_marked(ships: None) -> None:
    form = RuleDraftForm(typed(places_0=["country:DE"], places_2="Utah"), instance=draft("spirits"))
    assert not form.is_valid()
    parts = form["places"].as_widget().split('<div class="scope-part')[1:]
    assert ["scope-wrong" in part[:12] for part in parts] == [False, False, True]


def test_what_was_decided_names_its_place() -> None:
    told = {"country": "US", "region": "US-CA", "ip_place": "DE"}
    assert Decision(inputs=told).place == "California (United States) · Germany"
    assert Decision(inputs={"country": "DE", "region": "given"}).place == "Germany · unknown"


def test_a_rule_is_named_written_and_published_by_two_people(ships: None) -> None:
    editor = signed_in(POLICY_EDITOR)
    answer = editor.post(reverse("admin:policies_rule_add"), {"title": "Spirits", "slug": "spirits"})
    version = RuleVersion.objects.get()
    page = reverse("admin:policies_ruleversion_change", args=[version.pk])
    assert answer["Location"] == page
    assert editor.post(page, typed()).status_code == 302
    version.refresh_from_db()
    assert (version.places, version.reason) == (["US-UT", "US 995-999"], "Not there.")
    told = (
        "Everything tagged “spirits” is not sold in Utah (United States) and postal codes 995–999 of the United States."
    )
    assert told in editor.get(page).content.decode()
    publishing = reverse("admin:policies_ruleversion_publish_version", args=[version.pk])
    assert editor.get(publishing).status_code == 403
    reviewer = signed_in(POLICY_REVIEWER)
    dialog = reviewer.get(publishing).content.decode()
    reviewed = re.search(r'name="reviewed" value="(\w+)"', dialog)
    assert reviewed
    reviewer.post(publishing, {"_form_submitted": "on", "reviewed": reviewed[1]})
    version.refresh_from_db()
    assert version.published_by == "staff:the-policy-reviewer"
    rules.forget()
    assert [term.ref for term in standing(now())] == ["spirits/v1"]
    verbs = list(JournalEntry.objects.filter(subject="rule:spirits").order_by("id").values_list("verb", flat=True))
    assert verbs == ["named", "draft_started", "draft_edited", "published"]
    assert "Spirits" in reviewer.get(reverse("admin:policies_rule_changelist")).content.decode()


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"places_2": "Utah"}, "places", "UTAH: write the country, then postal codes: US 99500-99999"),
        ({"places_2": "DE"}, "places", "DE: choose a whole country from the list of countries."),
        ({"places_2": "x" * 4001}, "places", "At most 4,000 characters."),
        ({"places_0": ["country:XX"]}, "places", "There is no such country. Choose from the list."),
        ({"places_0": ["country:A\0"]}, "places", "There is no such country. Choose from the list."),
        ({"places_1": ["US-ZZ"]}, "places", "There is no such state or region where you deliver to."),
        ({"places_1": ["FR-IDF"]}, "places", "There is no such state or region where you deliver to."),
        (
            {"places_0": ["area:EU"], "places_2": ", ".join(f"US {code}" for code in range(10000, 10174))},
            "places",
            "At most 200 places in one rule; a union counts as its countries.",
        ),
        ({"effect": "most"}, "most", "Say how many"),
        ({"effect": "age"}, "minimum_age", "Say from which age"),
        ({"effect": "age", "minimum_age": "150"}, "minimum_age", "less than or equal to 99"),
        ({"elsewhere": "on", "places_1": [], "places_2": ""}, "places", "Name the places"),
        ({"reason": ""}, "reason", "required"),
        ({"tag": "two words"}, "tag", "valid"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(ships: None, wrong: dict[str, Any], field: str, said: str) -> None:
    version = draft("spirits")
    answer = signed_in(OWNER).post(reverse("admin:policies_ruleversion_change", args=[version.pk]), typed(**wrong))
    assert answer.status_code == 200
    assert said in " ".join(answer.context["adminform"].form.errors[field])


def test_a_published_version_is_only_looked_at() -> None:
    version = stands("spirits")
    page = reverse("admin:policies_ruleversion_change", args=[version.pk])
    client = signed_in(OWNER)
    assert client.post(page, typed()).status_code == 403
    assert "is never edited" in client.get(page).content.decode()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (OWNER, 200),
        (DROP_MANAGER, 200),
        (POLICY_EDITOR, 200),
        (POLICY_REVIEWER, 200),
        (SUPPORT, 200),
        (DOOR_STAFF, 403),
    ],
)
def test_who_may_try_the_rules(role: str, allowed: int) -> None:
    assert signed_in(role).get(TESTER).status_code == allowed


@pytest.fixture
def owner(db: None) -> Client:
    StoreProfile(pk=1, name="Shop", country="US", ships_to=["US", "DE"], timezone="Europe/Berlin").save()
    fan.live_drop(skus=("ROBE-M", "ROBE-L"))
    return signed_in(OWNER)


def tries(client: Client, **changes: str) -> str:
    units = {f"units_{offer.pk}": "1" for offer in Offer.objects.filter(variant__sku="ROBE-M")}
    form = {"try": "1", "drop": "winter-robe", "country": "US", "region": "CA", "postal_code": "90210"} | units
    return client.get(TESTER, form | changes).content.decode()


def test_the_tester_says_what_a_fan_would_read_and_writes_nothing(owner: Client) -> None:
    stands("embargo", places=["US-CA"], reason="Not to California.")
    assert "Refused" in (page := tries(owner))
    assert "Not to California." in page
    assert "embargo/v1" in page
    assert "Allowed" in tries(owner, region="Oregon")
    assert "Asked for more of the address" in tries(owner, region="")
    assert "We do not deliver to France" in tries(owner, country="FR")
    assert "Allowed, and somebody may want to look" in tries(
        owner, country="DE", ip_country="US", ip_region="California"
    )
    assert not Decision.objects.exists()


def test_the_tester_tries_ages_and_drafts(owner: Client) -> None:
    draft("spirits", effect="age", minimum_age=18)
    assert "No rule holds" in tries(owner)
    assert "Enter your date of birth" in tries(owner, drafts="on")
    assert "Of age by date of birth" in tries(owner, drafts="on", birth_date="1990-01-01")
    assert "Refused" in tries(owner, drafts="on", birth_date=f"{now().year - 5}-01-01")


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": "nothing\x00"},
        {"country": "XQ"},
        {"ip_country": "<b>"},
        {"ip_country": "XQ", "ip_region": "California"},
        {"birth_date": "yesterday"},
        {"region": "x" * 99},
    ],
)
def test_the_tester_takes_nonsense_calmly(owner: Client, wrong: dict[str, str]) -> None:
    assert "Would this cart be allowed?" in tries(owner, **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ip_region": "Bavaria"}, "Choose the country that “Bavaria” lies in."),
        ({"ip_country": "US", "ip_region": "Bavaria"}, "There is no state or region “Bavaria” in the United States."),
    ],
)
def test_a_region_of_nowhere_is_said_beside_its_field(owner: Client, wrong: dict[str, str], said: str) -> None:
    assert said in html.unescape(tries(owner, **wrong))


def test_the_tester_proposes_regions_by_their_names(owner: Client) -> None:
    page = owner.get(TESTER).content.decode()
    door = reverse("admin:policies_policy_regions")
    assert page.count(f'hx-get="{door}"') == 2
    for field in ("country", "ip_country"):
        assert f'hx-include="[name={field}]"' in page
        assert '<option value="California">' in owner.get(door, {field: "US", "region": ""}).content.decode()


def test_htmx_gets_the_tester_alone(owner: Client) -> None:
    page = owner.get(TESTER, {"try": "1", "drop": "winter-robe", "country": "US"}, headers={"HX-Request": "true"})
    assert page.content.decode().lstrip().startswith('<div id="rule-tester">')


def test_the_list_says_what_contradicts(owner: Client) -> None:
    stands("a", places=["US"])
    stands("b", effect="age", minimum_age=18, places=["US-CA"])
    page = owner.get(reverse("admin:policies_rule_changelist")).content.decode()
    assert "b/v1 never matters: a/v1 refuses everything there altogether." in page


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({}, None, "a/v1 refuses everything everywhere: nothing of it can be sold."),
        (
            {"places": ["US", "US-CA"]},
            None,
            "a/v1 names California (United States) and the whole country: the country is enough.",
        ),
        ({"places": ["FR"]}, None, "a/v1 never matters: the shop delivers to none of its places."),
        (
            {"places": ["US"], "tag": "x"},
            {"places": ["US 995-999"], "tag": "x"},
            "b/v1 says what a/v1 says already.",
        ),
        (
            {"effect": "most", "most": 2},
            {"effect": "most", "most": 5, "places": ["US"]},
            "b/v1 never matters: a/v1 allows 2 at most.",
        ),
        (
            {"effect": "age", "minimum_age": 21},
            {"effect": "age", "minimum_age": 18, "tag": "x"},
            "b/v1 never matters: a/v1 asks for 21 years.",
        ),
        (
            {"effect": "age", "minimum_age": 18, "proof": "attestation"},
            {"effect": "age", "minimum_age": 18},
            "a/v1 takes a box to tick, and b/v1 wants a date of birth: fans are asked for the date.",
        ),
        (
            {"places": ["US"], "elsewhere": True},
            {"places": ["DE"], "elsewhere": True},
            "a/v1 and b/v1 leave no place where everything can be sold.",
        ),
    ],
)
def test_the_lint_names_what_cannot_be_meant(one: dict[str, Any], other: dict[str, Any] | None, said: str) -> None:
    terms = [term_of(draft("a", **one)), *([term_of(draft("b", **other))] if other else [])]
    assert said in contradictions(terms, ships_to=["US", "DE"])


def test_the_lint_is_silent_about_rules_that_live_together() -> None:
    terms = [
        term_of(draft("a", effect="age", minimum_age=18, tag="spirits")),
        term_of(draft("b", effect="age", minimum_age=21, tag="spirits", places=["US"])),
        term_of(draft("c", tag="spirits", places=["US-UT"])),
        term_of(draft("d", effect="most", most=3, tag="spirits")),
        term_of(draft("e", tag="knives", places=["DE", "AT"], elsewhere=True)),
        term_of(draft("f", tag="knives", places=["DE 27498"])),
    ]
    assert contradictions(terms, ships_to=["US", "DE"]) == []


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({}, "Everything is not sold."),
        ({"tag": "knives", "places": ["GB"]}, "Everything tagged “knives” is not sold in the United Kingdom."),
        ({"places": ["DE", "AT"], "elsewhere": True}, "Everything is not sold outside of Germany and Austria."),
        ({"effect": "most", "most": 3}, "Everything is sold 3 at most in one order."),
        (
            {"effect": "age", "minimum_age": 18, "places": ["DE"]},
            "Everything is sold from 18 years on, shown by date of birth, in Germany.",
        ),
        ({"effect": "age", "minimum_age": 18}, "Everything is sold from 18 years on, shown by date of birth."),
        ({"lifted": True}, "It holds nowhere any more."),
        (
            {"places": [*sorted(EU), "CH", "US-UT", "US-CA", "US 995"]},
            (
                "Everything is not sold in the European Union, Switzerland, Utah (United States),"
                " California (United States) and postal codes 995 of the United States."
            ),
        ),
        (
            {"places": ["CH", "NO", "IS", "GB", "US", "CA"]},
            "Everything is not sold in Switzerland, Norway, Iceland, the United Kingdom and 2 other places.",
        ),
    ],
)
def test_a_rule_in_a_sentence(says: dict[str, Any], words: str) -> None:
    assert sentence(draft("a", **says)) == words
