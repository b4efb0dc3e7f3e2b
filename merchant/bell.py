"""A thread that does one thing soon after it is rung, so that a request need not wait for it."""

import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Bell:
    """Does ``deed`` soon after a ring, at most once in ``pause`` seconds, once for all rings since the last time.

    The thread begins with the first ring and ends with its process; a deed that fails is logged and done again with the
    next ring.
    """

    def __init__(self, deed: Callable[[], None], pause: float) -> None:
        self._deed, self._pause = deed, pause
        self._begun = threading.Lock()
        self._is_rung = threading.Event()
        self._pid = 0

    def ring(self) -> None:
        if self._pid != os.getpid():  # a process that was forked has none of its parent's threads
            with self._begun:
                self._begin()
        self._is_rung.set()

    def _begin(self) -> None:
        if self._pid != os.getpid():
            threading.Thread(target=self._answer, name="bell", daemon=True).start()
            self._pid = os.getpid()

    def _answer(self) -> None:
        while self._is_rung.wait():
            self._is_rung.clear()
            try:
                self._deed()
            except Exception:  # nobody else would ever hear of it, and no later ring would be answered
                log.exception("bell.deed_failed")
            time.sleep(self._pause)
