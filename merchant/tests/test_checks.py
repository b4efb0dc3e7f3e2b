"""Unsafe settings are refused at start, in words, and safe ones are not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as real
from django.core.checks import run_checks

from merchant.checks import unsafe

PRODUCTION: dict[str, Any] = {
    "DEBUG": False,
    "DEMO": False,
    "SECRET_KEY": "s" * 50,
    "PUBLIC_URL": "https://shop.test",
    "LIVE_URL": "https://shop.test",
    "HTTPS": True,
    "ALLOWED_HOSTS": ["shop.test"],
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
    "STRIPE_WEBHOOK_SECRETS": ["whsec_1"],
    "STRIPE_API_BASE": "https://api.stripe.com",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "DEFAULT_FROM_EMAIL": "Shop <shop@shop.test>",
}
HERE = {
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "LIVE_URL": "http://127.0.0.1:8001",
    "HTTPS": False,
    "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
    "DEBUG": True,
    "SECRET_KEY": "short",
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
    "STRIPE_API_BASE": "http://127.0.0.1:8002",
    "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    "DEFAULT_FROM_EMAIL": "shop@example.com",
}


def reasons(settings: Any, **changes: Any) -> list[str]:
    for name, value in (PRODUCTION | changes).items():
        setattr(settings, name, value)
    return [str(reason.id) for reason in unsafe()]


def test_a_sound_shop_starts(settings: Any) -> None:
    assert reasons(settings) == []


def test_on_this_machine_a_developer_may_do_as_they_like(settings: Any) -> None:
    assert reasons(settings, **HERE) == []
    assert reasons(settings, **HERE, DEMO=True) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"SECRET_KEY": ""}, "E001"),
        ({"SECRET_KEY": "s" * 49}, "E001"),
        ({"SECRET_KEY": "django-insecure-" + "s" * 50}, "E001"),
        (HERE | {"SECRET_KEY": ""}, "E001"),
        ({"DEBUG": True, "STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1"}, "E002"),
        (HERE | {"ALLOWED_HOSTS": ["localhost", "shop.test"]}, "E002"),
        (HERE | {"ALLOWED_HOSTS": ["*"]}, "E002"),
        ({"DEMO": True, "STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1"}, "E003"),
        ({"PUBLIC_URL": "http://shop.test", "HTTPS": False}, "E004"),
        ({"LIVE_URL": "http://shop.test"}, "E004"),
        ({"ALLOWED_HOSTS": ["*"]}, "E005"),
        ({"ALLOWED_HOSTS": ["other.test"]}, "E005"),
        ({"STRIPE_SECRET_KEY": ""}, "E006"),
        ({"STRIPE_PUBLISHABLE_KEY": ""}, "E006"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_test_1"}, "E006"),
        ({"STRIPE_WEBHOOK_SECRETS": []}, "E007"),
        ({"STRIPE_WEBHOOK_SECRETS": [""]}, "E007"),
        (HERE | {"STRIPE_WEBHOOK_SECRETS": []}, "E007"),
        ({"STRIPE_API_BASE": "https://elsewhere.test"}, "E008"),
        (
            {
                "STRIPE_API_BASE": "http://elsewhere.test",
                "STRIPE_SECRET_KEY": "sk_test_1",
                "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
            },
            "E009",
        ),
        ({"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}, "E010"),
        ({"DEFAULT_FROM_EMAIL": "shop@example.com"}, "E010"),
        ({"STRIPE_TIMEOUT_SECONDS": 10.0, "PAYMENT_LEASE_SECONDS": 48.0}, "E011"),
    ],
)
def test_refuses(settings: Any, changes: dict[str, Any], reason: str) -> None:
    assert reasons(settings, **changes) == [f"frontrow.{reason}"]


@pytest.mark.parametrize("switch", ["DEBUG", "DEMO"])
def test_refuses_a_live_key_in_a_shop_that_plays(settings: Any, switch: str) -> None:
    live = {
        "STRIPE_SECRET_KEY": "sk_live_1",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        "STRIPE_API_BASE": real.STRIPE_API_BASE,
    }
    found = reasons(
        settings, **HERE | {"DEBUG": False} | live | {"STRIPE_API_BASE": "https://api.stripe.com", switch: True}
    )

    assert found == ["frontrow.E008"]


@pytest.mark.parametrize("hosts", [["shop.test"], [".shop.test"], ["other.test", "SHOP.test"]])
def test_knows_how_hosts_are_written(settings: Any, hosts: list[str]) -> None:
    assert reasons(settings, ALLOWED_HOSTS=hosts) == []


def test_is_one_of_the_systems_checks(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = []
    assert "frontrow.E007" in {message.id for message in run_checks()}


@pytest.mark.parametrize("process", ["merchant.wsgi", "merchant.asgi"])
def test_a_process_that_runs_no_check_refuses_too(process: str) -> None:
    ended = _start([sys.executable, "-c", f"import {process}"])

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[0] == "Frontrow does not start:"
    assert "(frontrow.E007)" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_the_workers_refuse_too(process: str, tmp_path: Path) -> None:
    options = ["-P", "threads", "-c", "1"] if process == "worker" else ["-s", str(tmp_path / "schedule")]
    ended = _start([sys.executable, "-m", "celery", "-A", "merchant", process, *options])

    assert ended.returncode == 1
    assert "(frontrow.E007)" in ended.stderr


def _start(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "STRIPE_WEBHOOK_SECRETS": ""}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
