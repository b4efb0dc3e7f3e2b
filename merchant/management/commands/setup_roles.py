from django.core.management.base import BaseCommand

from merchant.roles import ROLES, ensure_roles


class Command(BaseCommand):
    help = "Makes the roles (owner, drop manager, …) with exactly their permissions. Run it after every migrate."

    def handle(self, *args: object, **options: object) -> None:
        ensure_roles()
        self.stdout.write(f"{len(ROLES)} roles are in place: {', '.join(ROLES)}.")
