"""Who belongs to a segment: counted, looked at, and frozen so that a later edit changes nothing that was promised."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count

from merchant import journal
from segments.errors import BadRule
from segments.models import Fan, MembershipSnapshot, Segment
from segments.rules import fans, parse

BUILT_IN: dict[str, dict[str, Any]] = {
    "past_buyers": {
        "name": "Past buyers",
        "description": "Everybody who bought something, ever.",
        "rule": {"did": "purchased"},
    },
}


def built_in(slug: str) -> Segment:
    """The segment that ships with the shop, as this release means it."""
    segment = Segment(slug=slug, builtin=True, **BUILT_IN[slug])
    Segment.objects.bulk_create(
        [segment],
        update_conflicts=True,
        unique_fields=["slug"],
        update_fields=["name", "description", "rule", "builtin"],
    )
    return Segment.objects.get(slug=slug)


def count(segment: Segment, *, now: datetime) -> int:
    """How many match. Raises BadRule."""
    return fans(segment.rule, now=now).count()


def counts(segments: Iterable[Segment], *, now: datetime) -> dict[int, int]:
    """How many match each, by its key, in one query however many segments. One whose rule is not understood is left
    out."""
    asked: dict[str, Count] = {}
    for segment in segments:
        with suppress(BadRule):
            asked[f"of_{segment.pk}"] = Count("pk", filter=parse(segment.rule).condition(now))
    found = Fan.objects.aggregate(**asked) if asked else {}
    return {int(name.removeprefix("of_")): number for name, number in found.items()}


def preview(segment: Segment, *, now: datetime, limit: int = 20) -> list[Fan]:
    """The newest few who match. Raises BadRule."""
    return list(fans(segment.rule, now=now)[:limit])


def freeze(segment: Segment, subject: str, *, now: datetime, actor: str) -> MembershipSnapshot:
    """Write down who matches at this instant, for ``subject`` ("drop:<slug>"). One statement however many they are."""
    members = fans(segment.rule, now=now).order_by("id").values("id")
    with transaction.atomic():
        snapshot = MembershipSnapshot.objects.create(segment=segment, subject=subject, frozen_at=now, size=0)
        snapshot.size = _insert_members(snapshot, *members.query.sql_with_params())
        snapshot.save(update_fields=["size"])
        journal.record(f"segment:{segment.slug}", "frozen", actor=actor, data={"for": subject, "size": snapshot.size})
    return snapshot


def _insert_members(snapshot: MembershipSnapshot, select: str, parameters: tuple[Any, ...]) -> int:
    table = connection.ops.quote_name(MembershipSnapshot.fans.through._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (membershipsnapshot_id, fan_id) SELECT %s, member.id FROM ({select}) AS member",  # noqa: S608  # Django's own SQL and our own table
            [snapshot.pk, *parameters],
        )
        return int(cursor.rowcount)
