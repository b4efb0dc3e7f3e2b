"""A public title is sealed with what was promised: another policy takes the words over, and history stays as it was."""

import pytest

from merchant.models import JournalEntry
from policies.chain import seal
from policies.errors import NotPublishable
from policies.models import Policy
from policies.sealed import version_words
from policies.succeeding import free_slug, succeed
from policies.tests.conftest import NOON, Publish

pytestmark = pytest.mark.django_db


def test_the_same_words_start_under_another_title(returns: Policy, publish_text: Publish) -> None:
    Policy.objects.filter(pk=returns.pk).update(scope="country:DE", replaces_wider=True)
    returns.refresh_from_db()
    publish_text(returns, "30 days.", box_wording="I have read it.")
    publish_text(returns, "14 days.", box_wording="I have read it.")
    publish_text(returns, "14 Tage.", language="de")
    draft = succeed(returns, title="Returns and exchanges", by="staff:owner")
    new = draft.policy
    assert (new.slug, new.title, new.kind) == ("returns-and-exchanges", "Returns and exchanges", "returns")
    assert (new.scope, new.replaces_wider, new.position) == ("country:DE", True, 10)
    assert (draft.language, draft.source, draft.box_wording) == ("en", "14 days.", "I have read it.")
    assert (draft.number, draft.published_at) == (1, None)
    assert new.versions.get(language="de").source == "14 Tage."


def test_what_was_promised_is_left_as_it_was_sealed(returns: Policy, publish_text: Publish) -> None:
    version = publish_text(returns, "30 days.")
    seal(NOON)
    before = version_words(version)
    assert before["title"] == "Returns"
    succeed(returns, title="Retuns, mended", by="staff:owner")
    version.refresh_from_db()
    assert version_words(version) == before
    assert list(JournalEntry.objects.filter(verb="successor_started").values_list("subject", "actor", "data")) == [
        ("policy:returns", "staff:owner", {"policy": "retuns-mended"})
    ]


def test_the_title_of_a_draft_is_edited_instead(returns: Policy) -> None:
    with pytest.raises(NotPublishable):
        succeed(returns, title="Other", by="staff:owner")
    assert Policy.objects.count() == 1


@pytest.mark.parametrize(
    ("title", "slug"), [("Returns", "returns-2"), ("Changelog", "changelog-2"), ("返品", "policy"), ("Care", "care")]
)
def test_an_address_is_found_that_nobody_has(returns: Policy, title: str, slug: str) -> None:
    assert free_slug(title) == slug
