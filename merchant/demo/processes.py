"""The processes of the demo, as a table; honcho runs them side by side."""

import os
import shlex
import sys

import psutil
from honcho.manager import Manager

from merchant.demo.surroundings import HOST, MARK, Surroundings
from merchant.embedded.owners import wait_until_gone
from merchant.embedded.places import CHECKOUT, private_folder

PYTHON = (sys.executable, "-m")
# Celery warns of root for fear of pickled tasks; ours are JSON, and in a container everybody is root.
CELERY = (sys.executable, "-W", "ignore:You're running the worker with superuser", "-m", "celery", "--app", "merchant")
# More hands than may wait for others at once (checkout/tasks.py, segments/tasks.py).
WORKER = shlex.split("--quiet worker -P threads -c 12 -Q payments,messages,default -l warning")
BEAT = shlex.split("--quiet beat --pidfile= -l warning")


def commands(surroundings: Surroundings) -> dict[str, list[str]]:
    """Name and command of each process."""
    port = surroundings.port
    web = [*PYTHON, "merchant.demo.serve", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "2"]
    # Each open page is one request that does not end: the usual bound of a thousand is too few.
    live = [*PYTHON, "granian", "--interface", "asgi", "--workers", "1", "--backpressure", "10000"]
    quiet = ["--host", HOST, "--log-level", "warning", "--respawn-failed-workers"]
    table = {
        "web": [*web, *quiet, "--port", str(port), "merchant.wsgi:application"],
        "live": [*live, *quiet, "--port", str(port + 1), "merchant.asgi:application"],
        # Many hands wait for the payment provider at once; meanwhile they give their connection back.
        "worker": ["env", "DATABASE_POOL_SIZE=12", *CELERY, *WORKER],
        "beat": [*CELERY, *BEAT, "-s", str(private_folder() / "beat-schedule")],
    }
    if surroundings.own_stripe:
        state = private_folder("demo") / "stripe.sqlite3"
        webhooks = f"http://{HOST}:{port}/webhooks/stripe/"
        table["sandbox"] = [
            *PYTHON, "checkout.sandbox", "--port", str(port + 2), "--webhook-url", webhooks, "--state", str(state),
        ]  # fmt: skip
    return table


def manager(surroundings: Surroundings) -> Manager:
    """Everything, ready to loop. A process that ends is started again; one that cannot run ends the demo."""
    made = Manager()
    for name, command in commands(surroundings).items():
        kept = [*PYTHON, "merchant.demo.keep", name, str(os.getpid()), *command]
        made.add_process(name, f"exec {shlex.join(kept)}", env=dict(os.environ), cwd=str(CHECKOUT))
    return made


def end_leftovers() -> int:
    """Ends what a killed demo of this checkout left running; returns how many there were."""
    leftovers = [process for process in psutil.process_iter() if _belongs_here(process)]
    for process in leftovers:
        process.terminate()
    for stubborn in wait_until_gone(leftovers, seconds=5):
        stubborn.kill()
    return len(leftovers)


def _belongs_here(process: psutil.Process) -> bool:
    """By the mark in its environment, which every child inherits."""
    try:
        return process.pid not in _ourselves() and process.environ().get(MARK) == str(CHECKOUT)
    except (psutil.Error, OSError):
        return False


def _ourselves() -> set[int]:
    return {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
