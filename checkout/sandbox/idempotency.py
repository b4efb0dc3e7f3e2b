"""Idempotency keys as Stripe treats them. https://docs.stripe.com/api/idempotent_requests"""

import hashlib
import json
from dataclasses import dataclass, field

from .clock import Clock
from .errors import Json, key_in_use, key_reused
from .store import Store

KEPT = 24 * 3600
KIND = "sandbox.idempotent_reply"


@dataclass(frozen=True)
class Reply:
    status: int
    body: Json
    replayed: bool = False


@dataclass
class IdempotencyKeys:
    store: Store
    clock: Clock
    _running: dict[str, str] = field(default_factory=dict)

    def begin(self, key: str, fingerprint: str) -> Reply | None:
        """The stored reply, or None when this request is the first and must `finish`.

        Raises 400 when other parameters were used with the key, 409 while its first request is still running.
        """
        if (known := self._known(key)) is not None:
            if known["fingerprint"] != fingerprint:
                raise key_reused(key)
            return Reply(known["status"], known["body"], replayed=True)
        if key in self._running:
            raise key_in_use(key) if self._running[key] == fingerprint else key_reused(key)
        self._running[key] = fingerprint
        return None

    def finish(self, key: str, reply: Reply | None) -> None:
        """Ends what `begin` began; None forgets the key, because the request never started to execute."""
        fingerprint = self._running.pop(key)
        if reply is not None:
            record: Json = {"object": KIND, "id": key, "fingerprint": fingerprint, "created": self.clock.now()}
            self.store.put({**record, "status": reply.status, "body": reply.body})

    def _known(self, key: str) -> Json | None:
        record = self.store.find(KIND, key)
        if record and record["created"] + KEPT <= self.clock.now():
            self.store.forget(KIND, key)
            return None
        return record


def fingerprint(method: str, path: str, params: Json) -> str:
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
