"""Who asked hears of every change: asked twice, told once, gone with one click."""

import math
import re
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from redis import RedisError

from merchant import moving_windows
from merchant.clock import now
from policies.models import Policy, PolicyVersion
from policies.publishing import new_draft, publish
from segments import consent, fans, opt_in, policy_news
from segments.delivery import drain
from segments.errors import TooManyAsked
from segments.models import Channel, Consent, Fan, Message, MessageState
from segments.tests.races import THREADS, at_once

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nobody_asked_yet() -> None:
    opt_in.forget_counts()


def published(slug: str = "returns", *, at: datetime = NOW, source: str = "30 days.") -> PolicyVersion:
    policy, _ = Policy.objects.get_or_create(slug=slug, defaults={"kind": "returns", "title": "Returns"})
    draft = new_draft(policy, "staff:owner")
    draft.source, draft.summary, draft.change_summary = source, "In short.", "Other days."
    draft.save()
    return publish(draft, by="staff:owner", now=at)


def follower(email: str) -> Fan:
    fan = fans.find_or_create(email)
    consent.record(fan, Channel.EMAIL, granted=True, source="policies", wording=policy_news.WORDING, topic="policies")
    return fan


def link_in(message: Message, deed: str) -> str:
    found = re.search(rf"http\S+(/policies/news/{deed}/\S+)", message.text)
    assert found, message.text
    return found[1]


def test_an_address_is_asked_twice_before_anything_is_kept(client: Client) -> None:
    assert "Look into your mail" in client.post("/policies/news/", {"email": "Fan@Example.com"}).content.decode()
    assert not Fan.objects.exists()
    asked = Message.objects.get()
    assert asked.to == "Fan@example.com"
    page = link_in(asked, "confirm")
    assert f'{page}"' in asked.html
    assert "Yes, write to me" in client.get(page).content.decode()
    assert not Consent.objects.exists()  # a mail program that opens links agrees to nothing
    assert "You hear of every change" in client.post(page).content.decode()
    client.post(page)
    given = Consent.objects.get()
    assert (given.fan.email, given.topic, given.granted) == ("Fan@example.com", "policies", True)


def test_asking_again_and_again_sends_one_mail_a_day(client: Client) -> None:
    for _ in range(3):
        client.post("/policies/news/", {"email": "fan@example.com"})
    policy_news.ask("FAN@example.com ", datetime.now(UTC))
    assert Message.objects.count() == 1


def test_one_address_may_ask_so_often_in_an_hour(client: Client, settings: Any) -> None:
    settings.NEWS_PER_ADDRESS_AN_HOUR = 2
    asked = [client.post("/policies/news/", {"email": f"fan{n}@example.com"}) for n in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    page, minutes = asked[2].content.decode(), math.ceil(int(asked[2]["Retry-After"]) / 60)
    assert f"Too many asked from where you are. Try again in {minutes} min." in page
    assert 'value="fan2@example.com"' in page
    assert Message.objects.count() == 2
    assert client.post("/policies/news/", {"email": "x@example.com"}, REMOTE_ADDR="198.51.100.9").status_code == 200
    assert client.get("/policies/news/").status_code == 200


def test_while_redis_is_away_each_process_counts_alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(name: str) -> None:
        raise RedisError

    monkeypatch.setattr(moving_windows, "shared", away)
    settings.NEWS_PER_ADDRESS_AN_HOUR = 1
    policy_news.require_few("203.0.113.7")
    with pytest.raises(TooManyAsked):
        policy_news.require_few("203.0.113.7")
    policy_news.require_few(None)


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "x" * 300 + "@example.com", "a\x00@example.com"])
def test_what_is_no_address_is_said_beside_the_field(client: Client, email: str) -> None:
    answer = client.post("/policies/news/", {"email": email})
    assert answer.status_code == 422
    assert "Write your whole e-mail address" in answer.content.decode()


@pytest.mark.parametrize("deed", ["confirm", "leave"])
def test_a_forged_link_is_refused(client: Client, deed: str) -> None:
    assert client.post(f"/policies/news/{deed}/forged:link:here/", ONE_CLICK).status_code == 404
    assert not Consent.objects.exists()


def test_a_link_for_leaving_does_not_confirm(client: Client) -> None:
    token = policy_news._link("leave", "fan@example.com").rsplit("/", 2)[1]
    assert client.post(f"/policies/news/confirm/{token}/").status_code == 404


