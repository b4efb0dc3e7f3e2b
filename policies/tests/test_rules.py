"""What rules say, without an order around them."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, transaction

from merchant.models import JournalEntry
from policies import rules
from policies.ages import age_on, read_birth_date
from policies.errors import AlreadyPublished, DraftChanged, NotPublishable
from policies.places import EU, In, Where, all_in_words, lies_in, needs, read_postal_codes, region_code
from policies.restrictions import judge
from policies.rule_publishing import fingerprint, new_draft, publish
from policies.rules import Asked, Item
from policies.rules_models import Rule, RuleVersion
from policies.tests.racing import TWINS, race

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROBE = [Item(frozenset({"sleepwear"}), 1)]
GIN = [Item(frozenset({"spirits"}), 2)]
FILM = [Item(frozenset({"digital"}), 1)]


def stands(slug: str = "rule", *, at: datetime = NOON, **says: Any) -> RuleVersion:
    """The next version of a rule, published."""
    rule, _ = Rule.objects.get_or_create(slug=slug, defaults={"title": slug.title()})
    draft = new_draft(rule, "staff:owner")
    for name, value in ({"reason": "We may not.", "change_summary": "The law."} | says).items():
        setattr(draft, name, value)
    draft.save()
    version = publish(draft, by="staff:owner", now=at)
    rules.forget()
    return version


class ForgottenAtOnce(list[Any]):
    """As if another thread forgot what was remembered right after it was."""

    def __setitem__(self, place: Any, value: Any) -> None:
        super().__setitem__(place, value)
        self.clear()


@pytest.mark.django_db
def test_a_thread_that_forgets_the_rules_takes_them_from_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    stands()
    monkeypatch.setattr(rules, "_known", ForgottenAtOnce())
    assert [term.slug for term in rules.published()] == ["rule"]


def asks(items: list[Item], country: str = "DE", *, at: datetime = NOON, **known: Any) -> Any:
    where = Where(country, known.pop("region", ""), known.pop("postal_code", ""))
    return judge(Asked(where, whole=True, **known), items, ships_to=[], now=at)


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "where", "found"),
    [
        ("US", Where("US"), In.YES),
        ("US", Where("DE"), In.NO),
        ("US-CA", Where("US", "California"), In.YES),
        ("US-CA", Where("US", " ca "), In.YES),
        ("US-CA", Where("US", "US-CA"), In.YES),
        ("US-CA", Where("US", "Oregon"), In.NO),
        ("US-CA", Where("US"), In.UNSURE),
        ("US-CA", Where("US", "Narnia"), In.UNSURE),
        ("US-CA", Where("MX"), In.NO),
        ("DE-BW", Where("DE", "baden-wurttemberg"), In.YES),
        ("US 995-999", Where("US", "", "99501"), In.YES),
        ("US 995-999", Where("US", "", "99401-1234"), In.NO),
        ("US 995-999", Where("US"), In.UNSURE),
        ("US 995-999", Where("US", "", "AK 99501"), In.YES),
        ("US 995-999", Where("US", "", "９９５０１"), In.YES),
        ("US 995-999", Where("US", "", "none"), In.UNSURE),
        ("DE 10115", Where("DE", "", "D-10115"), In.YES),
        ("LV 1000-1099", Where("LV", "", "LV-1010"), In.YES),
        ("JP 100", Where("JP", "", "〒100-0001"), In.YES),
        ("GB BT", Where("GB", "", "bt1 1aa"), In.YES),
        ("GB BT", Where("GB", "", "BT.1 1AA"), In.YES),
        ("GB B", Where("GB", "", "BT1 1AA"), In.NO),
        ("CA H0H", Where("CA", "", "H0H 0H0"), In.YES),
        ("DE 27498", Where("DE", "", "27498"), In.YES),
        ("DE 27498", Where("DE", "", "2749"), In.NO),
    ],
)
def test_an_address_lies_in_a_place_or_not_or_nobody_knows(place: str, where: Where, found: In) -> None:
    assert lies_in([place], where) is found


def test_postal_codes_are_read_as_people_write_them() -> None:
    typed = "us 99500 – 99999;GB bt\nUnited states 995,  germany 27498"
    assert read_postal_codes(typed) == (["US 99500-99999", "GB BT", "US 995", "DE 27498"], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("XQ", "XQ: write the country, then postal codes: US 99500-99999, or GB BT."),
        ("99500-99999", "99500-99999: write the country, then postal codes"),
        ("XQ 9", "XQ 9: there is no country XQ."),
        ("de", "DE: choose a whole country from the list of countries."),
        ("Germany", "GERMANY: choose a whole country from the list of countries."),
        ("US-CA", "US-CA: choose a state or region from its list."),
        ("US 999-99", "US 999-99: the first postal code must be as long as the last, and not after it."),
        ("US 9-1", "US 9-1: the first postal code must be as long as the last, and not after it."),
        ("US 99501!", "US 99501!: write the country, then postal codes"),
        ("A" * 5000, "At most 4,000 characters."),
        ("US 1\0", "write the country, then postal codes"),
    ],
)
def test_what_are_no_postal_codes_is_said(text: str, said: str) -> None:
    assert said in " ".join(read_postal_codes(text)[1])


def test_places_are_said_by_name_and_a_whole_union_by_its_own() -> None:
    assert all_in_words(["US-UT", "DE", "US 995-999"]) == [
        "Utah (United States)",
        "Germany",
        "postal codes 995–999 of the United States",
    ]
    assert all_in_words([*sorted(EU), "CH"]) == ["the European Union", "Switzerland"]
    assert all_in_words(sorted(EU - {"AT"}))[0] == "Belgium"


def test_a_region_that_is_needed_is_asked_for() -> None:
    assert list(needs(["US-CA", "US 995"], Where("US"))) == ["region", "postal_code"]
    assert list(needs(["US 995"], Where("US", "", "none"))) == ["postal_code"]
    assert needs(["US-CA"], Where("DE")) == {}
    assert region_code("US", "Narnia") is None


# --- ages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2008, 11, 20), date(2026, 11, 20), 18),  # P12: today is the birthday
        (date(2008, 11, 21), date(2026, 11, 20), 17),
        (date(2008, 2, 29), date(2026, 2, 28), 17),  # P12: no 29 February this year
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 28), 19),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
    ],
)
def test_p12_the_boundaries_of_an_age(born: date, day: date, age: int) -> None:
    assert age_on(day, born=born) == age


@pytest.mark.parametrize(
    "given", ["2027-01-01", "1890-01-01", "31.12.2001", "2001-02-30", "20011231", "x" * 300, "2001-W01-1"]
)
def test_what_is_no_date_of_birth_is_said(given: str) -> None:
    assert read_birth_date(given, date(2026, 11, 20))[0] is None
    assert read_birth_date(given, date(2026, 11, 20))[1]


# --- what rules say --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_refuses_a_tag_in_a_place_and_says_why() -> None:
    stands("spirits", tag="spirits", places=["US-UT"], reason="We may not send spirits to Utah.")
    refused = asks(GIN, "US", region="Utah")
    assert (refused.allowed, refused.reason) == (False, "We may not send spirits to Utah.")
    assert refused.findings == (("spirits/v1", "refused"),)
    assert asks(GIN, "US", region="CA").allowed
    assert asks(ROBE, "US", region="Utah").allowed
    assert asks(GIN, "US").fields.keys() == {"region"}


@pytest.mark.django_db
def test_everywhere_but() -> None:
    stands(places=["DE", "AT"], elsewhere=True)
    assert asks(ROBE, "AT").allowed
    assert not asks(ROBE, "FR").allowed


@pytest.mark.django_db
def test_counts_the_units_of_a_tag_in_an_order() -> None:
    stands(effect="most", tag="spirits", most=3)
    assert asks(GIN).findings == (("rule/v1", "within"),)
    assert not asks(GIN + GIN).allowed
    assert asks(ROBE).findings == ()


@pytest.mark.django_db
def test_an_age_is_shown_by_a_date_or_where_the_rule_says_so_by_a_box() -> None:
    stands("gin", effect="age", minimum_age=18, tag="spirits")
    open_ = asks(GIN)
    assert (open_.age.minimum, open_.age.proof, open_.age_open) == (18, "birth_date", True)
    assert asks(GIN, attested=True).age_open
    assert asks(GIN, born=date(2008, 11, 20)).findings == (("gin/v1", "of age by date of birth"),)
    assert not asks(GIN, born=date(2008, 11, 21)).allowed
    stands("gin", effect="age", minimum_age=18, tag="spirits", proof="attestation")
    assert asks(GIN, attested=True).findings == (("gin/v2", "of age by attestation"),)
    assert not asks(GIN, attested=True, born=date(2010, 1, 1)).allowed  # who gives a date is held to it


@pytest.mark.django_db
def test_of_two_ages_the_stricter_is_asked_for() -> None:
    stands("a", effect="age", minimum_age=16, proof="birth_date")
    stands("b", effect="age", minimum_age=21, proof="attestation")
    assert (asks(GIN).age.minimum, asks(GIN).age.proof) == (21, "birth_date")


@pytest.mark.django_db
def test_p9_the_place_of_the_ip_only_advises() -> None:
    stands(places=["US"])
    answer = asks(ROBE, "DE", ip_place="US-NY")
    assert (answer.allowed, answer.advisory) == (True, True)
    assert answer.inputs["ip_place"] == "US-NY"
    assert not asks(ROBE, "DE", ip_place="FR").advisory


@pytest.mark.django_db
def test_p10_an_ip_in_the_right_place_does_not_help() -> None:
    stands(places=["US"])
    assert not asks(ROBE, "US", ip_place="DE").allowed


@pytest.mark.django_db
@pytest.mark.parametrize(("fallback", "allowed"), [("address", True), ("refuse", False)])
def test_p11_a_digital_good_and_nobody_knows_where(fallback: str, *, allowed: bool) -> None:
    stands(places=["US"], unknown_place=fallback)
    answer = asks(FILM, "DE")
    assert (answer.allowed, answer.advisory) == (allowed, True)
    assert answer.findings[0][1].startswith("place unknown")
    assert (answer.inputs["ip_place"], answer.inputs["digital"]) == ("unknown", True)
    assert asks(FILM, "DE", ip_place="FR").allowed
    assert not asks(FILM, "DE", ip_place="US").allowed  # it is not shipped: it goes where the fan is
    assert not asks(FILM, "US", ip_place="FR").allowed


@pytest.mark.django_db
def test_the_record_names_nobody() -> None:
    stands()
    said = asks(GIN, "US", region="fan@example.com", postal_code="90210", born=date(2001, 12, 31)).inputs
    assert said == {
        "country": "US",
        "region": "given",
        "postal_code": "given",
        "ip_place": "unknown",
        "age": "date of birth",
        "items": [[["spirits"], 2]],
        "digital": False,
    }


# --- versions --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_version_holds_from_its_instant_and_a_lifted_rule_no_more() -> None:
    stands(places=["US"])
    stands(places=["DE"], effective_at=NOON + timedelta(hours=1))
    assert (asks(ROBE, "US").allowed, asks(ROBE, "DE").allowed) == (False, True)
    later = NOON + timedelta(hours=1)
    assert (asks(ROBE, "US", at=later).allowed, asks(ROBE, "DE", at=later).allowed) == (True, False)
    stands(lifted=True, effective_at=NOON + timedelta(hours=2))
    assert asks(ROBE, "DE", at=NOON + timedelta(hours=2)).allowed


@pytest.mark.django_db
def test_a_published_rule_is_refused_any_change_by_raw_sql_too() -> None:
    version = stands(places=["US"])
    for sql in (
        "UPDATE policies_ruleversion SET reason = 'x' WHERE id = %s",
        "DELETE FROM policies_ruleversion WHERE id = %s",
    ):
        with pytest.raises(Error, match="Cannot update or delete"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [version.pk])


@pytest.mark.django_db
def test_publishing_is_once_whole_and_in_the_journal() -> None:
    rule = Rule.objects.create(slug="spirits", title="Spirits")
    draft = new_draft(rule, "staff:owner")
    with pytest.raises(NotPublishable, match="refused fan reads"):
        publish(draft, by="staff:owner", now=NOON)
    draft.reason, draft.effect, draft.most = "No more.", "most", 3
    draft.save()
    read = fingerprint(draft)
    RuleVersion.objects.filter(pk=draft.pk).update(most=4)
    with pytest.raises(DraftChanged):
        publish(draft, by="staff:owner", now=NOON, reviewed=read)
    publish(draft, by="staff:owner", now=NOON)
    with pytest.raises(AlreadyPublished):
        publish(draft, by="staff:owner", now=NOON)
    entry = JournalEntry.objects.get(subject="rule:spirits", verb="published")
    assert (entry.data["version"], entry.data["says"]["most"]) == (1, 4)
    second = new_draft(rule, "staff:owner")
    assert (second.number, second.most) == (2, 4)
    with pytest.raises(NotPublishable, match="why it changes"):
        publish(second, by="staff:owner", now=NOON)


@pytest.mark.django_db
def test_remembered_rules_cost_no_query(django_assert_num_queries: Any) -> None:
    stands(places=["US"])
    asks(ROBE, "DE")
    with django_assert_num_queries(0):
        asks(ROBE, "DE")


@pytest.mark.django_db(transaction=True)
def test_eight_who_begin_at_once_share_one_draft() -> None:
    rule = Rule.objects.create(slug="rule", title="Rule")
    assert len(set(race(lambda: new_draft(rule, "staff:owner").pk))) == 1
    assert JournalEntry.objects.filter(verb="draft_started").count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_would_all_begin_version_one() -> None:
    rule = Rule.objects.create(slug="rule", title="Rule")
    together = Barrier(TWINS)

    def without_the_lock() -> int:
        number = rule.versions.count() + 1
        together.wait(timeout=120)
        with suppress(IntegrityError):
            RuleVersion.objects.create(rule=rule, number=number)
        return number

    assert race(without_the_lock) == [1] * TWINS
