"""Staff for tests: a browser that is signed in with one role."""

from django.contrib.auth.models import Group, User
from django.test import Client

from merchant.roles import ensure_roles


def signed_in(role: str) -> Client:
    """A client of somebody who has this role and no other."""
    ensure_roles()
    user = User.objects.create_user(f"the-{role.lower().replace(' ', '-')}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
