"""Servers that run beside us until they are told to end."""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from merchant.embedded.account import ENVIRONMENT, Account

REAP_SECONDS = 5
# Popen complains when it is forgotten while its process runs.
_children: list[subprocess.Popen[bytes]] = []


def start(command: Sequence[str | Path], *, account: Account, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Starts a server as `account` in `folder`; what it says goes to the end of `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal must not reach it before the processes that use it
            user=None if account.is_me else account.uid,
            group=None if account.is_me else account.gid,
            extra_groups=None if account.is_me else [],
        )
    _children.append(process)
    return process


def reap(pid: int) -> None:
    """Takes note that the server with this number has ended, when it was ours."""
    for process in [process for process in _children if process.pid == pid]:
        with suppress(subprocess.TimeoutExpired):  # its main thread is a zombie already, another may still be leaving
            process.wait(REAP_SECONDS)
            _children.remove(process)
