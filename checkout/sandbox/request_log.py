"""A bounded log of API calls, so that a test can count what really reached Stripe."""

from collections import deque
from dataclasses import asdict, dataclass

from .errors import Json


@dataclass
class Entry:
    id: str
    operation: str
    method: str
    path: str
    idempotency_key: str | None
    created: int
    status: int | None = None
    replayed: bool = False
    fault: str | None = None


class RequestLog:
    def __init__(self, limit: int = 5_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)

    def add(self, entry: Entry) -> Entry:
        self._entries.append(entry)
        return entry

    def entries(self, operation: str | None = None) -> list[Json]:
        """Oldest first; `status` is null while a request is under way or when its reply was dropped."""
        return [asdict(entry) for entry in self._entries if operation in (None, entry.operation)]

    def clear(self) -> None:
        self._entries.clear()
