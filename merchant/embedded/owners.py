"""Who started something, written down so that a later process can tell whether its owner still lives."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from merchant.embedded.places import write_private


def sign(path: Path, **more: int | str) -> None:
    """Leaves this process's name in a file. The time of birth tells it from a later process with the same number."""
    me = psutil.Process()
    write_private(path, json.dumps({"pid": me.pid, "born": me.create_time(), **more}))


def owner(path: Path) -> dict[str, int | str] | None:
    """What sign() left, while the process that left it lives; else None."""
    try:
        note: dict[str, int | str] = json.loads(path.read_text())
        process = psutil.Process(int(note["pid"]))
        return note if process.create_time() == note["born"] and lives(process) else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def lives(process: psutil.Process) -> bool:
    """A zombie does not: in a container whose first process reaps nobody it would stay for ever."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(processes: Iterable[psutil.Process], *, seconds: float) -> list[psutil.Process]:
    """Waits until none lives, at most so long; returns those that still do."""
    deadline = time.monotonic() + seconds
    while alive := [process for process in processes if lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.03)
    return alive
