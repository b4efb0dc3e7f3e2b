"""One run of `bench.good_card`, which gives it services of its own: the trouble, the fans, and what they waited."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
django.setup()

from django.conf import settings  # noqa: E402  # models want Django set up

from bench import shop  # noqa: E402
from bench.paying import KEY, place, with_sandbox  # noqa: E402
from bench.servers import CHECKOUT  # noqa: E402
from checkout import gateway, returns, webhooks  # noqa: E402
from checkout.models import Order, OrderState  # noqa: E402
from checkout.sandbox.testing import SandboxServer  # noqa: E402
from merchant.clock import now  # noqa: E402
from merchant.demo.processes import commands  # noqa: E402
from merchant.demo.surroundings import Surroundings  # noqa: E402
from merchant.models import JournalEntry  # noqa: E402

HANGS, SLOW = 30.0, 1.7  # seconds an answer; the second is slow, and not enough for the breaker
HANGING = ("payment_intents.cancel", "payment_intents.retrieve", "checkout.sessions.*", "refunds.*", "events.*")
TROUBLES = {"none": {}, "hang": dict.fromkeys(HANGING, HANGS), "slow": {"*": SLOW}, "slow and due": {"*": SLOW}}
MUCH_IS_DUE = ("hang", "slow and due")
REFUNDS = 20
LIMIT_SECONDS = 300.0
NEVER_ANSWERS, PAYS = "pm_card_authenticationRequired", "pm_card_visa"


@dataclass
class Calls:
    """When the provider was first asked about each order, looked at ten times a second."""

    sandbox: SandboxServer
    first: dict[str, float] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def noted(self) -> Iterator[None]:
        noting = threading.Thread(target=self._note)
        noting.start()
        try:
            yield
        finally:
            self.done.set()
            noting.join()

    def _note(self) -> None:
        while not self.done.wait(0.1):
            for call in self.sandbox.requests("payment_intents.create"):
                self.first.setdefault(call["idempotency_key"].split(":")[1], time.time())


def run(trouble: str, due: int, fans: int, app: str) -> int:
    shop.open_shop(now())
    with SandboxServer() as sandbox, tempfile.TemporaryDirectory() as folder:
        os.environ |= _environment(sandbox)
        settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY = sandbox.base_url, KEY
        with _running("worker", folder, app), _running("beat", folder, app):
            first = place(sandbox, "first@example.com", PAYS)
            _wait_for(lambda: not _open([first]).exists())  # a worker and beat that have not begun tell nothing
            news = _make_ready(sandbox, due) if trouble in MUCH_IS_DUE else None
            for operation, seconds in TROUBLES[trouble].items():
                sandbox.slow(operation, seconds)
            if news is not None:
                _make_due(news)
                time.sleep(10)  # until the sweeps are at it
            calls = Calls(sandbox)
            with calls.noted():
                placed = [_a_fan(sandbox, number) for number in range(fans)]
                _wait_for(lambda: not _open(placed).exists())
            left = Order.objects.filter(state=OrderState.ACTION_REQUIRED).count()
            sandbox.clear()  # who hangs would keep the worker from ending
        return _tell(f"{trouble} ({app}, {left} of the abandoned still to be closed)", placed, calls)


def _make_ready(sandbox: SandboxServer, count: int) -> list[gateway.EventView]:
    """Orders that wait for their fans' banks, with Stripe's news of them, and paid ones that are to be given back."""
    began = now() - timedelta(minutes=1)
    waiting = [place(sandbox, f"gone-{number}@example.com", NEVER_ANSWERS) for number in range(count)]
    paid = [place(sandbox, f"sorry-{number}@example.com", PAYS) for number in range(REFUNDS)]
    _wait_for(lambda: Order.objects.filter(pk__in=waiting, state=OrderState.ACTION_REQUIRED).count() == count)
    _wait_for(lambda: Order.objects.filter(pk__in=paid, state=OrderState.CONFIRMED).count() == REFUNDS)
    return gateway.list_events(["payment_intent.requires_action"], began)


def _make_due(news: list[gateway.EventView]) -> None:
    at = now()
    Order.objects.filter(state=OrderState.ACTION_REQUIRED).update(hold_expires_at=at, hard_cap_at=at)
    webhooks.store(news, now=at)
    sorry = Order.objects.filter(state=OrderState.CONFIRMED, email__startswith="sorry-")
    for order_id in sorry.values_list("pk", flat=True):
        returns.refund_amount(order_id, 100, seen=0, by="bench", why="it was late", now=at)


def _a_fan(sandbox: SandboxServer, number: int) -> int:
    time.sleep(1)
    return place(sandbox, f"good-{number}@example.com", PAYS)


def _open(placed: list[int]) -> "django.db.models.QuerySet[Order]":
    return Order.objects.filter(pk__in=placed).exclude(state=OrderState.CONFIRMED)


def _tell(run_of: str, placed: list[int], calls: Calls) -> int:
    orders = list(Order.objects.filter(pk__in=placed))
    asked = [order for order in orders if order.reference in calls.first]
    to_call = sorted(calls.first[order.reference] - order.placed_at.timestamp() for order in asked)
    to_yes = sorted((order.confirmed_at - order.placed_at).total_seconds() for order in orders if order.confirmed_at)
    deferred = JournalEntry.objects.filter(verb="deferred", subject__in=[o.subject for o in orders]).count()
    print(f"{run_of}: first call {_spread(to_call)}; confirmed {_spread(to_yes)}; deferred {deferred}", flush=True)
    return 0 if len(to_yes) == len(placed) else 1


def _spread(seconds: list[float]) -> str:
    return f"p50 {seconds[len(seconds) // 2]:.2f} s, most {seconds[-1]:.2f} s" if seconds else "never"


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline and not condition():
        time.sleep(0.25)


def _environment(sandbox: SandboxServer) -> dict[str, str]:
    return with_sandbox(sandbox) | {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}


@contextmanager
def _running(name: str, folder: str, app: str) -> Iterator[None]:
    command = [app if part == "merchant" else part for part in commands(Surroundings(0, own_stripe=False))[name]]
    if name == "beat":
        command[command.index("-s") + 1] = str(Path(folder) / "beat")
    process = subprocess.Popen(command, cwd=CHECKOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    trouble, due, fans, app = sys.argv[1:]
    sys.exit(run(trouble, int(due), int(fans), app))
