"""The account PostgreSQL runs under: it refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from merchant.embedded.errors import CannotStart

NAME = "pgserver"  # the name the wheel itself would choose, so that a machine gets one account, not two


@dataclass(frozen=True)
class Account:
    """Somebody a process can run as."""

    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        return self.uid == os.geteuid()

    def give(self, path: Path) -> None:
        """Makes the account the owner of a file or folder."""
        if not self.is_me:
            os.chown(path, self.uid, self.gid)

    def run(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end as this account, with an environment of its own."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            user=None if self.is_me else self.uid,
            group=None if self.is_me else self.gid,
            extra_groups=None if self.is_me else [],
        )


# A person's PGHOST, PGDATA or LC_ALL must not reach the server.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def myself() -> Account:
    """Whoever runs this program."""
    return Account(os.geteuid(), os.getegid())


def postgres_account() -> Account:
    """Whoever we are, or, when we are root, an unprivileged system account made for it."""
    if os.geteuid() != 0:
        return myself()
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _create()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def _create() -> None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise CannotStart(
            "PostgreSQL does not run as root and `useradd` is missing: start as an ordinary user, or set DATABASE_URL."
        )
    command = [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise CannotStart(
            f"PostgreSQL does not run as root and `useradd {NAME}` failed ({made.stderr.strip()}): set DATABASE_URL."
        )
