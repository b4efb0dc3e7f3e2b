"""`python -m bench.good_card`: how long a good card waits for a worker that is busy with others' trouble.

One worker and one beat as in the demo, production's time limits, a sandbox of Stripe, on a PostgreSQL and a Redis of
their own. Abandoned orders, news and refunds are due while the calls for them hang; then fans come, one after the
other, whose cards are good. Fails (exit 1) when one of them was not confirmed; never for being slow.

    python -m bench.good_card --due 160 --fans 30
"""

import argparse
import sys

from bench.alone import run_alone


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.good_card", description="What a good card waits for.")
    parser.add_argument("--due", type=int, default=160, help="abandoned orders whose time is up at once (160)")
    parser.add_argument("--fans", type=int, default=30, help="good cards, one after the other (30)")
    parser.add_argument("--app", default="merchant", help="the Celery app that the worker runs (merchant)")
    parser.add_argument("--troubles", default="none,hang,slow,slow and due", help="which runs, with commas")
    given = parser.parse_args()
    for trouble in given.troubles.split(","):
        if ended := run_alone("bench.held_up", trouble, f"{given.due}", f"{given.fans}", given.app):
            return ended
    return 0


if __name__ == "__main__":
    sys.exit(main())
