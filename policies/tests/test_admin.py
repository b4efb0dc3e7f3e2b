from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from merchant.models import JournalEntry
from policies.models import Policy, PolicyVersion
from policies.publishing import fingerprint, new_draft
from policies.tests.conftest import Publish

pytestmark = pytest.mark.django_db
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
EDIT = ("view_policy", "view_policyversion", "add_policy", "change_policy", "add_policyversion", "change_policyversion")
READ_AND_PUBLISH = ("view_policy", "view_policyversion", "publish_policyversion", "view_acceptance")
SignIn = Callable[..., Client]


@pytest.fixture
def sign_in() -> SignIn:
    """A client of a member of staff with these rights on policies, and no others."""

    def go(*rights: str) -> Client:
        user = User.objects.create_user("colleague", password="a long password", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="policies", codename__in=rights))
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return go


@pytest.fixture
def draft(returns: Policy, publish_text: Publish) -> PolicyVersion:
    """A second version, written and ready to be published."""
    publish_text(returns, "Send it back within 30 days.", now=YESTERDAY)
    draft = new_draft(returns, "staff:owner")
    draft.source, draft.change_summary = "Send it back within 14 days.", "Shorter."
    draft.save()
    return draft


def change_page(version: PolicyVersion) -> str:
    return reverse("admin:policies_policyversion_change", args=[version.pk])


def publish_page(version: PolicyVersion) -> str:
    return reverse("admin:policies_policyversion_publish_version", args=[version.pk])


def typed(**changes: str) -> dict[str, str]:
    form = {
        "summary": "In short.",
        "source": "Send it back within 20 days.",
        "box_wording": "",
        "change_class": "material",
        "change_summary": "Other words.",
        "effective_at_0": "",
        "effective_at_1": "",
    }
    return form | changes


def test_lists_what_stands_and_what_is_coming(sign_in: SignIn, draft: PolicyVersion) -> None:
    page = sign_in(*EDIT).get(reverse("admin:policies_policy_changelist")).content.decode()
    assert "Version 1, since" in page
    assert "Draft of version 2" in page


def test_a_draft_is_edited_and_the_journal_knows(sign_in: SignIn, draft: PolicyVersion) -> None:
    answer = sign_in(*EDIT).post(change_page(draft), typed())
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.source == "Send it back within 20 days."
    entry = JournalEntry.objects.get(verb="draft_edited")
    assert (entry.subject, entry.actor) == ("policy:returns", "staff:colleague")
    assert entry.why == "summary, source, change_summary"


def test_the_draft_shows_what_it_changes_and_how_fans_read_it(sign_in: SignIn, draft: PolicyVersion) -> None:
    page = sign_in(*EDIT).get(change_page(draft)).content.decode()
    assert "<del>30</del><ins>14</ins>" in page
    assert "<p>Send it back within 14 days.</p>" in page
    assert "Ready to be published." in page


def test_a_draft_with_an_unknown_variable_says_so_and_still_opens(sign_in: SignIn, draft: PolicyVersion) -> None:
    PolicyVersion.objects.filter(pk=draft.pk).update(source="Ships {{ ship_day }}.")
    page = sign_in(*EDIT).get(change_page(draft)).content.decode()
    assert "Nothing can fill in {{ ship_day }}." in page


def test_publishes_what_was_read(sign_in: SignIn, draft: PolicyVersion) -> None:
    client = sign_in(*READ_AND_PUBLISH)
    asked = client.get(publish_page(draft)).content.decode()
    assert "It can never be edited again." in asked
    assert "<del>30</del><ins>14</ins>" in asked
    answer = client.post(publish_page(draft), {"_form_submitted": "on", "reviewed": fingerprint(draft)})
    assert answer["HX-Redirect"] == change_page(draft)
    draft.refresh_from_db()
    assert draft.published_by == "staff:colleague"


def test_refuses_to_publish_what_was_edited_after_reading(sign_in: SignIn, draft: PolicyVersion) -> None:
    read = fingerprint(draft)
    PolicyVersion.objects.filter(pk=draft.pk).update(source="No returns.")
    answer = sign_in(*READ_AND_PUBLISH).post(publish_page(draft), {"_form_submitted": "on", "reviewed": read})
    assert "Somebody edited this draft meanwhile." in answer.content.decode()
    draft.refresh_from_db()
    assert draft.published_at is None


