"""Every message goes out once, or says honestly that nobody knows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from merchant.models import JournalEntry
from segments import consent
from segments.delivery import BACKOFF, LEASE, drain, plan, send_again
from segments.errors import NotResendable
from segments.fans import find_or_create
from segments.models import Channel, Message, MessageState
from segments.tests.mail_backends import Killed
from segments.tests.races import THREADS, at_once, refused

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
TEMPLATE = "segments/tests/receipt"


@pytest.fixture(autouse=True)
def _templates(settings: Any) -> None:
    here = Path(__file__).parent / "templates"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [here, *settings.TEMPLATES[0]["DIRS"]]}]


@pytest.fixture(autouse=True)
def provider(settings: Any) -> Callable[[str], None]:
    """Chooses the mail provider of the test by its name in mail_backends."""

    def choose(name: str) -> None:
        settings.EMAIL_BACKEND = f"segments.tests.mail_backends.{name}"

    choose("Keeps")
    return choose


def receipt(key: str = "order:1:confirmed", **changes: Any) -> Message:
    given: dict[str, Any] = {
        "kind": "confirmed",
        "to": "fan@example.com",
        "subject": "Your order",
        "template": TEMPLATE,
        "context": {"name": "O'Fan & Co", "at": NOW},
        "due_at": NOW,
    }
    return plan(key, **(given | changes))


def reread(message: Message) -> Message:
    message.refresh_from_db()
    return message


@pytest.mark.django_db
class TestPlanning:
    def test_renders_both_bodies_and_escapes_only_the_html(self) -> None:
        message = receipt()

        assert message.text == "Thank you, O'Fan & Co. It is Fri 20 Nov, 18:00 UTC.\n"
        assert message.html == "<p>Thank you, O&#x27;Fan &amp; Co.</p>\n"

    def test_html_may_be_missing(self) -> None:
        assert receipt(template="segments/tests/plain").html == ""

    def test_a_subject_is_one_line(self) -> None:
        assert receipt(subject="Your\r\nBcc: order ").subject == "Your Bcc: order"

    def test_who_plans_it_again_gets_the_first_one(self) -> None:
        assert receipt() == receipt(subject="Another")
        assert Message.objects.get().subject == "Your order"


@pytest.mark.django_db(transaction=True)
class TestTwoSchedulers:
    KEYS = ("drop:1:fan:1", "drop:1:fan:2", "drop:1:fan:3")

    def test_without_the_guard_they_end_in_errors(self) -> None:
        def look_then_create(barrier: Barrier) -> bool:
            assert not Message.objects.filter(key="drop:1:fan:1").exists()
            barrier.wait()
            return refused(lambda: Message.objects.create(key="drop:1:fan:1", to="fan@example.com"))

        assert sorted(at_once(look_then_create)) == [False] + [True] * (THREADS - 1)

    def test_make_one_row_for_each_fan(self) -> None:
        def schedule(barrier: Barrier) -> list[int]:
            barrier.wait()
            return [receipt(key).pk for key in self.KEYS]

        plans = at_once(schedule)

        assert list(Message.objects.order_by("id").values_list("key", flat=True)) == list(self.KEYS)
        assert plans == [plans[0]] * THREADS


@pytest.mark.django_db
class TestHandingOver:
    def test_sends_what_is_due_and_nothing_else(self) -> None:
        due = receipt()
        receipt("later", due_at=NOW + timedelta(seconds=1))

        assert drain(NOW) == 1
        assert drain(NOW) == 0

        assert [(m.to, m.subject) for m in mail.outbox] == [(["fan@example.com"], "Your order")]
        assert mail.outbox[0].extra_headers["Message-ID"] == f"<message-{due.pk}@example.com>"
        assert (reread(due).state, due.sent_at, due.attempts) == (MessageState.SENT, NOW, 1)

    def test_a_worker_killed_before_the_hand_off_loses_nothing(self, provider: Callable[[str], None]) -> None:
        message = receipt()
        provider("DiesBeforeTheHandOff")
        with pytest.raises(Killed):
            drain(NOW)
        provider("Keeps")

        assert drain(NOW + LEASE - timedelta(seconds=1)) == 0
        assert drain(NOW + LEASE) == 1
        assert drain(NOW + LEASE * 3) == 0

        assert len(mail.outbox) == 1
        assert reread(message).state == MessageState.SENT

    def test_a_worker_killed_in_the_hand_off_leaves_an_honest_doubt(self, provider: Callable[[str], None]) -> None:
        message = receipt()
        provider("DiesAfterTheHandOff")
        with pytest.raises(Killed):
            drain(NOW)
        provider("Keeps")

        assert drain(NOW + LEASE) == 0

        assert len(mail.outbox) == 1
        assert reread(message).state == MessageState.UNCERTAIN

    def test_a_lost_answer_is_a_doubt_too(self, provider: Callable[[str], None]) -> None:
        message = receipt()
        provider("LosesTheAnswer")

        drain(NOW)

        assert (reread(message).state, message.reason) == (MessageState.UNCERTAIN, "timed out")
        assert drain(NOW + timedelta(days=1)) == 0

    @pytest.mark.parametrize("trouble", ["CannotBeReached", "AsksToComeAgain"])
    def test_what_was_surely_not_sent_is_tried_again_with_growing_pauses_and_given_up(
        self, provider: Callable[[str], None], trouble: str
    ) -> None:
        message = receipt()
        provider(trouble)
        at = NOW

        for pause in BACKOFF:
            drain(at)
            assert (reread(message).state, message.due_at) == (MessageState.DUE, at + pause)
            at += pause
        drain(at)

        assert (reread(message).state, message.attempts) == (MessageState.FAILED, len(BACKOFF) + 1)
        assert message.reason.startswith("Gave up after 6 tries.")

    def test_one_dead_provider_costs_a_batch_one_wait(self, provider: Callable[[str], None]) -> None:
        receipt("one"), receipt("two")
        provider("CannotBeReached")

        assert drain(NOW) == 2
        provider("Keeps")
        assert drain(NOW + BACKOFF[0]) == 2

    def test_a_refused_mailbox_is_not_tried_again(self, provider: Callable[[str], None]) -> None:
        message = receipt()
        provider("RefusesForGood")

        drain(NOW)

        assert reread(message).state == MessageState.FAILED
        assert "no such mailbox" in message.reason

    def test_a_receipt_needs_no_consent(self) -> None:
        message = receipt()
        drain(NOW)
        assert reread(message).state == MessageState.SENT

    def test_an_opt_out_between_plan_and_send_is_obeyed(self) -> None:
        fan = find_or_create("fan@example.com")
        consent.record(fan, Channel.EMAIL, True, source="checkout", wording="yes")
        message = receipt(marketing=True)
        consent.record(fan, Channel.EMAIL, False, source="preferences", wording="no")

        drain(NOW)

        assert mail.outbox == []
        assert (reread(message).state, message.reason) == (MessageState.SKIPPED, "opted out")


@pytest.mark.django_db(transaction=True)
class TestManyWorkers:
    def test_without_the_lease_each_of_them_sends_it(self) -> None:
        receipt()

        def read_then_send(barrier: Barrier) -> None:
            (due,) = Message.objects.filter(state=MessageState.DUE)
            barrier.wait()
            mail.send_mail(due.subject, due.text, None, [due.to])
            Message.objects.filter(pk=due.pk).update(state=MessageState.SENT)

        at_once(read_then_send)

        assert len(mail.outbox) == THREADS

    def test_share_the_work_and_send_each_message_once(self) -> None:
        keys = {f"message {number}" for number in range(40)}
        for key in keys:
            receipt(key, subject=key)

        def work(barrier: Barrier) -> int:
            barrier.wait()
            return sum(iter(lambda: drain(NOW, limit=2), 0))

        assert sum(at_once(work)) == 40
        assert sorted(m.subject for m in mail.outbox) == sorted(keys)

    def test_no_transaction_is_open_while_the_provider_answers(self, settings: Any) -> None:
        receipt()
        settings.EMAIL_BACKEND = "segments.tests.test_delivery.SeesTransactions"

        drain(NOW)

        assert SeesTransactions.found == [False]


class SeesTransactions:
    """A provider that looks, while it has the message, whether a transaction of ours is open."""

    found: list[bool] = []

    def __init__(self, **_: Any) -> None:
        self.found.clear()

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def send_messages(self, _: Any) -> int:
        self.found.append(transaction.get_connection().in_atomic_block)
        return 1


@pytest.mark.django_db
class TestSendingAgain:
    def test_a_person_may_resolve_a_doubt(self, provider: Callable[[str], None]) -> None:
        message = receipt()
        provider("LosesTheAnswer")
        drain(NOW)
        provider("Keeps")

        send_again(message, by="staff:owner", now=NOW)
        drain(NOW)

        assert reread(message).state == MessageState.SENT
        assert JournalEntry.objects.get(subject=f"message:{message.pk}").verb == "sent_again"

    def test_a_sent_message_stays_sent(self) -> None:
        message = receipt()
        drain(NOW)

        with pytest.raises(NotResendable):
            send_again(message, by="staff:owner", now=NOW)
