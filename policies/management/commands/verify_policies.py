"""Reads the whole record of promises again and says whether it is as it was written."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from merchant.clock import now
from policies.auditing import audit
from policies.exporting import lines


class Command(BaseCommand):
    help = "Verifies policies and acceptances against their chain; names the first bad link and exits 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--head", default="", help="a head that was published earlier and must still be there")
        parser.add_argument("--export", type=Path, help="writes the chain, acceptances included, to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        found = audit(now(), head=options["head"].strip().lower())
        self.stdout.write(
            f"{found.links:,} links over {found.versions:,} versions, {found.rules:,} versions of rules,"
            f" {found.rows['renderings']:,} renderings and {found.acceptances:,} acceptances;"
            f" {found.renderings:,} renderings made again, {found.persons:,} commitments with their person,"
            f" {found.forgotten:,} whose person was erased;"
            f" {found.unsealed:,} rows wait for the next link. Head {found.head}."
        )
        for problem in found.problems:
            self.stdout.write(self.style.ERROR(f"BROKEN. {problem}"))
        if options["export"]:
            _export(options["export"])
            self.stdout.write(f"Written to {options['export']}: python3 policies/verify_chain.py {options['export']}")
        if not found.whole:
            sys.exit(1)
        self.stdout.write("Whole.")


def _export(to: Path) -> None:
    try:
        with to.open("w", encoding="utf-8") as file:
            file.writelines(lines(everything=True))
    except OSError as error:
        raise CommandError(f"Cannot write {to}: {error}") from error
