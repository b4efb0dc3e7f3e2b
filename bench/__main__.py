"""`make bench`: how many orders a second the shop takes on one hot product, beside the least that could be done.

Two granian servers of the same size (2 workers, 2 threads each) stand on the same PostgreSQL (fsync on) and take turns,
so that the noise of the machine meets both:

- **bare**: WSGI and psycopg, which writes the very rows of an order, one statement after the other (bench/bare.py);
- **orders**: `POST /api/v1/drops/<slug>/orders` of the real shop, from one quote;
- **journeys**: what a fan does: the drop's page, a quote, an order with the policies of that quote.

Then a crowd wants the last forty units of a size, and one worker pays three hundred orders while every answer of the
provider's sandbox takes a second. The run fails (exit 1) when an answer was wrong or the stock does not
add up; it never fails for being slow. Load goes to 127.0.0.1 only, and is bounded by a time and by a count.

    make bench ARGS="--rounds 3 --seconds 2"
"""

import argparse
import sys
import tempfile

from bench.alone import run_alone


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as media:
        return run_alone(
            "bench.run",
            *options,
            STRIPE_SECRET_KEY="",
            MEDIA_ROOT=media,
            STATIC_STORAGE="django.contrib.staticfiles.storage.StaticFilesStorage",
        )


def _options() -> list[str]:
    """Refuses what `bench.run` would refuse, before anything is started."""
    parser = argparse.ArgumentParser(prog="make bench", description="Orders a second, beside a bare server.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each takes its turn (7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a turn lasts (3)")
    parser.add_argument("--past", type=int, default=20_000, help="orders in the tables before the first turn (20,000)")
    given = parser.parse_args()
    return [f"{given.rounds}", f"{given.seconds}", f"{given.past}"]


if __name__ == "__main__":
    sys.exit(main())
