"""The ledger of messages: planned once, leased, handed to the mail provider with no lock held, and its outcome kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.template import Context, TemplateDoesNotExist
from django.template.loader import get_template
from django.utils import timezone

from merchant import journal
from merchant.store import current_store, store_zone
from merchant.wake import wake
from segments import consent
from segments.errors import NotResendable
from segments.mail_errors import MAIL_ERRORS, Verdict, judge
from segments.models import Message, MessageState

BATCH = 10
LEASE = timedelta(minutes=5)  # more than a batch takes when the provider lets every message wait for its time-out
BACKOFF = [timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6)]
RESENDABLE = (MessageState.FAILED, MessageState.UNCERTAIN)
STOPPED = "A worker stopped while it was handing this over."


# --- planning --------------------------------------------------------------------------------------------------------


def plan(
    key: str,
    *,
    kind: str,
    to: str,
    subject: str,
    template: str,
    context: dict[str, Any],
    marketing: bool = False,
    topic: str = "drops",
    leave_url: str = "",
    due_at: datetime | None = None,
) -> Message:
    """Put a message into the ledger, once a ``key``: whoever plans it again gets the first one, as it was.

    One of ``marketing`` goes out only to whom wants to hear of its ``topic`` at that moment; ``leave_url`` is where one
    POST ends it.

    ``template`` names ``<template>.txt`` and, where there is one, ``<template>.html``; times in them are the shop's.
    Call it inside the transaction of the deed it tells about; the worker wakes when that commits.
    """
    text, html = _rendered(template, context)
    message = Message(key=key, kind=kind, to=to, subject=_one_line(subject), text=text, html=html)
    message.marketing, message.topic, message.leave_url = marketing, topic, leave_url
    if due_at is not None:
        message.due_at = due_at
    Message.objects.bulk_create([message], ignore_conflicts=True)
    wake("messages")
    return Message.objects.get(key=key)


def _rendered(template: str, context: dict[str, Any]) -> tuple[str, str]:
    values = {"shop": current_store()} | context
    with timezone.override(store_zone()):
        return _render(f"{template}.txt", values, escape=False).strip() + "\n", _html(f"{template}.html", values)


def _html(name: str, values: dict[str, Any]) -> str:
    try:
        return _render(name, values, escape=True)
    except TemplateDoesNotExist as missing:
        if str(missing) != name:  # the page exists; something that it includes does not
            raise
        return ""


def _render(name: str, values: dict[str, Any], *, escape: bool) -> str:
    template = get_template(name).template  # type: ignore[attr-defined]  # Django's own engine; plain text is not HTML
    return str(template.render(Context(values, autoescape=escape)))


def _one_line(subject: str) -> str:
    return " ".join(subject.split())[:200]


# --- handing over ----------------------------------------------------------------------------------------------------


def drain(now: datetime, limit: int = BATCH) -> int:
    """Hand over up to ``limit`` due messages; returns how many it took. Any number of workers may do it at once.

    A worker that dies before a hand-off leaves a lease that ends, and the message is sent then. One that dies *in* a
    hand-off leaves a message that may have been sent: it becomes ``uncertain`` and waits for a person.
    """
    _admit_uncertainty(now)
    messages = _claim(now, limit)
    if messages:
        _hand_over_all(messages, now)
    return len(messages)


def _claim(now: datetime, limit: int) -> list[Message]:
    """Lease what is due. Rows that another worker is leasing are skipped, not waited for."""
    with transaction.atomic(durable=True):
        due = Message.objects.filter(state=MessageState.DUE, due_at__lte=now, handed_at=None)
        free = due.exclude(leased_until__gt=now).order_by("due_at", "id")
        ids = list(free.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        if not ids:
            return []
        Message.objects.filter(pk__in=ids).update(leased_until=now + LEASE)
        return list(Message.objects.filter(pk__in=ids).order_by("due_at", "id"))


def _admit_uncertainty(now: datetime) -> None:
    Message.objects.filter(state=MessageState.DUE, handed_at__isnull=False, leased_until__lte=now).update(
        state=MessageState.UNCERTAIN, reason=STOPPED
    )


def _hand_over_all(messages: Iterable[Message], now: datetime) -> None:
    """One connection for the batch, and a new one after each failure."""
    line = _Line()
    try:
        for message in messages:
            _hand_over(message, line, now)
    finally:
        line.hang_up()


class _Line:
    """The connection to the provider. Opening it sends nothing, so a message is marked as handed over only after."""

    def __init__(self) -> None:
        self._backend: BaseEmailBackend | None = None
        self._dead: Exception | None = None

    def open(self) -> BaseEmailBackend:
        """Raises one of MAIL_ERRORS, and the same at once for the rest of the batch: a dead provider costs one wait."""
        if self._dead:
            raise self._dead
        if self._backend is None:
            try:
                backend = get_connection()
                backend.open()
            except MAIL_ERRORS as error:
                self._dead = error
                raise
            self._backend = backend
        return self._backend

    def hang_up(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


def _hand_over(message: Message, line: _Line, now: datetime) -> None:
    if message.marketing and not consent.address_agreed(message.to, topic=message.topic):
        _note(message, _Outcome(MessageState.SKIPPED, "opted out"))
        return
    try:
        connection = line.open()
    except MAIL_ERRORS as error:
        _note(message, _again(message, now, str(error)))
        return
    if not _mark_handed(message, now):
        return  # our lease had ended and another worker has it
    mail = _mail(message, connection)
    try:
        mail.send()
    except MAIL_ERRORS as error:
        _note(message, _outcome_of(error, message, now))
        line.hang_up()
    else:
        _note(message, _Outcome(MessageState.SENT, sent_at=now, provider_id=_provider_id(mail)))


def _mark_handed(message: Message, now: datetime) -> bool:
    """Claim by update: from here until the outcome is known, nobody else may send it."""
    ours = Message.objects.filter(
        pk=message.pk, state=MessageState.DUE, handed_at=None, leased_until=message.leased_until
    )
    return ours.update(handed_at=now) == 1


def _mail(message: Message, connection: BaseEmailBackend) -> EmailMultiAlternatives:
    # The same id at every attempt: a mailbox that gets a message twice can tell.
    headers = {"Message-ID": f"<message-{message.pk}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2].strip('>')}>"}
    if message.leave_url:
        # RFC 8058: the mail program's own button sends one POST there, and the fan is off the list.
        headers |= {"List-Unsubscribe": f"<{message.leave_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    mail = EmailMultiAlternatives(
        message.subject, message.text, to=[message.to], headers=headers, connection=connection
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _provider_id(mail: EmailMultiAlternatives) -> str:
    status = getattr(mail, "anymail_status", None)
    return str(getattr(status, "message_id", None) or mail.extra_headers["Message-ID"])[:120]


# --- outcomes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Outcome:
    state: MessageState
    reason: str = ""
    due_at: datetime | None = None
    sent_at: datetime | None = None
    provider_id: str = ""


def _outcome_of(error: Exception, message: Message, now: datetime) -> _Outcome:
    match judge(error):
        case Verdict.NOT_SENT:
            return _again(message, now, str(error))
        case Verdict.REFUSED:
            return _Outcome(MessageState.FAILED, str(error))
        case Verdict.UNKNOWN:
            return _Outcome(MessageState.UNCERTAIN, str(error) or type(error).__name__)


def _again(message: Message, now: datetime, why: str) -> _Outcome:
    """Later, with growing pauses; given up after the last one."""
    if message.attempts >= len(BACKOFF):
        return _Outcome(MessageState.FAILED, f"Gave up after {message.attempts + 1} tries. {why}")
    return _Outcome(MessageState.DUE, why, due_at=now + BACKOFF[message.attempts])


def _note(message: Message, outcome: _Outcome) -> None:
    """Keep what happened, unless the lease went to somebody else meanwhile."""
    changes: dict[str, Any] = {"state": outcome.state, "reason": outcome.reason[:200]}
    if outcome.state != MessageState.SKIPPED:
        changes["attempts"] = message.attempts + 1
    if outcome.due_at is not None:
        changes |= {"due_at": outcome.due_at, "handed_at": None, "leased_until": None}
    if outcome.sent_at is not None:
        changes |= {"sent_at": outcome.sent_at, "provider_id": outcome.provider_id}
    Message.objects.filter(pk=message.pk, leased_until=message.leased_until).update(**changes)


def send_again(message: Message, *, by: str, now: datetime) -> None:
    """A person decides to send a failed or uncertain message anew. Raises NotResendable for any other."""
    with transaction.atomic():
        stuck = Message.objects.filter(pk=message.pk, state__in=RESENDABLE)
        changed = stuck.update(
            state=MessageState.DUE, reason="", attempts=0, due_at=now, handed_at=None, leased_until=None
        )
        if not changed:
            raise NotResendable(message.key)
        journal.record(f"message:{message.pk}", "sent_again", actor=by)
    wake("messages")
