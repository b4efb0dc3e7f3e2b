"""The journal is read in words, and keeps exactly what was written."""

import html

import pytest
from django.test import Client
from django.urls import reverse

from drops.models import Drop
from merchant import journal, journal_words
from merchant.models import JournalEntry


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("review_asked", "Asked for a review"),
        ("open_now", "Started the sale"),
        ("placed", "Placed"),
        ("a_new_verb", "A new verb"),
    ],
)
def test_a_deed_is_called_by_its_words(verb: str, words: str) -> None:
    assert journal_words.deed(verb) == words


@pytest.mark.parametrize(
    ("verb", "why", "words"),
    [
        ("edited", "hold_minutes, ends_at", "Hold time, minutes; End"),
        ("edited", "title", "Title"),
        ("named", "from the template returns", "from the template returns"),
        ("action_required", "card_declined", "Card declined"),
        ("cancelled", "hold, please", "hold, please"),
        ("cancelled", "title", "title"),
        ("paused", "", ""),
    ],
)
def test_a_reason_names_fields_as_their_forms_do_and_keeps_what_people_wrote(verb: str, why: str, words: str) -> None:
    assert journal_words.why(verb, why) == words


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("order:FR-1001", "Order FR-1001"),
        ("stock:ROBE-M", "Stock of ROBE-M"),
        ("retention", "What is kept"),
        ("drop:1", "Drop “Robe”"),
        ("drop:2", "Drop 2"),
    ],
)
def test_a_subject_is_called_by_its_words(subject: str, words: str) -> None:
    assert journal_words.subject(subject, {"drop:1": "Drop “Robe”"}) == words


def test_what_was_noted_is_read_part_by_part() -> None:
    data = {
        "amount": 4800,
        "hand": True,
        "skus": ["ROBE-M", "ROBE-S"],
        "to": None,
        "left": {"by_mail": 2},
        "old": [],
        "at": "2026-10-27T23:53:17.530691+00:00",
    }
    assert journal_words.record(data) == [
        ("Amount, in minor units", "4800"),
        ("By hand", "yes"),
        ("Skus", "ROBE-M, ROBE-S"),
        ("To", "–"),
        ("Left", "by mail: 2"),
        ("Old", "none"),
        ("At", "27 Oct 2026, 23:53 UTC"),
    ]


@pytest.mark.django_db
def test_the_desk_says_it_in_words_and_keeps_the_exact_record(admin_client: Client) -> None:
    journal.record("policy:returns", "review_asked", actor="staff:owner", data={"version": 2})
    robe = Drop.objects.create(slug="robe", title="Winter Robe")
    journal.record(f"drop:{robe.pk}", "edited", actor="staff:owner", why="hold_minutes, ends_at")
    journal.record("drop:0", "edited", actor="staff:owner", why="title")
    desk = reverse("admin:merchant_journalentry_changelist")
    page = html.unescape(admin_client.get(desk).content.decode())
    assert "Asked for a review" in page
    assert "Hold time, minutes; End" in page
    assert "Drop “Winter Robe”" in page
    assert "Drop 0" in page
    assert "review_asked" not in page
    entry = JournalEntry.objects.get(verb="review_asked")
    page = html.unescape(
        admin_client.get(reverse("admin:merchant_journalentry_change", args=[entry.pk])).content.decode()
    )
    for words in ("Asked for a review", "Policy returns", "<dt>Version</dt>"):
        assert words in page
    for exact in (
        "<code>review_asked</code>",
        "<code>policy:returns</code>",
        "<code>staff:owner</code>",
        '"version": 2',
    ):
        assert exact in page


@pytest.mark.django_db
def test_a_deed_is_found_by_the_words_people_read(admin_client: Client) -> None:
    journal.record("policy:returns", "review_asked", actor="staff:owner")
    journal.record("policy:care", "published", actor="staff:owner")
    desk = reverse("admin:merchant_journalentry_changelist")
    page = admin_client.get(desk, {"q": "asked for a review"}).content.decode()
    assert "Policy returns" in page
    assert "Policy care" not in page
