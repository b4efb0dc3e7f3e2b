"""What every test stands on: real PostgreSQL and Redis, a real browser when there is one, and no way to the outside."""

import gc
import os
import secrets
import shutil
import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import BrowserContext, Playwright, expect

from merchant.embedded.services import passing

LOOPBACK = ("127.", "::1", "localhost")
SERVICES = ExitStack()
OWN_SERVICES = "FRONTROW_TESTS_OWN_SERVICES"  # set by the process that started them, inherited by xdist's workers


def start_services() -> None:
    """One PostgreSQL and one Redis for the whole run, unless addresses are given. xdist's workers inherit them."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return
    addresses = SERVICES.enter_context(passing())
    os.environ["DATABASE_URL"] = addresses.database_url
    os.environ["REDIS_URL"] = addresses.redis_url
    os.environ[OWN_SERVICES] = "true"


def forbid_the_outside() -> None:
    """From here on a Python socket reaches this machine and the given services, nothing else."""
    allowed = {urlsplit(os.environ[name]).hostname for name in ("DATABASE_URL", "REDIS_URL")}

    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        elif event == "socket.getaddrinfo":
            host = arguments[0]
        else:
            return
        name = host.decode() if isinstance(host, bytes) else host
        if name and not name.startswith(LOOPBACK) and name not in allowed:
            raise RuntimeError(f"A test wanted to reach {name}; only this machine is allowed.")

    sys.addaudithook(guard)


# A busy machine is no bug: an example may take its time, and a failing one is printed to be tried again.
hypothesis_settings.register_profile("frontrow", deadline=None, print_blob=True)
hypothesis_settings.load_profile("frontrow")

start_services()
forbid_the_outside()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
os.environ["FRONTROW_ENV_FILE"] = os.devnull  # a developer's .env must not decide what the tests see
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
os.environ.setdefault("STATIC_STORAGE", "django.contrib.staticfiles.storage.StaticFilesStorage")
os.environ.setdefault("STRIPE_SECRET_KEY", "sk_test_frontrow")
os.environ.setdefault("STRIPE_PUBLISHABLE_KEY", "pk_test_frontrow")
os.environ.setdefault("STRIPE_WEBHOOK_SECRET", "whsec_frontrow")
os.environ.setdefault("STRIPE_WEBHOOK_SECRETS", "whsec_frontrow")
os.environ.setdefault("STRIPE_SLOW_SECONDS", "600")  # a sandbox on a busy machine is no provider in trouble

import django  # noqa: E402  # the settings read the addresses above

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import TransactionTestCase  # noqa: E402

import checkout.order_keys  # noqa: E402
import checkout.totals.provider_tax  # noqa: E402
import checkout.totals.tables  # noqa: E402
import drops.printed  # noqa: E402
import drops.queries  # noqa: E402
import drops.terms  # noqa: E402
import merchant.redis_client  # noqa: E402
import policies.feed  # noqa: E402
import policies.queries  # noqa: E402
import policies.rules  # noqa: E402
from merchant.store import forget_store  # noqa: E402
from tests import tables  # noqa: E402

settings.PASSWORD_HASHERS = ["tests.passwords.QuickHasher"]
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of a missing folder

# A fan is answered within seconds whatever happens; a test that races sixteen of them waits for a busy machine.
# Those that are about the limits set their own.
merchant.redis_client.SOCKET_SECONDS = 60.0
checkout.order_keys.LOCK_TIMEOUT = "600s"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Half of the collection, and a tenth of the tests, was Python's looking for garbage among the same half a million
    objects: modules, tests, models. They live to the end, and are looked through no more."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One more than there are cores: many tests wait for other processes, and a core need not wait with them."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.workers import WholeFiles  # noqa: PLC0415  # needs xdist, which may be switched off

    return WholeFiles(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """Each worker gets a Redis database of its own; its PostgreSQL database is pytest-django's doing."""
    address = urlsplit(os.environ["REDIS_URL"])
    for number, spec in enumerate(specs, start=1):
        spec.env["REDIS_URL"] = urlunsplit(address._replace(path=f"/{number}"))


def pytest_unconfigure() -> None:
    SERVICES.close()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """Our own PostgreSQL is deleted whole at the end; its databases need not be dropped one by one before."""
    return django_db_keepdb or OWN_SERVICES in os.environ


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Lets the test database, and it alone, empty append-only tables between tests; says how they are emptied."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} SET frontrow.allow_truncate = 'on'")
        cursor.execute("SET frontrow.allow_truncate = 'on'")
        tables.remember()
    # Django has no public place for it, and pytest-django none at all.
    TransactionTestCase._fixture_teardown = lambda self: tables.restore()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """What a process keeps for a second or two must not reach the next test."""
    forget_store()
    policies.feed.authority.cache_clear()
    policies.queries.forget()
    policies.rules.forget()
    drops.queries.forget()
    drops.terms.forget()
    drops.printed.forget()
    checkout.totals.tables.forget()
    checkout.totals.provider_tax.forget()


# --- the browser -----------------------------------------------------------------------------------------------------

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000  # milliseconds; nobody waits so long for nothing: a busy machine is slow
expect.set_options(timeout=PATIENCE)
PLAYWRIGHT_BROWSERS = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright")
PLAYWRIGHT_CHROMIUMS = ("chromium-*/chrome-linux*/chrome", "chromium_headless_shell-*/chrome-linux*/headless_shell")
NO_BROWSER = "NO BROWSER TEST RUNS: no Chromium was found. `make browser` installs one; CHROMIUM_PATH names one."


def chromium() -> str | None:
    """The path of a Chromium: the named one, the system's, or Playwright's own."""
    if named := os.environ.get("CHROMIUM_PATH"):
        return named
    if system := shutil.which("chromium") or shutil.which("chromium-browser"):
        return system
    folder = Path(PLAYWRIGHT_BROWSERS).expanduser()
    found = [path for pattern in PLAYWRIGHT_CHROMIUMS for path in sorted(folder.glob(pattern))]
    return str(found[-1]) if found else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    browser_tests = [item for item in items if item.get_closest_marker("browser")]
    if not browser_tests or chromium() is not None:
        return
    if os.environ.get("CI") == "true":
        raise pytest.UsageError(NO_BROWSER)
    for item in browser_tests:
        item.add_marker(pytest.mark.skip(reason=NO_BROWSER))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if skipped := [r for r in terminalreporter.stats.get("skipped", []) if NO_BROWSER in str(r.longrepr)]:
        terminalreporter.write_line(f"{NO_BROWSER} ({len(skipped)} skipped)", red=True, bold=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium(), "args": BROWSER_FLAGS}


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """Pages load and buttons are pressed with the same patience as is had with what they show."""
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture(scope="session")
def playwright(playwright: Playwright) -> Playwright:
    """Its synchronous API leaves an event loop in the main thread to the end, where Django would refuse to query."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return playwright
