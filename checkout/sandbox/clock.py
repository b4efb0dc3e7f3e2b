"""The sandbox's own time, which tests and the console may move forward."""

import time


class Clock:
    """Wall time plus an offset; only ever moved forward."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> int:
        """Unix seconds, as every `created` in Stripe's objects."""
        return int(time.time() + self._offset)

    def advance(self, seconds: float) -> None:
        """Makes expiry testable without waiting for it."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._offset += seconds
