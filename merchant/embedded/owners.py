"""Who started something, written down so that a later process can tell whether its owner still lives."""

import json
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
        note = json.loads(path.read_text())
        return note if psutil.Process(note["pid"]).create_time() == note["born"] else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
