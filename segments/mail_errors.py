"""What an error of the mail provider says about the message: surely not sent, refused for good, or nobody knows."""

import enum
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from django.core.exceptions import ImproperlyConfigured

# A ValueError is a header or an address that no mail can have.
MAIL_ERRORS = (OSError, SMTPException, AnymailError, ImproperlyConfigured, ValueError)


class Verdict(enum.Enum):
    NOT_SENT = "not sent: try again later"
    REFUSED = "refused: trying again would not help"
    UNKNOWN = "it may have been sent"


# 401, 403: our key is wrong, and a person will mend it. 429, 503: the provider says so itself.
STATUS_NOT_SENT = {401, 403, 408, 429, 503}


def judge(error: Exception) -> Verdict:
    """Doubt counts as UNKNOWN: a message twice is worse than one that a person has to look at."""
    match error:
        case SMTPAuthenticationError() | SMTPConnectError() | SMTPHeloError() | ImproperlyConfigured():
            verdict = Verdict.NOT_SENT  # a person will mend the settings
        case ConnectionRefusedError():
            verdict = Verdict.NOT_SENT
        case SMTPRecipientsRefused():
            verdict = _by_reply(max(code for code, _ in error.recipients.values()))
        case SMTPResponseException():
            verdict = _by_reply(error.smtp_code)
        case SMTPNotSupportedError() | AnymailRecipientsRefused() | AnymailUnsupportedFeature():
            verdict = Verdict.REFUSED
        case AnymailAPIError():
            verdict = _by_status(error.status_code)
        case OSError() | SMTPException():
            verdict = Verdict.UNKNOWN
        case ValueError() | AnymailSerializationError():
            verdict = Verdict.REFUSED
        case _:
            verdict = Verdict.UNKNOWN
    return verdict


def _by_reply(code: int) -> Verdict:
    """4yz asks to come again, 5yz is for good; either way the server did not take the mail (RFC 5321, 4.2.1)."""
    return Verdict.NOT_SENT if 400 <= code < 500 else Verdict.REFUSED


def _by_status(status: int | None) -> Verdict:
    if status in STATUS_NOT_SENT:
        return Verdict.NOT_SENT
    return Verdict.REFUSED if status is not None and 400 <= status < 500 else Verdict.UNKNOWN
