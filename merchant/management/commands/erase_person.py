"""`manage.py erase_person fan@example.com --why "asked by letter"`: the desk's erasure, from a terminal."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from checkout import erasure
from merchant.clock import now


class Command(BaseCommand):
    help = "Shows what would be erased of a person, by e-mail address or order reference; with --yes it erases it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("who", help="an e-mail address, or the reference of an order")
        parser.add_argument("--why", required=True, help="for the journal, which is kept for good: no names")
        parser.add_argument("--yes", action="store_true", help="do it; this cannot be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        email = erasure.person_of(options["who"])
        if not email:
            raise CommandError("There is no such order, or its person was erased already.")
        if "@" in options["why"]:
            raise CommandError("No addresses in the reason: the journal keeps it for good.")
        found = erasure.look(email, now())
        self.stdout.write(f"{len(found.erasable)} orders, {found.messages} messages, {int(found.fan)} fan.")
        for said in found.reasons:
            self.stdout.write(f"Not yet: {said}")
        if not options["yes"]:
            self.stdout.write("Nothing was changed. Add --yes to erase what can go.")
            return
        asked = erasure.ask(email, by="command", why=options["why"][:200], now=now())
        self.stdout.write("Erased." if asked.done_at else "Erased in part; the rest goes by itself when it can.")
