"""The desk's pages of fans, segments and messages."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from merchant.models import JournalEntry
from segments import consent
from segments.fans import find_or_create
from segments.footprints import leave
from segments.membership import built_in, count, counts, freeze
from segments.models import Channel, Consent, Fan, FootprintKind, Message, MessageState, Segment

pytestmark = pytest.mark.django_db
NOW = datetime(2100, 1, 1, tzinfo=UTC)


def page(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(f"admin:segments_{name}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def buyer() -> Fan:
    fan = find_or_create("buyer@example.com", name="Fan One", country="US")
    leave(fan, FootprintKind.PURCHASED, "drop:robe", key="order:1", amount_minor=4800)
    leave(fan, FootprintKind.PURCHASED, "drop:robe", key="order:2", amount_minor=1200)
    consent.record(fan, Channel.EMAIL, True, source="checkout", wording="Tell me about drops.")
    return fan


class TestFans:
    def test_the_list_sums_what_they_bought(self, admin_client: Client, buyer: Fan) -> None:
        html = page(admin_client, "fan_changelist")

        assert "buyer@example.com" in html
        assert "$60.00" in html

    def test_the_list_costs_the_same_however_many_they_are(
        self, admin_client: Client, buyer: Fan, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(30):
            find_or_create(f"fan{number}@example.com")
        with django_assert_max_num_queries(9):
            page(admin_client, "fan_changelist")

    def test_the_page_shows_answers_and_deeds_and_changes_neither(self, admin_client: Client, buyer: Fan) -> None:
        html = page(admin_client, "fan_change", buyer.pk)

        assert "Tell me about drops." in html
        assert "drop:robe" in html
        assert 'name="email"' not in html
        assert 'name="consents-0-granted"' not in html

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"segment": "past_buyers"}, True),
            ({"wants_email": "yes"}, True),
            ({"wants_email": "no"}, False),
            ({"q": "BUYER@"}, True),
        ],
    )
    def test_can_be_narrowed(self, admin_client: Client, buyer: Fan, query: dict[str, str], found: bool) -> None:
        built_in("past_buyers")
        assert ("buyer@example.com" in page(admin_client, "fan_changelist", **query)) is found

    @pytest.mark.parametrize("deed", ["delete", "delete_selected"])
    def test_are_never_deleted_for_what_they_agreed_to_is_evidence(
        self, admin_client: Client, buyer: Fan, deed: str
    ) -> None:
        if deed == "delete":
            admin_client.post(reverse("admin:segments_fan_delete", args=[buyer.pk]), {"post": "yes"})
        else:
            chosen = {"action": deed, "_selected_action": [buyer.pk], "post": "yes"}
            admin_client.post(reverse("admin:segments_fan_changelist"), chosen)
        assert (Fan.objects.count(), Consent.objects.count()) == (1, 1)
        assert "delete" not in page(admin_client, "fan_change", buyer.pk).partition("<main")[2].lower()
        assert "delete_selected" not in page(admin_client, "fan_changelist")

    def test_the_page_leads_to_the_form_that_erases_a_person(self, admin_client: Client, buyer: Fan) -> None:
        Fan.objects.update(email="buyer+one@example.com")
        deed = reverse("admin:segments_fan_erase", args=[buyer.pk])
        assert deed in page(admin_client, "fan_change", buyer.pk)
        form = admin_client.get(deed, follow=True)
        assert (form.status_code, form.request["PATH_INFO"]) == (200, reverse("admin:checkout_erasurerequest_add"))
        assert form.context["form"].initial["who"] == "buyer+one@example.com"

    def test_are_not_typed_in(self, admin_client: Client) -> None:
        assert admin_client.get(reverse("admin:segments_fan_add")).status_code == 403


class TestSegments:
    def test_the_list_says_the_rule_in_words_and_counts(self, admin_client: Client, buyer: Fan) -> None:
        built_in("past_buyers")
        html = page(admin_client, "segment_changelist")

        assert "Fans who purchased" in html

    @pytest.mark.parametrize("many", [3, 30])
    def test_the_list_costs_the_same_however_many_they_are(
        self, admin_client: Client, buyer: Fan, django_assert_num_queries: DjangoAssertNumQueries, many: int
    ) -> None:
        built_in("past_buyers")
        somebody = find_or_create("somebody@example.com", country="DE")
        consent.record(somebody, Channel.EMAIL, False, source="checkout", wording="Tell me about drops.")
        for number in range(1, many + 1):
            rule = {"all": [{"did": "purchased", "at_least": number}, {"agreed": "email"}]}
            Segment.objects.create(slug=f"s{number}", name=f"Segment {number:02}", rule=rule)
        with django_assert_num_queries(8):
            html = page(admin_client, "segment_changelist")
        sizes = re.findall(r'<td[^>]*class="[^"]*field-size[^"]*"[^>]*>([^<]+)<', html)
        assert sizes == ["1", "1", "1"] + ["0"] * (many - 2), "past buyers, then the others by their names"

    def test_sizes_counted_together_are_those_counted_alone(self, buyer: Fan) -> None:
        find_or_create("somebody@example.com", country="DE")
        rules: list[Any] = [
            {"did": "purchased"},
            {"did": "purchased", "at_least": 3},
            {"did": "purchased", "within_days": 1, "subject": "drop:robe"},
            {"country": ["US", "DE"]},
            {"not": {"agreed": "email"}},
            {"any": [{"country": "DE"}, {"all": [{"agreed": "email"}, {"not": {"did": "refunded"}}]}]},
        ]
        made = [Segment.objects.create(slug=f"s{n}", name=f"S{n}", rule=rule) for n, rule in enumerate(rules)]
        odd = Segment.objects.create(slug="odd", name="Odd", rule={"from an older release": 1})
        at = timezone.now()
        assert counts([*made, odd], now=at) == {each.pk: count(each, now=at) for each in made}
        assert [count(each, now=at) for each in made] == [1, 0, 1, 2, 1, 2]
        assert counts([odd], now=at) == {}

    def test_the_page_shows_who_matches_now_and_who_was_frozen(self, admin_client: Client, buyer: Fan) -> None:
        segment = built_in("past_buyers")
        freeze(segment, "drop:winter", now=NOW, actor="staff:owner")

        html = page(admin_client, "segment_change", segment.pk)

        assert "buyer@example.com" in html
        assert "drop:winter" in html
        assert 'name="rule"' not in html  # built in

    def test_a_rule_that_makes_no_sense_is_refused_in_words(self, admin_client: Client) -> None:
        typed = {"name": "Mine", "slug": "mine", "rule": '{"did": "sold"}', **EMPTY_INLINE}
        answer = admin_client.post(reverse("admin:segments_segment_add"), typed)

        assert "is none of purchased, signed_up" in answer.content.decode()
        assert not Segment.objects.filter(slug="mine").exists()

    @pytest.mark.parametrize(
        "rule",
        [
            '{"did": "purchased", "subject": "\\u0000"}',
            '{"country": "\\u0000\\u0000"}',
            '{"did": {}}',
            '{"did": "purchased", "subject": "' + "x" * 81 + '"}',
            '{"any": [' + ",".join(['{"did": "purchased"}'] * 51) + "]}",
            '{"not":' * 5000 + "{}" + "}" * 5000,
            "NaN",
            '{"\\u0000": 1}',
        ],
        ids=["nul", "nul country", "no word", "long subject", "many parts", "deep", "no number", "nul word"],
    )
    def test_a_rule_that_no_database_takes_is_refused_beside_its_field(self, admin_client: Client, rule: str) -> None:
        answer = admin_client.post(
            reverse("admin:segments_segment_add"), {"name": "Odd", "slug": "odd", "rule": rule, **EMPTY_INLINE}
        )
        assert answer.status_code == 200
        assert "rule" in answer.context["adminform"].form.errors
        assert not Segment.objects.filter(slug="odd").exists()

    @pytest.mark.parametrize("slug", ["gone", "odd"])
    def test_a_segment_that_is_gone_or_not_understood_any_more_has_nobody(
        self, admin_client: Client, buyer: Fan, slug: str
    ) -> None:
        Segment.objects.create(slug="odd", name="Odd", rule={"from an older release": 1})
        assert "buyer@example.com" not in page(admin_client, "fan_changelist", segment=slug)

    def test_a_saved_rule_is_journalled(self, admin_client: Client) -> None:
        typed = {"name": "Mine", "slug": "mine", "rule": '{"country": "DE"}', **EMPTY_INLINE}
        admin_client.post(reverse("admin:segments_segment_add"), typed)

        assert Segment.objects.get(slug="mine").rule == {"country": "DE"}
        assert JournalEntry.objects.get(subject="segment:mine").actor == "staff:admin"

    def test_the_built_in_one_cannot_be_deleted(self, admin_client: Client) -> None:
        url = reverse("admin:segments_segment_delete", args=[built_in("past_buyers").pk])
        assert admin_client.post(url, {"post": "yes"}).status_code == 403


EMPTY_INLINE = {"snapshots-TOTAL_FORMS": "0", "snapshots-INITIAL_FORMS": "0"}


class TestMessages:
    @pytest.fixture
    def failed(self) -> Message:
        return Message.objects.create(
            key="order:FR-1:confirmed",
            kind="confirmed",
            to="buyer@example.com",
            subject="Your order",
            text="Thank you.",
            html='<p onclick="alert(1)">Thank you.</p>',
            state=MessageState.FAILED,
            reason="no such mailbox",
        )

    def test_the_outbox_lists_every_message(
        self, admin_client: Client, failed: Message, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_max_num_queries(9):
            html = page(admin_client, "message_changelist")
        assert "Your order" in html

    def test_a_mail_is_read_in_a_frame_that_runs_nothing(self, admin_client: Client, failed: Message) -> None:
        html = page(admin_client, "message_change", failed.pk)

        assert 'sandbox=""' in html
        assert "&lt;p onclick=" in html
        assert "<p onclick=" not in html

    def test_links_that_act_for_the_fan_are_cut_short(self, admin_client: Client, failed: Message) -> None:
        link = "https://shop.example/orders/kJ3secret_token-9/"
        Message.objects.update(text=f"Follow it: {link}", html=f'<a href="{link}">Follow it</a>')
        html = page(admin_client, "message_change", failed.pk)
        assert html.count("https://shop.example/orders/…/") == 2
        assert "kJ3secret" not in html

    def test_a_failed_one_is_sent_again_after_a_question(self, admin_client: Client, failed: Message) -> None:
        url = reverse("admin:segments_message_send_again", args=[failed.pk])

        assert "goes to buyer@example.com once more" in admin_client.get(url).content.decode()
        assert Message.objects.get().state == MessageState.FAILED
        admin_client.post(url, {"_form_submitted": "True"})

        assert Message.objects.get().state == MessageState.DUE
        assert JournalEntry.objects.get(subject=f"message:{failed.pk}").actor == "staff:admin"

    def test_a_sent_one_offers_no_button(self, admin_client: Client, failed: Message) -> None:
        Message.objects.update(state=MessageState.SENT)
        assert "send-again" not in page(admin_client, "message_change", failed.pk)