def test_tells_each_follower_once_a_version() -> None:
    published(at=NOW - timedelta(days=9), source="30 days.")
    follower("one@example.com")
    follower("two@example.com")
    Fan.objects.create(email="never-asked@example.com")
    version = published(source="14 days.")
    assert policy_news.tell(NOW) == 2
    assert policy_news.tell(NOW) == 0
    mails = Message.objects.filter(kind="policy_news").order_by("to")
    assert [mail.to for mail in mails] == ["one@example.com", "two@example.com"]
    assert "has a new version, number 2 (material change)." in mails[0].text
    assert "Other days." in mails[0].text
    assert "30 → 14 days" in mails[0].text
    assert version.get_absolute_url() in mails[0].text
    page, leave = version.get_absolute_url(), link_in(mails[0], "leave")
    assert all(words in mails[0].html for words in ("Returns changed", "30 → 14 days", f'{page}"', f'{leave}"'))


def test_who_left_hears_no_more(client: Client) -> None:
    fan = follower("fan@example.com")
    published()
    policy_news.tell(NOW)
    page = link_in(Message.objects.get(), "leave")
    assert "Stop these mails" in client.get(page).content.decode()
    assert consent.agreed(fan, Channel.EMAIL, topic="policies")
    assert "You are off the list" in client.post(page, ONE_CLICK).content.decode()
    published(source="14 days.")
    assert policy_news.tell(NOW) == 0


def test_who_left_after_a_mail_was_planned_does_not_get_it(client: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "segments.tests.mail_backends.Keeps"
    follower("leaves@example.com")
    follower("stays@example.com")
    published()
    policy_news.tell(NOW)
    client.post(link_in(Message.objects.get(to="leaves@example.com"), "leave"), ONE_CLICK)
    drain(now() + timedelta(minutes=1))
    assert [each.to for each in mail.outbox] == [["stays@example.com"]]
    left = Message.objects.get(to="leaves@example.com")
    assert (left.state, left.reason) == (MessageState.SKIPPED, "opted out")


def test_m8_the_mail_programs_own_button_ends_it(settings: Any) -> None:
    """RFC 8058: a POST of one field, without cookie or CSRF token, however old the mail."""
    settings.EMAIL_BACKEND = "segments.tests.mail_backends.Keeps"
    fan = follower("fan@example.com")
    published()
    policy_news.tell(NOW)
    drain(now() + timedelta(minutes=1))
    headers = mail.outbox[0].extra_headers
    page = link_in(Message.objects.get(), "leave")
    assert headers["List-Unsubscribe"] == f"<{settings.PUBLIC_URL}{page}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    stranger = Client(enforce_csrf_checks=True)
    assert [stranger.post(page, ONE_CLICK).status_code for _ in range(2)] == [200, 200]
    assert list(fan.consents.filter(granted=False).values_list("topic", flat=True)) == ["policies"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("deed", "granted"), [("confirm", True), ("leave", False)])
def test_presses_at_once_write_one_answer(deed: str, granted: bool) -> None:
    if not granted:
        follower("fan@example.com")
    token = policy_news._link(deed, "fan@example.com").rsplit("/", 2)[1]

    def press(barrier: Barrier) -> None:
        barrier.wait()
        getattr(policy_news, deed)(token)

    at_once(press)
    assert Consent.objects.filter(granted=granted).count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_their_turn_each_press_writes_its_own() -> None:
    fan = follower("fan@example.com")

    def press(barrier: Barrier) -> None:
        if consent.agreed(fan, Channel.EMAIL, topic="policies"):
            barrier.wait()
            consent.record(fan, Channel.EMAIL, granted=False, source="policies", wording="Left.", topic="policies")

    at_once(press)
    assert Consent.objects.filter(granted=False).count() == THREADS


def test_m9_a_post_without_one_click_is_asked_again(client: Client) -> None:
    fan = follower("fan@example.com")
    published()
    policy_news.tell(NOW)
    answer = client.post(link_in(Message.objects.get(), "leave"), {})
    assert "Stop these mails" in answer.content.decode()
    assert consent.agreed(fan, Channel.EMAIL, topic="policies")


def test_a_cut_link_for_leaving_says_how_to_leave_all_the_same(client: Client) -> None:
    answer = client.post("/policies/news/leave/cut/", ONE_CLICK)
    assert answer.status_code == 404
    assert "help@example.com" in answer.content.decode()
    assert "Send me a new link" not in answer.content.decode()


def test_consent_to_drops_is_no_consent_to_this() -> None:
    fan = fans.find_or_create("fan@example.com")
    consent.record(fan, Channel.EMAIL, granted=True, source="checkout", wording="Drops.")
    assert list(policy_news.followers()) == []
