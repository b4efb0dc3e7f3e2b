"""What one sandbox process was started with."""

from dataclasses import dataclass
from pathlib import Path

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True)
class Config:
    public_url: str
    webhook_url: str | None = None
    webhook_secret: str = "whsec_sandbox"  # noqa: S105 - signs events of a local stand-in, protects nothing
    state: Path | None = None
    # Slow methods settle by themselves after this long, unless a test settles them first.
    settle_after: int = 60
