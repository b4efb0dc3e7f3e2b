"""The one clock. Verbs take ``now`` as an argument; doors read it here."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)
