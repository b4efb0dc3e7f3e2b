import html
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from merchant.models import JournalEntry, StoreProfile
from merchant.store import forget_store
from policies.models import FROZEN, Policy, PolicyVersion
from policies.publishing import fingerprint, new_draft
from policies.retiring import retire
from policies.reviewing import ask_review, edit
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
    page = html.unescape(sign_in(*EDIT).get(change_page(draft)).content.decode())
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
    named = {"title": "Shipping", "slug": "shipping", "kind": "shipping", "position": "20"}
    answer = sign_in(*EDIT).post(reverse("admin:policies_policy_add"), named)
    assert answer.status_code == 302
    assert answer["Location"] == change_page(PolicyVersion.objects.get(policy__slug="shipping", number=1))


def test_a_policy_cannot_take_the_address_of_the_changelog(sign_in: SignIn) -> None:
    named = {"title": "Changelog", "slug": "changelog", "kind": "terms", "position": "20"}
    answer = sign_in(*EDIT).post(reverse("admin:policies_policy_add"), named)
    assert "is a page of its own" in answer.content.decode()
    assert not Policy.objects.exists()


def test_a_new_version_starts_from_the_policys_page(sign_in: SignIn, returns: Policy, publish_text: Publish) -> None:
    publish_text(returns, "30 days.", now=YESTERDAY)
    client = sign_in(*EDIT)
    page = reverse("admin:policies_policy_change", args=[returns.pk])
    assert "Start a new version" in client.get(page).content.decode()
    start = reverse("admin:policies_policy_start_version", args=[returns.pk])
    assert "A draft opens with the text that was published last" in client.get(start).content.decode()
    answer = client.post(start, {"_form_submitted": "on", "language": "en"})
    assert answer["HX-Redirect"] == change_page(PolicyVersion.objects.get(number=2))


def test_what_a_public_policy_is_called_and_where_it_applies_is_fixed(sign_in: SignIn, draft: PolicyVersion) -> None:
    desk = reverse("admin:policies_policy_change", args=[draft.policy_id])
    client = sign_in(*EDIT)
    page = client.get(desk).content.decode()
    assert 'name="position"' in page
    assert [name for name in FROZEN if f'name="{name}' in page] == []
    words = " ".join(page.split())
    assert "they are sealed with each version, and fixed. To mend the title, choose “Another title…”" in words
    client.post(desk, {"position": "7", "title": "No returns", "scope_2": "country:DE", "slug": "r", "kind": "terms"})
    policy = Policy.objects.get()
    assert (policy.position, policy.title, policy.scope) == (7, "Returns", "shop")


def test_acceptances_are_shown_with_their_proof(sign_in: SignIn, accepted: str) -> None:
    client = sign_in(*READ_AND_PUBLISH)
    listed = client.get(reverse("admin:policies_acceptance_changelist")).content.decode()
    assert accepted in listed
    said = Policy.objects.get().versions.get().renderings.get().acceptances.get()
    page = client.get(reverse("admin:policies_acceptance_change", args=[said.pk])).content.decode()
    assert "Whole: text, answer and person are as they were recorded." in page


# --- writing ----------------------------------------------------------------------------------------------------------


def live(version: PolicyVersion) -> str:
    return reverse("admin:policies_policyversion_live", args=[version.pk])


def test_what_is_typed_is_saved_and_shown_as_fans_read_it(sign_in: SignIn, draft: PolicyVersion) -> None:
    client = sign_in(*EDIT)
    answer = client.post(live(draft), typed(revision="1", source="Send it back, **please**.")).content.decode()
    draft.refresh_from_db()
    assert (draft.source, draft.revision, draft.writers) == (
        "Send it back, **please**.",
        2,
        ["staff:owner", "staff:colleague"],
    )
    assert "Saved as you type" in answer
    assert 'value="2"' in answer
    assert "&lt;strong&gt;please&lt;/strong&gt;" in answer
    assert answer.count("<iframe") == 3
    assert 'sandbox="allow-same-origin"' in answer


def test_a_variable_is_checked_while_it_is_typed(sign_in: SignIn, draft: PolicyVersion) -> None:
    answer = sign_in(*EDIT).post(live(draft), typed(revision="1", source="On {{ ship_dat }}, {{ return_days }} days."))
    page = html.unescape(answer.content.decode())
    assert "Nothing can fill in {{ ship_dat }}. Did you mean {{ ship_date }}?" in page
    assert "{{ return_days }} has no value. Set the return days in the shop's profile." in page


