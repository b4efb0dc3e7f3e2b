"""Both embedded services together: the lasting pair of the demo, and a passing pair for each run of the tests."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from merchant.embedded.account import Account, postgres_account
from merchant.embedded.addresses import Addresses
from merchant.embedded.binaries import postgres_programs
from merchant.embedded.errors import CannotStart
from merchant.embedded.owners import owner, sign
from merchant.embedded.places import check_space, clusters_folder, private_folder
from merchant.embedded.postgres import Cluster
from merchant.embedded.redis_server import RedisServer

DATABASE = "frontrow"
PASSING = "run-"
OWNER = "owner.json"


@dataclass(frozen=True)
class Services:
    """A PostgreSQL cluster and a Redis."""

    cluster: Cluster
    redis: RedisServer

    def start(self) -> Addresses:
        """Starts both, or finds them running; raises CannotStart with one clear line."""
        self.cluster.create()
        self.cluster.start()
        self.redis.start()
        return Addresses(self.cluster.ensure_database(DATABASE), self.redis.url() or "")

    def stop(self) -> None:
        """Stops both; returns when they are gone."""
        self.redis.stop()
        self.cluster.stop()


def lasting() -> Services:
    """The demo's pair: its data survives a restart, and the death of every process."""
    home, account = clusters_folder(), postgres_account()
    cluster = Cluster(home / "demo", postgres_programs(account, home), account)
    return Services(cluster, RedisServer(private_folder("redis")))


@contextmanager
def passing(*, durable: bool = False) -> Iterator[Addresses]:
    """A pair of its own that forgets everything at the end; several may run beside each other.

    `durable` makes it keep its promises meanwhile, as in production: what is committed is on the disk.
    """
    home, account = clusters_folder(), postgres_account()
    _sweep(home, account)
    folder = Path(tempfile.mkdtemp(prefix=PASSING, dir=home))
    folder.chmod(0o711)
    sign(folder / OWNER)
    services = _services_of_a_run(folder, postgres_programs(account, home), account, durable=durable)
    _copy_new_cluster(home, services.cluster)
    try:
        yield services.start()
    finally:
        services.stop()
        shutil.rmtree(folder, ignore_errors=True)


def forget_lasting() -> None:
    """Stops the demo's pair and deletes its data."""
    services = lasting()
    services.stop()
    shutil.rmtree(services.cluster.data, ignore_errors=True)
    if services.cluster.data.exists():
        raise CannotStart(f"The demo's data could not be deleted: {services.cluster.data}.")


def _services_of_a_run(folder: Path, programs: Path, account: Account, *, durable: bool = False) -> Services:
    redis_folder = folder / "redis"
    redis_folder.mkdir(mode=0o700, exist_ok=True)
    return Services(Cluster(folder / "cluster", programs, account, durable=durable), RedisServer(redis_folder))


def _copy_new_cluster(home: Path, cluster: Cluster) -> None:
    """Copying a fresh cluster takes a tenth of making one."""
    template = Cluster(
        home / f"template-{cluster.programs.parent.name}", cluster.programs, cluster.account, durable=False
    )
    with (home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        template.create()
    check_space(home)
    shutil.copytree(template.data, cluster.data, copy_function=shutil.copyfile)
    for path in [cluster.data, *cluster.data.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        cluster.account.give(path)


def _sweep(home: Path, account: Account) -> None:
    """Ends what runs that were killed have left behind."""
    for folder in home.glob(f"{PASSING}*"):
        if (folder / OWNER).exists() and owner(folder / OWNER) is None:  # no file yet: just being made
            _services_of_a_run(folder, postgres_programs(account, home), account).stop()
            shutil.rmtree(folder, ignore_errors=True)
