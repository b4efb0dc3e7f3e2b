"""`python -m merchant.embedded`: PostgreSQL and Redis alone, until Ctrl-C; every command of the checkout finds them."""

import signal
import sys

from merchant.embedded.addresses import announce, withdraw
from merchant.embedded.errors import CannotStart
from merchant.embedded.services import lasting


def main() -> int:
    services = lasting()
    try:
        addresses = services.start()
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    announce(addresses)
    print(f"DATABASE_URL={addresses.database_url}\nREDIS_URL={addresses.redis_url}\nCtrl-C stops both.", flush=True)
    try:
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    finally:
        withdraw()
        services.stop()
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.exit(main())
