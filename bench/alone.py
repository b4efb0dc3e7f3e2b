"""A measure of the shop runs on a PostgreSQL (fsync on) and a Redis of its own, in a process of its own."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from merchant.embedded.services import passing

CHECKOUT = Path(__file__).resolve().parents[1]


def run_alone(module: str, *given: str, **more: str) -> int:
    """Migrate fresh services and run ``python -m module given…`` on them. Returns how that ended."""
    with passing(durable=True) as addresses:
        env = os.environ | {
            "DATABASE_URL": addresses.database_url,
            "REDIS_URL": addresses.redis_url,
            "FRONTROW_ENV_FILE": os.devnull,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "LOG_LEVEL": "ERROR",
            **more,
        }
        for command in (["manage.py", "migrate", "--verbosity=0"], ["-m", module, *given]):
            done = subprocess.run([sys.executable, *command], env=env, cwd=CHECKOUT, check=False)
            if done.returncode:
                return done.returncode
    return 0
