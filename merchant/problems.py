"""Problem details for the API (RFC 9457): a stable ``type``, a status and plain words."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is not what was asked for. ``type`` never changes its meaning; ``detail`` speaks to a person."""

    type: str
    status: int
    detail: str
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "title": self.type.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
        } | self.extra
