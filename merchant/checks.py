"""Refuses settings that would be unsafe, at the start of every process and in plain words.

A shop on a loopback address (the demo, the tests, a developer) may do as it likes; one that fans can reach may not.
"""

import ipaddress
import sys
from collections.abc import Callable, Iterator, Sequence
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from maxminddb import InvalidDatabaseError

from merchant.client_place import open_file

SECRET_KEY_LENGTH = 50
STRIPE_HOST = "https://api.stripe.com"
CALLS_OF_A_ROUND = 4  # to the provider, one after the other, before a worker says how it ended
MAIL_THAT_GOES_NOWHERE = ("console", "locmem", "dummy", "filebased")

Rule = Callable[[], Iterator[str]]


def unsafe(app_configs: Sequence[Any] | None = None, **_: Any) -> list[CheckMessage]:
    """A Django system check: every reason not to start, each with a number that stays the same."""
    return [Error(said, id=f"frontrow.E{number:03}") for number, rule in RULES.items() for said in rule()]


def refuse_unsafe(**_: Any) -> None:
    """Ends this process when a setting is unsafe. For processes that run no system check: web, live, worker, beat."""
    reasons = unsafe()
    if reasons:
        print("Frontrow does not start:", *(f"- {each.msg} ({each.id})" for each in reasons), sep="\n", file=sys.stderr)  # noqa: T201  # logging may not be set up yet
        raise SystemExit(1)


# --- the rules -------------------------------------------------------------------------------------------------------


def secret_key() -> Iterator[str]:
    key = _secret_key()
    if not key:
        yield "SECRET_KEY is empty. What is signed (orders, quotes, sessions) hangs on it: set 50 random characters."
    elif _public() and (len(key) < SECRET_KEY_LENGTH or key.startswith("django-insecure")):
        yield f"SECRET_KEY can be guessed: set at least {SECRET_KEY_LENGTH} random characters."


def debug() -> Iterator[str]:
    if settings.DEBUG and (_public() or any(not _loopback(host) for host in settings.ALLOWED_HOSTS)):
        yield "DEBUG is on for a shop that others can reach: error pages would show them its secrets. Set DEBUG=false."


def demo() -> Iterator[str]:
    if settings.DEMO and _public():
        yield "FRONTROW_DEMO is on for a shop that others can reach: it shows logins. Unset it."


def https() -> Iterator[str]:
    if _public() and not settings.HTTPS:
        yield f"PUBLIC_URL is {settings.PUBLIC_URL}: outside this machine it must begin with https://."
    if settings.HTTPS and not settings.LIVE_URL.startswith("https://"):
        yield f"LIVE_URL is {settings.LIVE_URL}: browsers refuse it on a page of {settings.PUBLIC_URL}. Use https://."


def hosts() -> Iterator[str]:
    if not _public():
        return
    if "*" in settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS has a *: name the hosts, or anybody's name becomes part of our links."
    elif not any(_covers(pattern, _host(settings.PUBLIC_URL)) for pattern in settings.ALLOWED_HOSTS):
        yield f"ALLOWED_HOSTS lacks {_host(settings.PUBLIC_URL)}, the host of PUBLIC_URL: every page would be refused."


def stripe_keys() -> Iterator[str]:
    secret, publishable = settings.STRIPE_SECRET_KEY, settings.STRIPE_PUBLISHABLE_KEY
    if not secret:
        if _public():
            yield "STRIPE_SECRET_KEY is empty: no order could be paid."
        return
    if not publishable:
        yield "STRIPE_PUBLISHABLE_KEY is empty: the card field could not be shown."
    elif _is_live(secret) != _is_live(publishable):
        yield "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are of different modes: use two live or two test keys."


def stripe_webhooks() -> Iterator[str]:
    if settings.STRIPE_SECRET_KEY and not any(settings.STRIPE_WEBHOOK_SECRETS):
        yield "STRIPE_WEBHOOK_SECRETS is empty: nothing that Stripe tells us could be believed."


def live_stripe() -> Iterator[str]:
    if not _is_live(settings.STRIPE_SECRET_KEY):
        return
    if settings.DEBUG or settings.DEMO:
        yield "STRIPE_SECRET_KEY is live while DEBUG or FRONTROW_DEMO is on: real cards would be charged. Use sk_test_…"
    if settings.STRIPE_API_BASE != STRIPE_HOST:
        yield f"STRIPE_API_BASE is {settings.STRIPE_API_BASE}: a live key is for {STRIPE_HOST} alone."


def stripe_in_clear() -> Iterator[str]:
    if not settings.STRIPE_API_BASE.startswith("https://") and not _loopback(_host(settings.STRIPE_API_BASE)):
        yield f"STRIPE_API_BASE is {settings.STRIPE_API_BASE}: keys would travel in clear. Use https://."


def mail() -> Iterator[str]:
    if not _public():
        return
    if any(f".{name}." in settings.EMAIL_BACKEND for name in MAIL_THAT_GOES_NOWHERE):
        yield "No e-mail leaves this machine: set EMAIL_URL (SMTP), or EMAIL_BACKEND and ANYMAIL (a provider's API)."
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    if not address or address.endswith("@example.com"):
        yield f"DEFAULT_FROM_EMAIL is {settings.DEFAULT_FROM_EMAIL or 'empty'}: set the shop's own address."


def payment_lease() -> Iterator[str]:
    least = CALLS_OF_A_ROUND * (settings.STRIPE_TIMEOUT_SECONDS + settings.STRIPE_BUDGET_WAIT_SECONDS)
    if least >= settings.PAYMENT_LEASE_SECONDS:
        yield (
            f"PAYMENT_LEASE_SECONDS is {settings.PAYMENT_LEASE_SECONDS:g}: two workers could pay one order at once."
            f" Set more than {least:g}, {CALLS_OF_A_ROUND} times STRIPE_TIMEOUT_SECONDS and STRIPE_BUDGET_WAIT_SECONDS."
        )


def places() -> Iterator[str]:
    if settings.PLACE_HEADER and not settings.TRUSTED_PROXIES:
        yield "PLACE_HEADER is set and TRUSTED_PROXIES is 0: a fan could write it. Set TRUSTED_PROXIES."
    if settings.PLACE_DATABASE:
        try:
            open_file(settings.PLACE_DATABASE).close()
        except (OSError, InvalidDatabaseError) as error:
            yield f"PLACE_DATABASE is no MaxMind file that can be read: {error}."


# A number is never given to another rule: people search for it.
RULES: dict[int, Rule] = {
    1: secret_key,
    2: debug,
    3: demo,
    4: https,
    5: hosts,
    6: stripe_keys,
    7: stripe_webhooks,
    8: live_stripe,
    9: stripe_in_clear,
    10: mail,
    11: payment_lease,
    12: places,
}


# --- reading -------------------------------------------------------------------------------------------------------


def _secret_key() -> str:
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # Django's own way to say that it is empty
        return ""


def _public() -> bool:
    """Whether fans reach the shop by a name or an address that is not this machine alone."""
    return not _loopback(_host(settings.PUBLIC_URL))


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _loopback(host: str) -> bool:
    host = host.strip("[]")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _covers(pattern: str, host: str) -> bool:
    """As Django reads ALLOWED_HOSTS: ``.shop.example`` covers its subdomains too."""
    pattern = pattern.lower()
    return host == pattern or (pattern.startswith(".") and (host == pattern[1:] or host.endswith(pattern)))


def _is_live(key: str) -> bool:
    return "_live_" in key
