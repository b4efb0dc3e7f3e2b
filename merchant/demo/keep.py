"""Runs one command and starts it again when it ends by itself; ends with the demo that asked for it.

    python -m merchant.demo.keep NAME SUPERVISOR COMMAND...

Killing a worker in the middle of a drop is something one should be able to try, and to watch.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import psutil

TOO_OFTEN = 5
WITHIN_SECONDS = 60.0
LOOK_SECONDS = 0.5
PAUSE_SECONDS = 1.0
DEAF_SECONDS = 4.0  # after five, honcho kills us, and nobody would be left to end the command


@dataclass
class Keeper:
    """One command, kept running."""

    name: str
    supervisor: int
    command: list[str]
    ends: list[float] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    stopping: bool = False
    told_at: float | None = None

    def run(self) -> int:
        """Returns when told to stop (0), when the demo is gone (0), or when the command ends too often (1)."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while True:
            code = self._run_once()
            if self.stopping:
                return 0
            if self._ended_too_often():
                print(f"{self.name} ended {TOO_OFTEN} times within a minute ({_say(code)}): giving up.")
                return 1
            print(f"{self.name} ended ({_say(code)}): starting it again.")
            time.sleep(PAUSE_SECONDS)

    def _run_once(self) -> int:
        # In a group of its own: it hears of the end once, from us, however often we are told.
        self.process = subprocess.Popen(self.command, process_group=0)
        while True:
            try:
                return self.process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if self.stopping or not _lives(self.supervisor):  # told too early to pass it on, or nobody left to tell
                    self.stopping = True
                    self._end()

    def _ended_too_often(self) -> bool:
        now = time.monotonic()
        self.ends = [end for end in self.ends if end > now - WITHIN_SECONDS] + [now]
        return len(self.ends) >= TOO_OFTEN

    def _stop(self, number: int, frame: object) -> None:
        self.stopping = True
        self._end()

    def _end(self) -> None:
        if self.process is None:
            return
        if self.told_at is None:
            self.told_at = time.monotonic()
            self.process.terminate()
        elif time.monotonic() > self.told_at + DEAF_SECONDS:
            os.killpg(self.process.pid, signal.SIGKILL)  # a server that is told while it starts may forget it


def _say(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _lives(process: int) -> bool:
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    sys.exit(Keeper(sys.argv[1], int(sys.argv[2]), sys.argv[3:]).run())
