"""What goes wrong, each as a block: the trouble begins with it and is over when it ends."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis
from django.conf import settings
from django.db import OperationalError, connection, transaction

from drops.models import StockItem
from merchant.embedded import background
from merchant.embedded.account import myself, postgres_account
from tests.running_shop import RunningShop
from tests.waiting import somebody_waits_for_us, until

A_MOMENT, A_MINUTE, A_START, A_WHILE = 6.0, 60.0, 20.0, 30.0
BETWEEN = 10.0  # to recover in, before it comes again
PAYING = ("payment_intents.*", "checkout_sessions.*", "refunds.*")
CHANGING = ("payment_intents.create", "payment_intents.confirm", "payment_intents.cancel", "checkout_sessions.*")
LOST_REPLIES = (*CHANGING, "payment_intents.capture", "refunds.create")


@dataclass(frozen=True)
class Trouble:
    """What happens, for how many seconds, and how often in one drop. ``recovery``: until what ended serves again."""

    comes: Callable[[RunningShop], AbstractContextManager[None]]
    seconds: float = A_MOMENT
    times: int = 1
    recovery: float = 0.0

    @property
    def stretch(self) -> float:
        """From its first beginning to its last end, in seconds."""
        return self.times * (self.seconds + self.recovery) + (self.times - 1) * BETWEEN


@contextmanager
def nothing(shop: RunningShop) -> Iterator[None]:
    yield


# --- processes -----------------------------------------------------------------------------------------------------


@contextmanager
def worker_killed(shop: RunningShop) -> Iterator[None]:
    shop.kill("worker")
    yield
    shop.start_one("worker")


@contextmanager
def web_killed(shop: RunningShop) -> Iterator[None]:
    """In the middle of somebody's order; and with it the processes it made: they would go on serving without it."""
    with _an_order_stands_still():
        children = psutil.Process(shop.processes["web"].pid).children(recursive=True)
        shop.kill("web")
        for child in children:
            child.kill()
        psutil.wait_procs(children)
    yield
    shop.start_one("web")
    until(shop.answers, seconds=120)


@contextmanager
def _an_order_stands_still() -> Iterator[None]:
    """Begins when an order waits for its units, all of it done but these and the commit: their rows are locked here.

    Begins all the same when none has come in a while: with everything held or sold, orders are refused without waiting.
    """
    with transaction.atomic():
        list(StockItem.objects.order_by("pk").select_for_update())
        limit = time.monotonic() + A_WHILE
        while not somebody_waits_for_us() and time.monotonic() < limit:
            time.sleep(0.05)  # polling a condition
        yield


@contextmanager
def redis_killed(shop: RunningShop) -> Iterator[None]:
    """SIGKILL, and a new one on the same port, empty."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        server = client.info("server")
    program, configuration = Path(server["executable"]), Path(server["config_file"])
    _end(int(server["process_id"]), signal.SIGKILL)
    yield
    folder = configuration.parent
    background.start([program, configuration], account=myself(), folder=folder, log=folder / "redis.log")
    until(_redis_answers)


@contextmanager
def postgres_restarted(shop: RunningShop) -> Iterator[None]:
    """ "Fast shutdown": what was open is rolled back."""
    with _without_postgres(signal.SIGINT):
        yield


@contextmanager
def postgres_crashed(shop: RunningShop) -> Iterator[None]:
    """ "Immediate shutdown": every backend ends where it stands; the next start recovers from the log."""
    with _without_postgres(signal.SIGQUIT):
        yield


@contextmanager
def _without_postgres(how: signal.Signals) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_setting('data_directory')")
        pid, folder = cursor.fetchone()
    postmaster = psutil.Process(pid).parent()
    assert postmaster is not None
    command, data = postmaster.cmdline(), Path(folder)
    connection.close()
    _end(postmaster.pid, how)
    yield
    log = data.with_name(f"{data.name}.log")
    background.start(command, account=postgres_account(), folder=data, log=log)
    until(_postgres_answers)


def _end(pid: int, how: signal.Signals) -> None:
    process = psutil.Process(pid)
    process.send_signal(how)
    background.reap(pid)
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def _redis_answers() -> bool:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _postgres_answers() -> bool:
    try:
        connection.ensure_connection()
    except OperationalError:
        return False
    return True


# --- the provider ----------------------------------------------------------------------------------------------------


@contextmanager
def stripe_slow(shop: RunningShop) -> Iterator[None]:
    """Half a minute before anything happens; we hang up after two seconds, and it happens all the same."""
    for operation in PAYING:
        shop.sandbox.slow(operation, 30.0)
    yield
    shop.sandbox.clear()


@contextmanager
def stripe_limits(shop: RunningShop) -> Iterator[None]:
    for operation in PAYING:
        shop.sandbox.fail(operation, 429)
    yield
    shop.sandbox.clear()


@contextmanager
def stripe_fails(shop: RunningShop) -> Iterator[None]:
    """500 to everything; to every other call after its work was done."""
    for operation in PAYING:
        for _ in range(10):
            shop.sandbox.fail(operation, 500, times=1, phase="after")
            shop.sandbox.fail(operation, 500, times=1)
        shop.sandbox.fail(operation, 500)
    yield
    shop.sandbox.clear()


@contextmanager
def replies_lost(shop: RunningShop) -> Iterator[None]:
    """Stripe acts and nobody hears of it."""
    for operation in LOST_REPLIES:
        shop.sandbox.drop_reply(operation, times=None)
    yield
    shop.sandbox.clear()


@contextmanager
def webhooks_lost(shop: RunningShop) -> Iterator[None]:
    shop.sandbox.webhooks(lose=-1)
    yield
    shop.sandbox.clear()


@contextmanager
def webhooks_repeated(shop: RunningShop) -> Iterator[None]:
    """Each five times, and the last of nine comes first."""
    shop.sandbox.webhooks(repeat=5, reorder=9)
    yield
    shop.sandbox.clear()


TROUBLES: dict[str, Trouble] = {
    "nothing": Trouble(nothing),
    "worker SIGKILL": Trouble(worker_killed),
    "web SIGKILL": Trouble(web_killed, seconds=2.0, times=3, recovery=A_START),
    "Redis killed": Trouble(redis_killed),
    "PostgreSQL restarted": Trouble(postgres_restarted),
    "PostgreSQL crashed": Trouble(postgres_crashed),
    "Stripe takes 30 s": Trouble(stripe_slow, A_MINUTE),
    "Stripe answers 429": Trouble(stripe_limits, A_MINUTE),
    "Stripe answers 500": Trouble(stripe_fails, A_MINUTE),
    "replies lost": Trouble(replies_lost, A_MINUTE),
    "webhooks lost": Trouble(webhooks_lost, A_MINUTE),
    "webhooks repeated, reordered": Trouble(webhooks_repeated, A_MINUTE),
}
