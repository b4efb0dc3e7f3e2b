"""`manage.py seed_demo`: the demo shop."""

import os
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from merchant.clock import now
from merchant.demo.seed import PEOPLE, seed

NO_PASSWORD = "Set FRONTROW_DEMO_PASSWORD: the password of the demo's logins."  # noqa: S105  # a sentence about one


class Command(BaseCommand):
    help = "Fills the database with the demo shop. Running it again changes nothing, but --fans can add more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fans", type=int, default=500, help="how many fans there should be (500)")

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("FRONTROW_DEMO_PASSWORD", "")
        if not password:
            self.stderr.write(NO_PASSWORD)
            raise SystemExit(1)
        started = time.monotonic()
        seed(fans=options["fans"], password=password, now=now(), say=self.stdout.write)
        self.stdout.write(f"The demo shop is there ({time.monotonic() - started:.1f} s). Logins: {', '.join(PEOPLE)}.")
