"""Rules at the desk: written without code, tried on a cart, published by who may."""

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
from merchant.tests.staff import signed_in
from policies import rules
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


def typed(**changes: str) -> dict[str, str]:
    form = {
        "effect": "refuse",
        "most": "",
        "minimum_age": "",
        "proof": "birth_date",
        "tag": "spirits",
        "places": "us-ut, us 995 - 999",
        "unknown_place": "address",
        "reason": "Not there.",
        "change_summary": "",
        "effective_at_0": "",
        "effective_at_1": "",
    }
    return form | changes


def test_a_rule_is_named_written_and_published_by_two_people() -> None:
    editor = signed_in(POLICY_EDITOR)
    answer = editor.post(reverse("admin:policies_rule_add"), {"title": "Spirits", "slug": "spirits"})
    version = RuleVersion.objects.get()
    page = reverse("admin:policies_ruleversion_change", args=[version.pk])
    assert answer["Location"] == page
    assert editor.post(page, typed()).status_code == 302
    version.refresh_from_db()
    assert (version.places, version.reason) == (["US-UT", "US 995-999"], "Not there.")
    told = "Everything tagged “spirits” is not sold in Utah (US) and postal codes 995–999 of the United States."
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
        ({"places": "Utah"}, "places", "there is no country UT"),
        ({"effect": "most"}, "most", "Say how many"),
        ({"effect": "age"}, "minimum_age", "Say from which age"),
        ({"effect": "age", "minimum_age": "150"}, "minimum_age", "less than or equal to 99"),
        ({"elsewhere": "on", "places": ""}, "places", "Name the places"),
        ({"reason": ""}, "reason", "required"),
        ({"tag": "two words"}, "tag", "valid"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(wrong: dict[str, str], field: str, said: str) -> None:
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
    assert "Allowed, and somebody may want to look" in tries(owner, country="DE", ip_place="US-CA")
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
        {"ip_place": "<b>"},
        {"birth_date": "yesterday"},
        {"region": "x" * 99},
    ],
)
def test_the_tester_takes_nonsense_calmly(owner: Client, wrong: dict[str, str]) -> None:
    assert "Would this cart be allowed?" in tries(owner, **wrong)


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
        ({"places": ["US", "US-CA"]}, None, "a/v1 names California (US) and the whole country: the country is enough."),
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
    ],
)
def test_a_rule_in_a_sentence(says: dict[str, Any], words: str) -> None:
    assert sentence(draft("a", **says)) == words