def test_names_what_stands_against_publishing(sign_in: SignIn, draft: PolicyVersion) -> None:
    PolicyVersion.objects.filter(pk=draft.pk).update(change_summary="")
    asked = sign_in(*READ_AND_PUBLISH).get(publish_page(draft)).content.decode()
    assert "Say in plain words what changes since version 1." in asked


def test_an_editor_cannot_publish_and_a_reviewer_cannot_edit(sign_in: SignIn, draft: PolicyVersion) -> None:
    editor = sign_in(*EDIT)
    assert editor.get(publish_page(draft)).status_code == 403
    User.objects.all().delete()
    assert sign_in(*READ_AND_PUBLISH).post(change_page(draft), typed()).status_code == 403


def test_a_published_text_is_read_only_with_every_right(admin_client: Client, draft: PolicyVersion) -> None:
    published = PolicyVersion.objects.get(number=1)
    page = admin_client.get(change_page(published)).content.decode()
    assert "A published text is never edited" in page
    assert 'name="source"' not in page
    assert "Publish for good" not in page
    assert admin_client.post(change_page(published), typed()).status_code == 403
    gone = reverse("admin:policies_policyversion_delete", args=[published.pk])
    assert admin_client.post(gone, {"post": "yes"}).status_code == 403


def test_a_draft_may_be_thrown_away(admin_client: Client, draft: PolicyVersion) -> None:
    admin_client.post(reverse("admin:policies_policyversion_delete", args=[draft.pk]), {"post": "yes"})
    assert not PolicyVersion.objects.filter(pk=draft.pk).exists()


def test_a_new_policy_leads_to_the_page_of_its_words(sign_in: SignIn) -> None:
    named = {"title": "Shipping", "slug": "shipping", "kind": "shipping", "scope": "shop", "position": "20"}
    answer = sign_in(*EDIT).post(reverse("admin:policies_policy_add"), named)
    assert answer.status_code == 302
    assert answer["Location"] == change_page(PolicyVersion.objects.get(policy__slug="shipping", number=1))


def test_a_policy_cannot_take_the_address_of_the_changelog(sign_in: SignIn) -> None:
    named = {"title": "Changelog", "slug": "changelog", "kind": "terms", "scope": "shop", "position": "20"}
    answer = sign_in(*EDIT).post(reverse("admin:policies_policy_add"), named)
    assert "is a page of its own" in answer.content.decode()
    assert not Policy.objects.exists()


def test_a_new_version_starts_from_the_policys_page(sign_in: SignIn, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", now=YESTERDAY)
    client = sign_in(*EDIT)
    page = reverse("admin:policies_policy_change", args=[returns.pk])
    assert "Start a new version" in client.get(page).content.decode()
    start = reverse("admin:policies_policy_start_version", args=[returns.pk])
    assert "A draft opens with the text of version 1." in client.get(start).content.decode()
    answer = client.post(start, {"_form_submitted": "on"})
    assert answer["HX-Redirect"] == change_page(PolicyVersion.objects.get(number=2))


def test_the_address_of_a_public_policy_is_fixed(sign_in: SignIn, draft: PolicyVersion) -> None:
    page = sign_in(*EDIT).get(reverse("admin:policies_policy_change", args=[draft.policy_id])).content.decode()
    assert 'name="title"' in page
    assert 'name="slug"' not in page


def test_acceptances_are_shown_with_their_proof(sign_in: SignIn, accepted: str) -> None:
    client = sign_in(*READ_AND_PUBLISH)
    listed = client.get(reverse("admin:policies_acceptance_changelist")).content.decode()
    assert accepted in listed
    said = Policy.objects.get().versions.get().renderings.get().acceptances.get()
    page = client.get(reverse("admin:policies_acceptance_change", args=[said.pk])).content.decode()
    assert "Whole: text, answer and person are as they were recorded." in page
