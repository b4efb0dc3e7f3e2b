"""The demo shop, made whole: the same at every seeding but for the clock, and a second seeding changes nothing."""

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q

from merchant.demo.seed_catalogue import seed_drops, seed_shop, seed_things, seed_totals
from merchant.demo.seed_fans import LEAST_FANS, seed_fans
from merchant.demo.seed_journal import Story
from merchant.demo.seed_orders import seed_orders
from merchant.demo.seed_policies import seed_policies
from merchant.demo.seed_rules import seed_rules
from merchant.demo.seed_visits import seed_visits
from merchant.roles import DROP_MANAGER, OWNER, POLICY_REVIEWER, ensure_roles
from segments.models import Message, MessageState

PEOPLE = {"owner": OWNER, "manager": DROP_MANAGER, "reviewer": POLICY_REVIEWER}


def seed(*, fans: int, password: str, now: datetime, say: Callable[[str], None]) -> None:
    """Make what is missing of the demo: each part is whole or not there at all."""
    ensure_roles()
    _seed_people(password)
    story = Story()
    with transaction.atomic():
        seed_shop()
        seed_totals(now)
        seed_policies(now)
        seed_rules(now)
        seed_things()
        seed_drops(now, story)
        story.write()
    with transaction.atomic():
        new = seed_fans(max(fans, LEAST_FANS), now)
    say(f"{new:,} new fans.")
    seed_orders(now, story)
    with transaction.atomic():
        seed_visits()
        _seed_a_failed_message()


def _seed_people(password: str) -> None:
    hashed = make_password(password)
    for name, role in PEOPLE.items():
        user, new = User.objects.get_or_create(
            username=name, defaults={"email": f"{name}@example.com", "is_staff": True, "password": hashed}
        )
        if new:
            user.groups.add(Group.objects.get(name=role))


def _seed_a_failed_message() -> None:
    """One that did not arrive, so that Today has something to point at."""
    last = Message.objects.filter(Q(kind="order_confirmed"), ~Q(state=MessageState.FAILED)).order_by("-sent_at").first()
    if last and not Message.objects.filter(state=MessageState.FAILED).exists():
        Message.objects.filter(pk=last.pk).update(
            state=MessageState.FAILED, sent_at=None, reason="550 5.1.1 There is no such mailbox."
        )
