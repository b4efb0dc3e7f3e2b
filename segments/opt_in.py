"""Asked twice (double opt-in): who types an address need not be its owner, so the owner says yes by a link in a mail.

What every list that writes to people shares: reading the address, how often a stranger may make us write, the signed
link, and the answer in the ledger. A link is opened by scanners; only a press of its page's button says anything.
"""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from email_validator import EmailNotValidError, validate_email
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from merchant import moving_windows
from merchant.keyed import keyed
from segments import consent, fans
from segments.errors import NotAnAddress, TooManyAsked
from segments.models import Channel, Fan

LINK_DAYS = 7
LINK_FOR = timedelta(days=LINK_DAYS)
MAIL_MINUTES = 10  # one mail an address in this time, however often it is typed
LEFT = "Left by the link."
BY_ADDRESS, BY_SENDER = "opt-in", "opt-in-from"
SALT = "frontrow.opt-in"


def address_of(typed: str) -> str:
    """The address as it is kept. Raises NotAnAddress."""
    try:
        return validate_email(typed.strip()[:254], check_deliverability=False).normalized
    except EmailNotValidError:
        raise NotAnAddress from None


def require_few(what: str, ip: str | None, an_hour: int) -> None:
    """Count one who asks for ``what`` from an IP address. Raises TooManyAsked, which says when again.

    Each may send a stranger a mail.
    """
    if ip is None:
        return
    if seconds := moving_windows.wait_for(BY_SENDER, RateLimitItemPerHour(an_hour), what, keyed(SALT, ip).hex()):
        raise TooManyAsked(seconds)


def may_write(what: str, address: str) -> bool:
    """Count one mail about ``what`` to an address that somebody typed: one in MAIL_MINUTES, in any writing of it."""
    mark = keyed(SALT, address.lower()).hex()
    return not moving_windows.wait_for(BY_ADDRESS, RateLimitItemPerMinute(1, MAIL_MINUTES), what, mark)


def forget_counts() -> None:
    """Start counting afresh."""
    moving_windows.forget(BY_ADDRESS)
    moving_windows.forget(BY_SENDER)


def link(view: str, what: object, *, salt: str) -> str:
    """The whole address of a page whose button does a deed about ``what``."""
    return f"{settings.PUBLIC_URL}{reverse(view, args=[signing.dumps(what, salt=salt)])}"


@transaction.atomic
def say_yes(address: str, *, topic: str, source: str, wording: str) -> Fan:
    """The owner of the address agrees, once: who agreed already writes no second line."""
    fan = _alone_with(address) or fans.find_or_create(address)  # of two who make it, the second waits for the first
    if not consent.agreed(fan, Channel.EMAIL, topic=topic):
        consent.record(fan, Channel.EMAIL, granted=True, source=source, wording=wording, topic=topic)
    return fan


@transaction.atomic
def say_no(address: str, *, topic: str, source: str) -> None:
    """No more of it. Who said no already, or nothing ever, writes no line."""
    fan = _alone_with(address)
    if fan and consent.agreed(fan, Channel.EMAIL, topic=topic):
        consent.record(fan, Channel.EMAIL, granted=False, source=source, wording=LEFT, topic=topic)


def _alone_with(address: str) -> Fan | None:
    """Two presses at once wait for each other here, so that one answer is written and not two."""
    return Fan.objects.select_for_update(no_key=True).filter(fans.is_address(address)).first()
