"""`python -m checkout.sandbox --port 8002 --webhook-url http://127.0.0.1:8000/webhooks/stripe/`"""

import argparse
import asyncio
import logging
import os
import signal
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from .app import build
from .config import Config

logger = logging.getLogger("stripe_sandbox")

GRACE = 1.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m checkout.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--webhook-url", help="where events are delivered, signed with STRIPE_WEBHOOK_SECRET")
    parser.add_argument("--state", type=Path, help="a SQLite file that keeps payments over a restart")
    parser.add_argument("--settle-after", type=int, default=60, help="seconds until a slow payment settles")
    return parser.parse_args()


def configuration(args: argparse.Namespace) -> Config:
    return Config(
        public_url=os.environ.get("SANDBOX_PUBLIC_URL", f"http://127.0.0.1:{args.port}").rstrip("/"),
        webhook_url=args.webhook_url,
        webhook_secret=os.environ.get("STRIPE_WEBHOOK_SECRET") or Config.webhook_secret,
        state=args.state,
        settle_after=args.settle_after,
    )


async def serve(args: argparse.Namespace) -> None:
    """Serves until SIGINT or SIGTERM. One process, one event loop: the store needs no lock."""
    server = Server(
        build(configuration(args)),
        address=args.host,
        port=args.port,
        interface=Interfaces.ASGI,
        backlog=1024,
        websockets=False,
        log_level=LogLevels.error,
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.stop()  # type: ignore[no-untyped-call]  # granian publishes no types for it
        # A request that a switch holds back must not hold the process back; all state is written already.
        loop.call_later(GRACE, os._exit, 0)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    logger.info("Stripe sandbox on http://%s:%s/", args.host, args.port)
    await server.serve()


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    asyncio.run(serve(arguments()))


if __name__ == "__main__":
    main()
