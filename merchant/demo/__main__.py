"""`make demo`: the whole shop on one machine, under one supervisor, until Ctrl-C."""

import os
import shutil
import signal
import sys
import threading
import time

from merchant.demo.preparation import forget, prepare
from merchant.demo.processes import end_leftovers, manager
from merchant.demo.surroundings import Surroundings, look_around, start_services, stop_services
from merchant.demo.welcome import using, welcome_when_ready
from merchant.embedded.errors import CannotStart
from merchant.embedded.owners import owner, sign
from merchant.embedded.places import PRIVATE, private_folder
from merchant.embedded.services import forget_lasting

INTERRUPTED = (130, 143)  # Ctrl-C; the end of the terminal, or of the machine


def main() -> int:
    started = time.monotonic()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        return run(started)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"The demo cannot start: {problem}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
        return 130


def run(started: float) -> int:
    """Returns when everything has stopped again."""
    note = private_folder() / "demo.json"
    if running := owner(note):
        raise CannotStart(
            f"The demo of this checkout runs already: http://127.0.0.1:{running['port']}/ (process {running['pid']})."
        )
    if ended := end_leftovers():
        say(f"Ended {ended} processes that a killed demo had left.")
    surroundings = look_around()
    sign(note, port=surroundings.port)
    try:
        if "--reset" in sys.argv[1:]:
            reset(surroundings)
        for line in using(surroundings):
            say(line)
        return serve(surroundings, started)
    finally:
        stop_services(surroundings)
        note.unlink(missing_ok=True)


def serve(surroundings: Surroundings, started: float) -> int:
    say("Starting PostgreSQL and Redis …" if surroundings.own_services else "Asking PostgreSQL and Redis …")
    start_services(surroundings)
    prepare(os.environ["DATABASE_URL"], say)
    say("Starting the shop …")
    processes = manager(surroundings)
    arguments = (surroundings, started, say)
    threading.Thread(target=welcome_when_ready, args=arguments, daemon=True).start()
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))  # a closed terminal ends the demo too
    processes.loop()
    end_leftovers()
    if processes.returncode not in INTERRUPTED:
        say("The demo stops because one of its processes kept ending: its last words are above.")
        return 1
    say("Everything has stopped. The data stays for the next `make demo`.")
    return 0


def reset(surroundings: Surroundings) -> None:
    """Deletes the demo's data. A database that the environment names is not ours to delete."""
    if not surroundings.own_services:
        raise CannotStart("DATABASE_URL names a database that is not the demo's own: empty it yourself.")
    say("Deleting the demo's data …")
    forget_lasting()
    forget()
    for folder in ("demo", "media"):
        shutil.rmtree(PRIVATE / folder, ignore_errors=True)


def say(line: str) -> None:
    print(line, flush=True)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