def test_two_who_type_at_once_are_told_and_nothing_is_lost(sign_in: SignIn, draft: PolicyVersion) -> None:
    client = sign_in(*EDIT)
    edit(draft, {"source": "Theirs."}, by="staff:reviewer", now=datetime.now(UTC))
    answer = client.post(live(draft), typed(revision="1", source="Ours.")).content.decode()
    assert "reviewer wrote in this draft after you opened it." in answer
    assert "<del>Theirs</del><ins>Ours</ins>" in answer
    saved = client.post(change_page(draft), typed(revision="1", source="Ours."))
    assert saved.status_code == 200
    assert "Copy your words" in saved.content.decode()
    assert "Ours." in saved.content.decode()
    draft.refresh_from_db()
    assert draft.source == "Theirs."


def test_a_field_that_is_too_long_is_said_not_saved(sign_in: SignIn, draft: PolicyVersion) -> None:
    answer = sign_in(*EDIT).post(live(draft), typed(revision="1", summary="x" * 201)).content.decode()
    assert "Not saved." in answer
    assert "In one sentence: Ensure this value has at most 200 characters" in answer


def test_a_draft_may_be_unfinished(sign_in: SignIn, draft: PolicyVersion) -> None:
    client = sign_in(*EDIT)
    answer = client.post(live(draft), typed(revision="1", summary="", source="Half a")).content.decode()
    assert "Saved as you type" in answer
    assert "Write the one-sentence summary" in answer
    assert client.post(change_page(draft), typed(revision="2", source="")).status_code == 302
    draft.refresh_from_db()
    assert (draft.summary, draft.source) == ("In short.", "")


@pytest.mark.parametrize("revision", ["", "x", "9" * 30, "-1"])
def test_a_strange_revision_is_no_error(sign_in: SignIn, draft: PolicyVersion, revision: str) -> None:
    assert sign_in(*EDIT).post(live(draft), typed(revision=revision)).status_code == 200


def test_only_writers_write_and_only_drafts(sign_in: SignIn, draft: PolicyVersion) -> None:
    first = PolicyVersion.objects.get(number=1)
    reader = sign_in("view_policyversion")
    assert reader.post(live(draft), typed()).status_code == 403
    assert reader.get(live(draft)).status_code == 405
    User.objects.all().delete()
    assert sign_in(*EDIT).post(live(first), typed()).status_code == 403


def test_the_library_leads_to_a_draft_in_two_clicks(sign_in: SignIn) -> None:
    client = sign_in(*EDIT)
    listed = client.get(reverse("admin:policies_policy_changelist")).content.decode()
    assert "Start from a template" in listed
    shelf = reverse("admin:policies_policy_library")
    assert "not legal advice" in client.get(shelf).content.decode()
    answer = client.post(shelf, {"template": "withdrawal-eu"}, follow=True)
    page = html.unescape(answer.content.decode())
    assert "not legal advice" in page
    assert "{{ postal_address }} has no value." in page
    assert client.post(shelf, {"template": "nonsense"}).status_code == 404


def test_the_library_is_for_writers(sign_in: SignIn) -> None:
    assert sign_in(*READ_AND_PUBLISH).get(reverse("admin:policies_policy_library")).status_code == 403


# --- review -----------------------------------------------------------------------------------------------------------


def test_a_writer_asks_and_a_reviewer_approves_with_a_schedule(sign_in: SignIn, draft: PolicyVersion) -> None:
    StoreProfile.objects.create(pk=1, name="Shop", second_person_approves=True, timezone="Europe/Berlin")
    forget_store()
    writer = sign_in(*EDIT)
    page = writer.get(change_page(draft)).content.decode()
    assert "A second person approves it first" in page
    asked = reverse("admin:policies_policyversion_ask_review", args=[draft.pk])
    writer.post(asked, {"_form_submitted": "on", "reviewed": fingerprint(draft)})
    User.objects.all().delete()
    reviewer = sign_in(*READ_AND_PUBLISH)
    approve = reverse("admin:policies_policyversion_approve_version", args=[draft.pk])
    assert "30 → 14" in reviewer.get(approve).content.decode()
    form = {"_form_submitted": "on", "reviewed": fingerprint(draft), "when": "time"}
    assert "Choose the day and the time" in reviewer.post(approve, form).content.decode()
    starts = {"effective_at_0": "2030-01-01", "effective_at_1": "00:00:00"}
    assert reviewer.post(approve, form | starts)["HX-Redirect"] == change_page(draft)
    draft.refresh_from_db()
    assert (draft.approved_by, draft.published_by) == ("staff:colleague", "staff:colleague")
    assert draft.effective_at == datetime(2029, 12, 31, 23, tzinfo=UTC)
    forget_store()


