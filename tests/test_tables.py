"""What one test has committed does not reach the next."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from checkout.tests import fan
from merchant import journal
from merchant.models import StoreProfile
from merchant.roles import ensure_roles
from segments.models import Segment
from tests import tables

pytestmark = pytest.mark.django_db(transaction=True)


def every_row() -> dict[str, list[tuple[Any, ...]]]:
    """By table, the automatic ones between two models too."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table: sorted(model._base_manager.values_list(), key=str) for model in models}


def test_a_test_finds_what_the_migrations_left_and_nothing_else() -> None:
    filled = {table for table, rows in every_row().items() if rows}
    assert filled == {"auth_permission", "django_content_type", "segments_segment"}


def test_what_was_added_goes_from_what_cannot_be_deleted_too() -> None:
    before = every_row()
    StoreProfile(pk=1, name="Halden", currency="USD", country="US").save()
    fan.live_drop()
    ensure_roles()
    User.objects.create_user("owner").groups.set(Group.objects.all())
    journal.record("drop:1", "opened", actor="staff:owner")
    assert every_row() != before
    tables.restore()
    assert every_row() == before


def test_what_was_deleted_or_changed_comes_back_under_its_own_number() -> None:
    before = every_row()
    Permission.objects.filter(content_type__app_label="drops").delete()
    Segment.objects.update(name="Others")
    ContentType.objects.create(app_label="drops", model="nothing")
    assert every_row() != before
    tables.restore()
    assert every_row() == before


def test_what_points_at_a_changed_table_comes_back_with_it() -> None:
    """Permissions point at content types: PostgreSQL empties neither without the other."""
    before = every_row()
    ContentType.objects.filter(model="drop").update(model="robe")
    tables.restore()
    assert every_row() == before


def test_a_test_that_leaves_nothing_costs_no_truncate() -> None:
    tables.restore()  # it knows the tables now
    with connection.execute_wrapper(_no_truncate):
        tables.restore()


def _no_truncate(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert "TRUNCATE" not in sql
    return execute(sql, params, many, context)


def test_numbers_go_on_counting() -> None:
    first = fan.live_drop().pk
    tables.restore()
    assert fan.live_drop().pk > first
