"""Brings the database and the static files up to date, and skips what has not changed since the last start."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg

from merchant.embedded.errors import CannotStart
from merchant.embedded.places import CHECKOUT, private_folder, write_private

APPS = ("merchant", "policies", "segments", "drops", "checkout")


def prepare(database_url: str, say: Callable[[str], None]) -> None:
    """Migrates, collects static files and seeds the demo shop; each only when there is something to do."""
    database = _identity(database_url)
    done = _done()
    if done.get(f"migrated {database}") != (migrations := _fingerprint(_migration_files())):
        say("Bringing the database up to date …")
        _manage("migrate", "--verbosity=0")
        _manage("setup_roles")
        _remember(f"migrated {database}", migrations)
    if done.get("static") != (static := _fingerprint(_static_files())):
        say("Collecting static files …")
        _manage("collectstatic", "--noinput", "--clear", "--verbosity=0")
        _remember("static", static)
    if f"seeded {database}" not in done:
        say("Filling the demo shop: drops, policies, fans, orders …")
        _manage("seed_demo")
        _remember(f"seeded {database}", "yes")


def forget() -> None:
    """After the data is gone: everything has to be prepared anew."""
    (private_folder() / "prepared.json").unlink(missing_ok=True)


def _manage(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=CHECKOUT, check=False)
    if done.returncode != 0:
        raise CannotStart(f"`manage.py {arguments[0]}` failed, see above. `make demo-reset` starts with fresh data.")


def _identity(database_url: str) -> str:
    """Another for each database that was ever made, even at the same address."""
    query = (
        "SELECT c.system_identifier, d.oid FROM pg_control_system() c, pg_database d WHERE datname = current_database()"
    )
    with psycopg.connect(database_url) as connection:
        row = connection.execute(query).fetchone()
    return "-".join(str(part) for part in row or ())


def _migration_files() -> list[Path]:
    ours = [path for app in APPS for path in (CHECKOUT / app / "migrations").glob("*.py")]
    # Other people's migrations come with their versions; the roles are brought up to date with ours.
    return [*sorted(ours), CHECKOUT / "merchant" / "roles.py", CHECKOUT / "requirements.txt"]


def _static_files() -> list[Path]:
    ours = [
        path for folder in ("static", *(f"{app}/static" for app in APPS)) for path in (CHECKOUT / folder).rglob("*")
    ]
    return [*sorted(path for path in ours if path.is_file()), CHECKOUT / "requirements.txt"]


def _fingerprint(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(CHECKOUT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _done() -> dict[str, str]:
    path = private_folder() / "prepared.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _remember(what: str, fingerprint: str) -> None:
    write_private(private_folder() / "prepared.json", json.dumps(_done() | {what: fingerprint}))