@pytest.mark.parametrize(("notice", "days"), [(0, 0), (14, 14)])
def test_now_is_now_whatever_day_the_writer_chose(
    sign_in: SignIn, draft: PolicyVersion, notice: int, days: int
) -> None:
    """After the days of notice where there are some, which the choice names."""
    StoreProfile.objects.create(pk=1, name="Shop", notice_days=notice)
    forget_store()
    edit(draft, {"effective_at": datetime.now(UTC) + timedelta(days=30)}, by="staff:owner", now=datetime.now(UTC))
    draft.refresh_from_db()
    client = sign_in(*READ_AND_PUBLISH)
    approve = reverse("admin:policies_policyversion_approve_version", args=[draft.pk])
    page = client.get(approve).content.decode()
    assert ("Now, to take effect at once" in page) == (not notice)
    client.post(approve, {"_form_submitted": "on", "reviewed": fingerprint(draft), "when": "once"})
    draft.refresh_from_db()
    assert draft.published_at is not None
    assert draft.effective_at == draft.published_at + timedelta(days=days)
    forget_store()


def test_a_reviewer_sends_back_with_a_reason(sign_in: SignIn, draft: PolicyVersion) -> None:
    ask_review(draft, by="staff:owner", now=datetime.now(UTC))
    back = reverse("admin:policies_policyversion_send_back", args=[draft.pk])
    form = {"_form_submitted": "on", "reviewed": fingerprint(draft), "why": "Who pays the postage?"}
    client = sign_in(*READ_AND_PUBLISH)
    client.post(back, form)
    assert "Who pays the postage?" in client.get(change_page(draft)).content.decode()


# --- comparing --------------------------------------------------------------------------------------------------------


def test_any_two_versions_beside_each_other_with_their_orders(
    sign_in: SignIn, returns: Policy, publish_text: Publish, accepted: str
) -> None:
    publish_text(returns, "14 days, and not one more.")
    third = publish_text(returns, "60 days.")
    client = sign_in("view_policyversion")
    beside = reverse("admin:policies_policyversion_compare", args=[third.pk])
    page = client.get(beside, {"with": "1"}).content.decode()
    assert "1 order under it" in page
    assert "0 orders under it" in page
    assert "<del>30</del>" in page
    assert "<ins>60</ins>" in page
    assert "30 → 60 days" in page
    assert "<del>30</del><ins>60</ins>" in client.get(beside, {"with": "1", "as": "inline"}).content.decode()
    assert "<del>14 days, and not one more." in client.get(beside, {"with": "nonsense"}).content.decode()


def test_one_version_alone_has_nothing_beside_it(sign_in: SignIn, returns: Policy, publish_text: Publish) -> None:
    only = publish_text(returns, "30 days.")
    page = sign_in("view_policyversion").get(reverse("admin:policies_policyversion_compare", args=[only.pk]))
    assert "There is one version only." in page.content.decode()


def buttons(client: Client, policy: Policy) -> list[str]:
    """The deeds that the policy's page offers."""
    page = client.get(reverse("admin:policies_policy_change", args=[policy.pk])).content.decode()
    deeds = ("start_version", "start_successor", "retire_policy")
    return [deed for deed in deeds if reverse(f"admin:policies_policy_{deed}", args=[policy.pk]) in page]


def test_a_policy_offers_only_what_can_be_done(admin_client: Client, returns: Policy, publish_text: Publish) -> None:
    assert buttons(admin_client, returns) == ["start_version"]
    publish_text(returns, "30 days.", now=YESTERDAY)
    left_behind = new_draft(returns, "staff:owner")
    assert buttons(admin_client, returns) == ["start_version", "start_successor", "retire_policy"]
    retire(returns, why="No more returns.", by="staff:owner", now=datetime.now(UTC))
    assert buttons(admin_client, returns) == ["start_successor"]
    page = admin_client.get(change_page(left_behind)).content.decode()
    assert publish_page(left_behind) not in page
    assert "The policy is retired by version 3. Start another policy." in html.unescape(page)


def test_a_retirement_that_waits_for_a_second_person_is_not_asked_for_twice(
    admin_client: Client, returns: Policy, publish_text: Publish
) -> None:
    publish_text(returns, "30 days.", now=YESTERDAY)
    StoreProfile.objects.create(pk=1, name="Shop", second_person_approves=True)
    forget_store()
    end = retire(returns, why="No more returns.", by="staff:owner", now=datetime.now(UTC))
    assert end.published_at is None
    assert buttons(admin_client, returns) == ["start_version", "start_successor"]


def test_a_public_title_is_mended_by_another_policy(
    admin_client: Client, returns: Policy, publish_text: Publish
) -> None:
    publish_text(returns, "30 days.", now=YESTERDAY)
    door = reverse("admin:policies_policy_start_successor", args=[returns.pk])
    assert "is the title that fans were shown and that is sealed" in admin_client.get(door).content.decode()
    asked = admin_client.post(door, {"_form_submitted": "on", "title": "Returns"})
    assert "That is its title now." in asked.content.decode()
    answer = admin_client.post(door, {"_form_submitted": "on", "title": "Returns and exchanges"})
    draft = PolicyVersion.objects.get(policy__title="Returns and exchanges")
    assert answer["HX-Redirect"] == change_page(draft)
    assert Policy.objects.get(pk=returns.pk).title == "Returns"
