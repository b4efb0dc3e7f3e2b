"""Every object the sandbox knows: plain dictionaries in memory, written through to SQLite when asked to."""

import json
import sqlite3
from pathlib import Path

from .errors import Json, no_such

# What an object knows but never shows (card numbers, deadlines) lives under this key.
PRIVATE = "_sandbox"

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
)
"""
UPSERT = (
    "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"
)


class Store:
    """Objects by kind and id, each kind in the order of creation.

    Objects are changed in place; `put` afterwards makes the change outlive the process. Nothing here awaits, so on
    the one event loop every operation is atomic.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._kinds: dict[str, dict[str, Json]] = {}
        self._database = _open(path) if path else None
        if self._database:
            for kind, identifier, body in self._database.execute("SELECT kind, id, body FROM objects ORDER BY seq"):
                self._kinds.setdefault(kind, {})[identifier] = json.loads(body)

    def put(self, obj: Json) -> Json:
        kind, identifier = obj["object"], obj["id"]
        self._kinds.setdefault(kind, {})[identifier] = obj
        if self._database:
            self._database.execute(UPSERT, (kind, identifier, json.dumps(obj)))
        return obj

    def find(self, kind: str, identifier: str | None) -> Json | None:
        return self._kinds.get(kind, {}).get(identifier or "")

    def get(self, kind: str, identifier: str, *, param: str = "id", status: int = 404) -> Json:
        obj = self.find(kind, identifier)
        if obj is None:
            raise no_such(kind, identifier, param=param, status=status)
        return obj

    def all(self, kind: str) -> list[Json]:
        """Oldest first."""
        return list(self._kinds.get(kind, {}).values())

    def anywhere(self, identifier: str) -> Json | None:
        """The object of that id whatever its kind, as `expand` needs it."""
        return next((objects[identifier] for objects in self._kinds.values() if identifier in objects), None)

    def forget(self, kind: str, identifier: str) -> None:
        self._kinds.get(kind, {}).pop(identifier, None)
        if self._database:
            self._database.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, identifier))

    def clear(self) -> None:
        self._kinds.clear()
        if self._database:
            self._database.execute("DELETE FROM objects")

    def close(self) -> None:
        if self._database:
            self._database.close()
            self._database = None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    # A demo's payments must survive a restart of the process, not a power cut.
    database.execute("PRAGMA synchronous = OFF")
    database.execute(SCHEMA)
    return database


def public(obj: Json) -> Json:
    """A deep copy without what the sandbox keeps to itself."""
    return {key: _public_value(value) for key, value in obj.items() if key != PRIVATE}


def _public_value(value: object) -> object:
    if isinstance(value, dict):
        return public(value)
    return [_public_value(child) for child in value] if isinstance(value, list) else value
