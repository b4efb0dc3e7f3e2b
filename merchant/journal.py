"""The journal: one line a deed, written in the deed's own transaction."""

from typing import Any

from merchant import rows
from merchant.models import JournalEntry

WORKER, FAN = "worker", "fan"


def staff(username: str) -> str:
    """The actor name of a member of staff."""
    return f"staff:{username}"


def record(subject: str, verb: str, *, actor: str, why: str = "", data: dict[str, Any] | None = None) -> None:
    """Write who did what. Call it inside the transaction that does it, so that neither can stand alone."""
    rows.write(deed=deed(subject, verb, actor=actor, why=why, data=data))


def deed(subject: str, verb: str, *, actor: str, why: str = "", data: dict[str, Any] | None = None) -> rows.Insert:
    """The same, to be written in one statement with other rows of the deed."""
    entry = {"subject": subject, "verb": verb, "actor": actor, "why": why[:300], "data": data or {}}
    return rows.insert(JournalEntry, [entry])
