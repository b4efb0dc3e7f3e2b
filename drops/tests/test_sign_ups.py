"""“Tell me”: whose address it is says so by a press, and nobody learns anything from typing it."""

import re
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from drops import sign_ups
from drops.models import Drop, DropState
from drops.sign_up_models import SignUp
from drops.tests.factories import drop
from merchant.clock import now
from segments import consent, delivery, fans, opt_in
from segments.models import Channel, Consent, Fan, Footprint, Message, MessageState
from segments.tests.races import THREADS, at_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
DOOR = "/drops/winter-robe/tell-me/"
TOLD = "/drops/winter-robe/?told#tell-me"


@pytest.fixture(autouse=True)
def _nobody_asked_yet() -> None:
    opt_in.forget_counts()


@pytest.fixture
def winter() -> Drop:
    return drop(state=DropState.SCHEDULED, starts_at=now() + DAY)


def types(email: str, *, browser: Client | None = None) -> Any:
    return (browser or Client()).post(DOOR, {"email": email, "consent": "yes"})


def link(message: Message) -> str:
    found = re.search(r"http\S+(/tell-me/\S+/)", message.text)
    assert found, message.text
    assert f'{found[1]}"' in message.html
    return found[1]


def test_typing_an_address_records_no_consent(winter: Drop, client: Client) -> None:
    answer = types("Fan@Example.com", browser=client)
    assert (answer.status_code, answer["Location"]) == (303, TOLD)
    page = client.get("/drops/winter-robe/?told").content.decode()
    assert "Look in your mail" in page
    assert "You are on the list" not in page
    assert not Fan.objects.exists()
    assert SignUp.objects.get().email == "Fan@example.com"
    assert (Message.objects.get().to, Message.objects.get().marketing) == ("Fan@example.com", False)


def test_m26_a_scanner_confirms_nothing_and_a_press_does(winter: Drop) -> None:
    types("fan@example.com")
    page = link(Message.objects.get())
    for method in ("get", "head"):
        assert getattr(Client(), method)(page).status_code == 200
    assert "Yes, write to me" in Client().get(page).content.decode()
    assert not Fan.objects.exists()
    before = now()
    assert "You are on the list" in Client().post(page).content.decode()
    given = Consent.objects.get()
    assert (given.fan.email, given.granted, given.topic) == ("fan@example.com", True, "drops")
    assert (given.source, given.wording) == ("drop:winter-robe", sign_ups.WORDING)
    assert given.at >= before
    assert Footprint.objects.get().subject == "drop:winter-robe"


def test_the_answer_is_the_same_whoever_it_is(winter: Drop) -> None:
    for name, granted in (("agreed", True), ("left", False)):
        fan = fans.find_or_create(f"{name}@example.com")
        consent.record(fan, Channel.EMAIL, granted=granted, source="checkout", wording="Drops.")
    consents, answers = Consent.objects.count(), []
    for name in ("agreed", "left", "stranger", "stranger"):
        answer = types(f"{name}@example.com")
        answers.append((answer.status_code, answer["Location"], answer.content, sorted(answer.headers)))
    assert answers == [answers[0]] * 4
    assert Consent.objects.count() == consents
    assert not Footprint.objects.exists()
    assert [each.to.split("@")[0] for each in Message.objects.order_by("pk")] == ["agreed", "left", "stranger"]


def test_who_left_is_not_signed_up_again_by_a_stranger_but_by_their_own_press(winter: Drop) -> None:
    fan = fans.find_or_create("fan@example.com")
    consent.record(fan, Channel.EMAIL, granted=False, source="preferences", wording="No.")
    types("fan@example.com")
    assert not consent.agreed(fan, Channel.EMAIL)
    Client().post(link(Message.objects.get()))
    assert consent.agreed(fan, Channel.EMAIL)


def test_an_old_link_does_not_bring_back_who_left_since(winter: Drop) -> None:
    types("fan@example.com")
    page = link(Message.objects.get())
    Client().post(page)
    fan = Fan.objects.get()
    consent.record(fan, Channel.EMAIL, granted=False, source="preferences", wording="No.")
    assert Client().post(page).status_code == 200
    assert not consent.agreed(fan, Channel.EMAIL)
    assert Footprint.objects.count() == 1


def test_who_agreed_already_writes_no_second_line(winter: Drop) -> None:
    fan = fans.find_or_create("fan@example.com")
    consent.record(fan, Channel.EMAIL, granted=True, source="checkout", wording="Drops.")
    types("fan@example.com")
    Client().post(link(Message.objects.get()))
    assert Consent.objects.get().source == "checkout"
    assert Footprint.objects.get().fan == fan


def test_one_mail_goes_to_an_address_however_often_and_however_it_is_typed(winter: Drop) -> None:
    for email in ("fan@example.com", "FAN@Example.com", " fan@example.com "):
        assert types(email)["Location"] == TOLD
    assert (Message.objects.count(), SignUp.objects.count()) == (1, 1)
    types("other@example.com")
    assert Message.objects.count() == 2


