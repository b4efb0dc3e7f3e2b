"""The switches: what goes wrong, where, and how often."""

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from .errors import Json

Kind = Literal["latency", "error", "drop"]
Phase = Literal["before", "after"]
KINDS: tuple[Kind, ...] = ("latency", "error", "drop")
PHASES: tuple[Phase, ...] = ("before", "after")


@dataclass
class Fault:
    """One thing that goes wrong with the API operations that match.

    `phase` is relative to the operation's work: an error or a dropped connection `after` it means that the state
    has changed and the caller does not know. `times` None lasts until cleared.
    """

    operation: str
    kind: Kind
    phase: Phase = "before"
    seconds: float = 0.0
    status: int = 500
    times: int | None = None
    id: int = 0


@dataclass
class WebhookFaults:
    """`reorder` n keeps n events back and sends them last first; `lose` drops the next n, or all when it is -1."""

    delay: float = 0.0
    repeat: int = 1
    reorder: int = 0
    lose: int = 0
    retry_after: float = 1.0


@dataclass
class Faults:
    active: list[Fault] = field(default_factory=list)
    webhooks: WebhookFaults = field(default_factory=WebhookFaults)
    _last_id: int = 0
    _calm: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, fault: Fault) -> Fault:
        self._last_id += 1
        fault.id = self._last_id
        self.active.append(fault)
        return fault

    def take(self, operation: str, kind: Kind, phase: Phase) -> Fault | None:
        """The first matching fault, counted down; None when nothing is switched on."""
        for fault in self.active:
            if (fault.kind, fault.phase) == (kind, phase) and fnmatchcase(operation, fault.operation):
                self._count_down(fault)
                return fault
        return None

    def _count_down(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.active.remove(fault)

    def remove(self, identifier: int) -> None:
        self.active = [fault for fault in self.active if fault.id != identifier]

    async def wait(self, seconds: float) -> None:
        """As long as a call is to be slow, or until everything works again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), seconds)

    def clear(self) -> None:
        self.active.clear()
        self._calm.set()
        self._calm = asyncio.Event()
        self.set_webhooks(asdict(WebhookFaults()))

    def set_webhooks(self, values: Json) -> None:
        """Changes the named settings in place; the deliveries hold the same object."""
        for name, value in values.items():
            default = getattr(WebhookFaults, name)
            setattr(self.webhooks, name, type(default)(value))

    def as_json(self) -> Json:
        return {"faults": [asdict(fault) for fault in self.active], "webhooks": asdict(self.webhooks)}


class BadFault(ValueError):
    """The switch that was asked for does not exist; the message says which part is wrong."""


def parse_fault(values: Json) -> Fault:
    """A fault from JSON or from the console's form. Raises `BadFault`."""
    kind, phase = values.get("kind"), values.get("phase") or "before"
    if kind not in KINDS or phase not in PHASES:
        raise BadFault(f"kind must be one of {', '.join(KINDS)} and phase one of {', '.join(PHASES)}")
    if unknown := set(values) - {"operation", "kind", "phase", "seconds", "status", "times"}:
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
    times = values.get("times")
    try:
        return Fault(
            operation=str(values.get("operation") or "*"),
            kind=kind,
            phase=phase,
            seconds=float(values.get("seconds") or 0),
            status=int(values.get("status") or 500),
            times=int(times) if times not in (None, "") else None,
        )
    except (TypeError, ValueError) as error:
        raise BadFault(str(error)) from error


def parse_webhook_faults(values: object) -> Json:
    """Settings of `WebhookFaults`, checked. Raises `BadFault`."""
    if not isinstance(values, dict):
        raise BadFault("webhooks must be an object")
    known = asdict(WebhookFaults())
    if unknown := set(values) - set(known):
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
    try:
        return {name: type(known[name])(value) for name, value in values.items() if value != ""}
    except (TypeError, ValueError) as error:
        raise BadFault(str(error)) from error
