"""What all pages of the desk share: money as people type it, times with their distance, a save that spares the rest."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.contrib.admin import site
from django.core.exceptions import ValidationError

from drops.models import Drop, DropState
from drops.tests.factories import NOW
from merchant.desk import DeskAdmin, MoneyField, PercentField
from merchant.journal_words import plain
from merchant.models import StoreProfile
from merchant.roles import DROP_MANAGER, OWNER
from merchant.store import forget_store
from merchant.templatetags.desk import distance
from merchant.tests.staff import signed_in
from policies.models import Policy
from policies.places import EU
from policies.publishing import new_draft, publish

pytestmark = pytest.mark.django_db


def shop(currency: str = "USD") -> StoreProfile:
    forget_store()
    return StoreProfile.objects.create(pk=1, name="Shop", currency=currency)


@pytest.mark.parametrize(
    ("currency", "typed", "minor"),
    [("USD", "48.00", 4800), ("USD", "48", 4800), ("USD", "0.5", 50), ("JPY", "4800", 4800)],
)
def test_money_is_typed_as_people_write_it(currency: str, typed: str, minor: int) -> None:
    shop(currency)
    assert MoneyField().clean(typed) == minor


@pytest.mark.parametrize(("currency", "typed"), [("USD", "1.005"), ("JPY", "12.5"), ("USD", "-1"), ("USD", "much")])
def test_money_that_does_not_exist_is_refused(currency: str, typed: str) -> None:
    shop(currency)
    with pytest.raises(ValidationError):
        MoneyField().clean(typed)


def test_money_that_was_not_touched_has_not_changed() -> None:
    shop()
    assert MoneyField().prepare_value(4800) == "48.00"
    assert not MoneyField().has_changed(4800, "48.00")
    assert not MoneyField().has_changed(4800, "48")
    assert MoneyField().has_changed(4800, "49")


def test_tax_is_typed_in_percent() -> None:
    assert PercentField().clean("19") == 1900
    assert PercentField().prepare_value(1900) == "19.00"


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(seconds=40), "now"),
        (timedelta(hours=2), "in 2 h"),
        (timedelta(hours=26), "in 26 h"),
        (timedelta(days=5), "in 5 d"),
        (timedelta(minutes=-5), "5 min ago"),
    ],
)
def test_a_time_has_a_distance(gap: timedelta, words: str) -> None:
    at = datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert distance(at + gap, at) == words


def test_a_journal_verb_is_plain() -> None:
    assert plain("refund_requested") == "Refund requested"


def test_saving_a_form_does_not_write_back_what_others_changed_meanwhile() -> None:
    """The page was opened while the drop was live; it was paused before the save arrived."""
    shop()
    drop = Drop.objects.create(slug="robe", title="Robe", state=DropState.LIVE, starts_at=NOW)
    client = signed_in(DROP_MANAGER)
    form = client.get(f"/admin/drops/drop/{drop.pk}/change/").context["adminform"].form
    Drop.objects.filter(pk=drop.pk).update(state=DropState.PAUSED, live_version=9)
    typed = {name: value for name, value in form.initial.items() if value and name in form.fields}
    answer = client.post(f"/admin/drops/drop/{drop.pk}/change/", typed | {"title": "Warm robe"} | NO_OFFERS)
    assert answer.status_code == 302
    drop.refresh_from_db()
    assert (drop.title, drop.state, drop.live_version) == ("Warm robe", DropState.PAUSED, 9)


NO_OFFERS = {"offers-TOTAL_FORMS": "0", "offers-INITIAL_FORMS": "0"}


def test_the_shop_is_edited_at_the_desk_and_every_page_knows_at_once() -> None:
    shop()
    client = signed_in(OWNER)
    page = client.get("/admin/merchant/storeprofile/", follow=True)
    form = page.context["adminform"].form
    typed = {name: value for name in form.fields if (value := form[name].value())} | {
        "name": "Evenfall",
        "shipping_minor": "6.50",
        "notice_days": "0",
    }
    assert client.post("/admin/merchant/storeprofile/1/change/", typed).status_code == 302
    assert StoreProfile.objects.values_list("name", "shipping_minor").get() == ("Evenfall", 650)


@pytest.mark.parametrize(
    ("chosen", "stored", "shown"),
    [
        (["US", "DE"], ["US", "DE"], ["US", "DE"]),
        (["area:EU", "DE", "CH"], [*sorted(EU), "CH"], ["area:EU", "CH"]),
        ([], [], []),
    ],
    ids=["by_name", "a_union", "everywhere"],
)
def test_where_the_shop_delivers_is_chosen_by_name(chosen: list[str], stored: list[str], shown: list[str]) -> None:
    shop()
    client, address = signed_in(OWNER), "/admin/merchant/storeprofile/1/change/"
    form = client.get(address).context["adminform"].form
    assert form.fields["ships_to"].choices[0] == ("area:EU", "European Union")
    assert ("DE", "Germany") in form.fields["ships_to"].choices
    typed = {name: value for name in form.fields if (value := form[name].value())} | {"notice_days": "0"}
    assert client.post(address, typed | {"shipping_minor": "0", "ships_to": chosen}).status_code == 302
    assert StoreProfile.objects.get().ships_to == stored
    again = client.get(address).context["adminform"].form
    assert again["ships_to"].value() == shown
    assert not again.fields["ships_to"].has_changed(stored, shown)


def test_a_country_that_there_is_not_is_refused_and_one_that_was_typed_before_stays() -> None:
    StoreProfile.objects.filter(pk=shop().pk).update(ships_to=["ZZ", "DE"])
    client, address = signed_in(OWNER), "/admin/merchant/storeprofile/1/change/"
    form = client.get(address).context["adminform"].form
    assert form["ships_to"].value() == ["ZZ", "DE"]
    assert ("ZZ", "Unknown Region (not a country)") in form.fields["ships_to"].choices
    refused = client.post(address, {"ships_to": ["XX"]}).context["adminform"].form.errors["ships_to"]
    assert list(refused) == ["There is no such country. Choose from the list."]


def test_there_is_one_shop() -> None:
    shop()
    assert signed_in(OWNER).get("/admin/merchant/storeprofile/add/").status_code == 403


ROWS = [
    (admin, each)
    for admin in site._registry.values()
    if isinstance(admin, DeskAdmin)
    for each in admin.get_urls()
    if "object_id" in each.pattern.converters
]


@pytest.mark.parametrize("gone", ["999999", "a\0"])
def test_every_page_and_deed_of_a_row_that_is_gone_says_so(gone: str) -> None:
    shop()
    client, broken = signed_in(OWNER), []
    client.raise_request_exception = False
    for admin, each in ROWS:
        address = f"/admin/{admin.opts.app_label}/{admin.opts.model_name}/{each.pattern}"
        address = address.replace("<path:object_id>", quote(gone))
        answers = [client.get(address), client.post(address, {"_form_submitted": "on"})]
        broken += [address for answer in answers if answer.status_code >= 500]
    assert broken == []


def test_no_list_breaks_at_a_filter_that_the_database_cannot_read() -> None:
    shop()
    client, broken = signed_in(OWNER), []
    client.raise_request_exception = False
    for admin in [admin for admin in site._registry.values() if isinstance(admin, DeskAdmin)]:
        names = [*(name for name in admin.list_filter if isinstance(name, str)), "q", "open", "kind", "state"]
        address = f"/admin/{admin.opts.app_label}/{admin.opts.model_name}/"
        answers = [client.get(address, {name: "a\0"}) for name in names]
        broken += [address for answer in answers if answer.status_code >= 500]
    assert broken == []


def test_the_shops_profile_names_the_texts_that_promise_otherwise() -> None:
    StoreProfile.objects.filter(pk=shop().pk).update(return_days=30)
    draft = new_draft(Policy.objects.create(slug="returns", kind="returns", title="Returns"), "staff:owner")
    draft.source = draft.summary = "Within {{ return_days }} days."
    draft.save()
    publish(draft, by="staff:owner", now=datetime.now(UTC))
    client = signed_in(OWNER)
    profile = "/admin/merchant/storeprofile/1/change/"
    assert "promise otherwise" not in client.get(profile).content.decode()
    StoreProfile.objects.update(return_days=7)
    page = client.get(profile).content.decode()
    assert "goes on saying “30” for {{ return_days }}; the shop&#x27;s profile says “7”." in page
    assert f'href="/admin/policies/policy/{draft.policy_id}/change/"' in page
