"""The sandbox itself: everything one process knows, handed to every operation."""

from dataclasses import dataclass, field

from .clock import Clock
from .config import Config
from .errors import Json
from .faults import Faults
from .params import Params
from .request_log import RequestLog
from .store import Store
from .webhooks import Webhooks


@dataclass
class Sandbox:
    config: Config
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)
    # Which API request is executing; events name it as their cause.
    cause: Json = field(default_factory=lambda: {"id": None, "idempotency_key": None})

    def __post_init__(self) -> None:
        self.store = Store(self.config.state)
        self.webhooks = Webhooks(self.config.webhook_url, self.config.webhook_secret, self.faults.webhooks)

    @property
    def now(self) -> int:
        return self.clock.now()


@dataclass(frozen=True)
class Call:
    """One API request after its door: who asks, for which object, with which parameters, in which version."""

    params: Params
    ids: dict[str, str]
    secret_key: bool = True
    version: str | None = None  # without one it is the account's own

    @property
    def id(self) -> str:
        return self.ids["id"]
