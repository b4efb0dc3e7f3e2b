"""`python -m bench.evidence`: how long a large record takes to seal and to verify, and what a checkout's texts cost.

Ten thousand versions and a million acceptances, each with its person and a true commitment, are written, sealed and
verified on a PostgreSQL of its own with fsync on. Fails (exit 1) when the record is not whole; never for being slow.

    python -m bench.evidence --versions 10000 --acceptances 1000000
"""

import argparse
import sys

from bench.alone import run_alone


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.evidence", description="Seals and verifies a large record.")
    parser.add_argument("--versions", type=int, default=10_000, help="versions of a hundred policies (10,000)")
    parser.add_argument("--acceptances", type=int, default=1_000_000, help="acceptances (1,000,000)")
    given = parser.parse_args()
    return run_alone("bench.record", f"{given.versions}", f"{given.acceptances}")


if __name__ == "__main__":
    sys.exit(main())
