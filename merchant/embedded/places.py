"""Where the embedded services keep their things.

Everything private to a checkout lies in its ignored folder `.frontrow/`. Run as root, PostgreSQL needs an unprivileged
account, and that account needs a way to its cluster: then the clusters lie in a folder of their own under /var/lib (or
/var/tmp), so that nobody's home directory has to be opened. Its path is remembered in `.frontrow/clusters`.
"""

import os
import shutil
import tempfile
from pathlib import Path

from merchant.embedded.errors import CannotStart

CHECKOUT = Path(__file__).resolve().parents[2]
PRIVATE = CHECKOUT / ".frontrow"
ROOMY_PARENTS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108  # mkdtemp makes the folder, so nobody can wait there
NEEDED_BYTES = 400 * 1024 * 1024


def private_folder(*parts: str) -> Path:
    """A folder below `.frontrow/` that only its owner can enter, made when missing."""
    PRIVATE.mkdir(mode=0o700, exist_ok=True)
    folder = PRIVATE.joinpath(*parts)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write_private(path: Path, text: str) -> None:
    """Replaces a file whole; at no moment can anyone else read it, or find half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mkstemp: mode 600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).replace(path)


def clusters_folder() -> Path:
    """The folder of this checkout's PostgreSQL clusters."""
    if os.geteuid() != 0:
        return private_folder("clusters")
    note = private_folder() / "clusters-folder"
    if note.exists() and _is_ours(Path(note.read_text().strip())):
        return Path(note.read_text().strip())
    folder = _new_folder_for_root()
    write_private(note, f"{folder}\n")
    return folder


def socket_folder() -> Path:
    """A new short folder for Unix sockets, whose paths must stay below about a hundred characters."""
    return Path(tempfile.mkdtemp(prefix="frontrow-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108


def check_space(folder: Path) -> None:
    """Raises CannotStart when the disk has no room for a cluster."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise CannotStart(
            f"Only {free // 1024**2} MB are free on the disk of {folder}, and PostgreSQL needs "
            f"{NEEDED_BYTES // 1024**2} MB."
        )


def _new_folder_for_root() -> Path:
    for parent in ROOMY_PARENTS:
        if os.access(parent, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix="frontrow-", dir=parent))
            folder.chmod(0o711)  # passable for PostgreSQL's account, listable by root alone
            return folder
    raise CannotStart("No place for PostgreSQL's data: neither /var/lib nor /var/tmp can be written.")


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == 0
