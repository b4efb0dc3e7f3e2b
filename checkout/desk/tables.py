"""What the tables of delivery, tax and discounts share: each change with a line in the journal."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from merchant import journal
from merchant.desk import COUNTRIES, DeskAdmin, actor
from merchant.money import Money
from merchant.store import current_store

COUNTRY_CHOICES = [(code, COUNTRIES[code]) for code in sorted(COUNTRIES, key=COUNTRIES.__getitem__)]


def money(minor: int) -> str:
    """An amount in the shop's currency."""
    return str(Money(minor, current_store().currency)) if minor else "Free"


class TableAdmin(DeskAdmin):
    """A table of totals. Whatever changes in it is journalled with its name."""

    actions = None

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_related(request, form, formsets, change)
            rows = sum(bool(each.new_objects or each.changed_objects or each.deleted_objects) for each in formsets)
            changed = [*form.changed_data, *(["its rows"] if rows else [])]
            self.note(request, form.instance, "changed" if change else "added", ", ".join(changed))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            self.note(request, obj, "deleted", "")
            super().delete_model(request, obj)

    def note(self, request: HttpRequest, obj: Any, verb: str, why: str) -> None:
        subject = f"{obj._meta.model_name}:{obj.pk}"
        journal.record(subject, verb, actor=actor(request), why=f"{obj}: {why}" if why else str(obj))
