"""A translation that lags behind the English text is told to whoever can mend it."""

import pytest
from django.test import Client
from django.urls import reverse

from policies.languages import is_language
from policies.models import Policy, PolicyVersion
from policies.publishing import new_draft
from policies.tests.conftest import Publish
from policies.translations import behind

pytestmark = pytest.mark.django_db
WORDS = (
    "The German text (version 2) is older than the English one (version 3): "
    "who reads German is still promised what it said before."
)


@pytest.fixture
def translated(returns: Policy, publish_text: Publish) -> Policy:
    publish_text(returns, "30 days.")
    publish_text(returns, "30 Tage.", language="de")
    return returns


def told(policy: Policy) -> list[str]:
    return [lag.words for lag in behind([policy.pk])]


def test_lags_until_it_is_translated_anew(translated: Policy, publish_text: Publish) -> None:
    assert told(translated) == []
    publish_text(translated, "14 days.")
    assert told(translated) == [WORDS]
    publish_text(translated, "14 Tage.", language="de")
    assert told(translated) == []


def test_a_mended_typo_asks_for_no_translation(translated: Policy, publish_text: Publish) -> None:
    publish_text(translated, "30 days", change_class="technical")
    assert told(translated) == []


def test_only_another_language_stands_for_itself(returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 Tage.", language="de")
    publish_text(returns, "30 jours.", language="fr")
    assert told(returns) == []


def test_the_desk_says_so(admin_client: Client, translated: Policy, publish_text: Publish) -> None:
    desk = reverse("admin:policies_policy_change", args=[translated.pk])
    assert "is older than the English one" not in admin_client.get(desk).content.decode()
    publish_text(translated, "14 days.")
    assert WORDS in admin_client.get(desk).content.decode()


def test_a_translation_starts_at_the_desk_from_the_english_text(
    admin_client: Client, returns: Policy, publish_text: Publish
) -> None:
    publish_text(returns, "30 days.")
    start = reverse("admin:policies_policy_start_version", args=[returns.pk])
    answer = admin_client.post(start, {"_form_submitted": "on", "language": "DE"})
    draft = PolicyVersion.objects.get(published_at=None)
    assert answer["HX-Redirect"] == reverse("admin:policies_policyversion_change", args=[draft.pk])
    assert (draft.language, draft.source) == ("de", "30 days.")
    new_draft(returns, "staff:owner")
    assert "Version 3 (English) and Version 2 (German)" in admin_client.get(start).content.decode()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "This field is required."),
        ("xx", "Write the code of a language"),
        ("german!", "Write the code of a language"),
        ("de-de-de", "Write the code of a language"),
    ],
)
def test_what_is_no_language_is_said_beside_the_field(
    admin_client: Client, returns: Policy, publish_text: Publish, typed: str, told: str
) -> None:
    start = reverse("admin:policies_policy_start_version", args=[returns.pk])
    page = admin_client.post(start, {"_form_submitted": "on", "language": typed}).content.decode()
    assert told in page
    assert not PolicyVersion.objects.exists()


@pytest.mark.parametrize(("tag", "there"), [("en", True), ("pt_BR", True), ("pt-br", True), ("qq", False)])
def test_languages_there_are(tag: str, *, there: bool) -> None:
    assert is_language(tag) is there
