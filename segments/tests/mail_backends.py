"""Mail providers for tests: they stand at Django's own port for mail."""

import smtplib
from collections.abc import Sequence

from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class Killed(BaseException):
    """The worker's process ends here: no except clause of ours may see it."""


class Keeps(BaseEmailBackend):
    """Delivers into mail.outbox, as Django's own for tests does."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        mail.outbox.extend(email_messages)
        return len(email_messages)


class DiesBeforeTheHandOff(Keeps):
    def open(self) -> bool:
        raise Killed


class DiesAfterTheHandOff(Keeps):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        super().send_messages(email_messages)
        raise Killed


class CannotBeReached(Keeps):
    def open(self) -> bool:
        raise TimeoutError("timed out")


class LosesTheAnswer(Keeps):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        super().send_messages(email_messages)
        raise TimeoutError("timed out")


class AsksToComeAgain(Keeps):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise smtplib.SMTPRecipientsRefused({"fan@example.com": (450, b"greylisted")})


class RefusesForGood(Keeps):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise smtplib.SMTPRecipientsRefused({"fan@example.com": (550, b"no such mailbox")})
