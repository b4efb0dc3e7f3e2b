"""The journal of the demo's past. Lines are gathered first and written in the order of their times."""

from datetime import datetime
from typing import Any

from merchant.models import JournalEntry


class Story:
    """What would have been written down, had the demo's past happened."""

    def __init__(self) -> None:
        self._lines: list[JournalEntry] = []

    def tell(
        self, at: datetime, subject: str, verb: str, *, actor: str, why: str = "", data: dict[str, Any] | None = None
    ) -> None:
        self._lines.append(JournalEntry(at=at, subject=subject, verb=verb, actor=actor, why=why, data=data or {}))

    def write(self) -> None:
        self._lines.sort(key=lambda line: line.at)
        JournalEntry.objects.bulk_create(self._lines, batch_size=1_000)
        self._lines.clear()
