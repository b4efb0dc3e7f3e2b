"""The addresses of the embedded services that run for this checkout. Light to import: the settings do."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ImproperlyConfigured

from merchant.embedded.places import PRIVATE, private_folder, write_private

HOW_TO_START = (
    "DATABASE_URL and REDIS_URL are not set, and no embedded PostgreSQL and Redis run for this checkout. "
    "Start them with `make demo` (everything) or `make services` (these two alone), or set both addresses."
)


@dataclass(frozen=True)
class Addresses:
    """Where PostgreSQL and Redis answer."""

    database_url: str
    redis_url: str


def urls() -> Addresses:
    """The running services' addresses; raises ImproperlyConfigured, with the way to start them, when none run."""
    try:
        found = Addresses(**json.loads(_note().read_text()))
    except FileNotFoundError:
        raise ImproperlyConfigured(HOW_TO_START) from None
    if not _socket(found.database_url).exists():
        raise ImproperlyConfigured(HOW_TO_START)
    return found


def database_url() -> str:
    """The running PostgreSQL's address."""
    return urls().database_url


def redis_url() -> str:
    """The running Redis's address."""
    return urls().redis_url


def announce(addresses: Addresses) -> None:
    """Lets every process of this checkout find the services."""
    private_folder()
    write_private(_note(), json.dumps(asdict(addresses)))


def withdraw() -> None:
    """The opposite of announce()."""
    _note().unlink(missing_ok=True)


def _note() -> Path:
    return PRIVATE / "services.json"


def _socket(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"