def test_one_link_confirms_what_was_asked_for_meanwhile_and_says_so(winter: Drop) -> None:
    drop("spring", DropState.SCHEDULED, title="Spring Robe", starts_at=now() + 2 * DAY)
    types("fan@example.com")
    Client().post("/drops/spring/tell-me/", {"email": "FAN@example.com", "consent": "yes"})
    page = link(Message.objects.get())
    assert "You asked to hear of Spring Robe, too." in Client().get(page).content.decode()
    Client().post(page)
    assert Consent.objects.count() == 1
    subjects = Footprint.objects.order_by("pk").values_list("subject", flat=True)
    assert list(subjects) == ["drop:winter-robe", "drop:spring"]


def test_a_link_that_was_pressed_confirms_nothing_that_came_after_it(winter: Drop) -> None:
    drop("spring", DropState.SCHEDULED, starts_at=now() + 2 * DAY)
    types("fan@example.com")
    page = link(Message.objects.get())
    Client().post(page)
    Client().post("/drops/spring/tell-me/", {"email": "fan@example.com", "consent": "yes"})
    Client().post(page)
    assert Footprint.objects.get().subject == "drop:winter-robe"


def test_from_one_sender_so_many_in_an_hour(winter: Drop, settings: Any) -> None:
    settings.SIGN_UPS_PER_ADDRESS_AN_HOUR = 2
    answers = [types(f"fan{n}@example.com") for n in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert int(answers[2]["Retry-After"]) > 0
    page = answers[2].content.decode()
    assert "Too many signed up from where you are. Try again in 60 min." in page
    assert 'value="fan2@example.com"' in page
    assert Message.objects.count() == 2


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "x" * 300 + "@example.com", "a\x00@example.com"])
def test_what_is_no_address_is_said_beside_the_field(winter: Drop, email: str) -> None:
    answer = types(email)
    assert answer.status_code == 422
    assert "Write your whole e-mail address" in answer.content.decode()
    assert not SignUp.objects.exists()


def test_a_refused_form_that_is_loaded_anew_leads_to_the_drop(winter: Drop, client: Client) -> None:
    answer = client.get(DOOR)
    assert (answer.status_code, answer["Location"]) == (302, "/drops/winter-robe/#tell-me")


def test_without_a_ticked_box_nothing_is_kept(winter: Drop) -> None:
    for email in ("not-an-address", "fan@example.com"):
        answer = Client().post(DOOR, {"email": email})
        assert answer.status_code == 422
        assert "Tick the box" in answer.content.decode()
    assert (SignUp.objects.count(), Message.objects.count(), Fan.objects.count()) == (0, 0, 0)


def test_an_old_a_forged_and_a_forgotten_link_say_so(winter: Drop) -> None:
    types("fan@example.com")
    page = link(Message.objects.get())
    later = datetime.now(UTC) + timedelta(days=7, minutes=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.core.signing.time.time", later.timestamp)
        answers = [Client().post(page), Client().get(page)]
    answers.append(Client().post("/tell-me/forged:link:here/"))
    SignUp.objects.all().delete()
    answers.append(Client().post(page))
    for answer in answers:
        assert answer.status_code == 404
        assert "This link does not work any more" in answer.content.decode()
    assert not Consent.objects.exists()


def test_news_of_drops_reach_only_who_confirmed(winter: Drop, settings: Any) -> None:
    settings.EMAIL_BACKEND = "segments.tests.mail_backends.Keeps"
    for name in ("typed", "confirmed"):
        types(f"{name}@example.com")
    Client().post(link(Message.objects.get(to="confirmed@example.com")))
    Message.objects.all().delete()
    for name in ("typed", "confirmed"):
        news: dict[str, Any] = {"kind": "news", "subject": "It opens", "template": "drops/email/sign_up_confirm"}
        delivery.plan(f"news:{name}", to=f"{name}@example.com", marketing=True, context={}, **news)
    delivery.drain(now() + timedelta(minutes=1))
    assert [each.to for each in mail.outbox] == [["confirmed@example.com"]]
    assert Message.objects.get(to="typed@example.com").state == MessageState.SKIPPED


@pytest.mark.django_db(transaction=True)
def test_presses_at_once_write_one_yes() -> None:
    drop(state=DropState.SCHEDULED, starts_at=now() + DAY)
    types("fan@example.com")
    token = link(Message.objects.get()).split("/")[2]

    def press(barrier: Barrier) -> None:
        barrier.wait()
        sign_ups.confirm(token, now())

    at_once(press)
    assert (Consent.objects.count(), Footprint.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_read_and_then_written_a_link_would_count_for_every_press() -> None:
    kept = SignUp.objects.create(
        drop=drop(state=DropState.SCHEDULED, starts_at=now() + DAY), email="fan@example.com", wording="Drops."
    )

    def press(barrier: Barrier) -> int:
        found = SignUp.objects.get(pk=kept.pk)
        if found.confirmed_at is not None:
            return 0
        barrier.wait()
        found.confirmed_at = now()
        found.save(update_fields=["confirmed_at"])
        return 1

    assert sum(at_once(press)) == THREADS
