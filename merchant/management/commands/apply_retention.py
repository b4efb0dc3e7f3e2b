"""`manage.py apply_retention`: what the hourly sweep does, now."""

from typing import Any

from django.core.management.base import BaseCommand

from checkout import retention
from merchant.clock import now


class Command(BaseCommand):
    help = "Erases what was kept long enough, as the retention table says. Running it again changes nothing more."

    def handle(self, *args: Any, **options: Any) -> None:
        gone = retention.sweep(now())
        for what, count in gone.items():
            self.stdout.write(f"{what}: {count}")
        self.stdout.write("Nothing more is due." if gone else "Nothing is due.")
